#!/usr/bin/env python3
"""Checks the comments of the C sources: `tests/comments.py [DIRECTORY...]`, by default lib torture
bench. Prints FILE:LINE: KIND: MESSAGE, and ends with 1 if anything is wrong. The kinds:

  name      every name() in a comment is a function or a macro that the tree defines or calls; a
            `name` is an identifier of the tree, a word of one of its strings, or a file in its root
  form      a comment with "Pairs with:" begins with "Orders: ACCESS -> ACCESS" (above a function
            that may come after the contract) and has "Broken:", which is not "as there". ACCESS is
            LOAD, STORE, RMW, CAS or EXCHANGE and an expression, with its order in parentheses if
            it matters; or, for what has no single name, "LOAD of ...", "accesses of ...", "what
            ...", a call(), or something about a signal. One of the two has a name.
  partner   each function after "Pairs with:" is defined, and in it, or in the inline functions and
            macros that it calls, is such an access, with that order at least or beside a fence.
            Names of one letter, and `*p` without an order, are data of the caller. Plain data,
            which the tree nowhere accesses atomically, need not be accessed in the partner itself.
            A constant in capitals, KVM_RUN, stands for the system as the partner.
  bare      in lib/ a fence, and an order stronger than relaxed, has such a comment above it
  words     "look" and "say/tell" stand at most 0.8 and 1.2 times in 1000 words

It reads tokens, not C: it finds a wrong name, and hardly a wrong argument.
"""
import bisect
import collections
import pathlib
import re
import sys

# What the system defines and comments may name, though the tree does not call it by that name.
OUTSIDE = {"membarrier", "futex", "vfork", "numa_set_preferred"}
LIMITS = { # in 1000 words
    "look": (r"look(s|ed|ing)?", 0.8),
    "say/tell": (r"says?|said|saying|tells?|told|telling", 1.2),
}
ABOVE = 6 # lines between the end of a comment and the access that it is about

ORDERS = ["relaxed", "acquire", "release", "acq_rel", "seq_cst"]
FENCE = re.compile(r"(__)?atomic_(thread|signal)_fence$|asymmetric_fence_|platform_heavy_fence$")
ATOMIC = re.compile(r"(?:__|stillpoint_)?atomic_(load|store|exchange|fetch|compare|flag|add|sub|or|and|clear)")
EXPRESSION = r"[*&]*[A-Za-z_]\w*(?:(?:->|\.)[A-Za-z_]\w*|\[[^\]]*\]|\([^()]*\))*"
KIND = r"(LOAD|STORE|RMW|CAS|EXCHANGE)s?"
CLAIM = re.compile(rf"\b{KIND}\s+(?!(?:of|that|the|by|in|its)\b)"
                   rf"({EXPRESSION})(?:\s+\((\w+)[^)]*\))?")
LABEL = re.compile(r"\b(Orders|[Pp]airs with|Broken)(:)?")
SIDE = re.compile(rf"\s*({KIND}|access(es)?|what)\b|\s*\w+\(\)|[^;]*\bsignal\b")
# A name() after one of these is no partner: "wait(), LOAD answer, for view()".
NO_PARTNER = set("in for by after before from through via as with under when if".split())

Definition = collections.namedtuple("Definition", "file start end parameters body is_inline")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def tokens(text):
    return set(re.findall(r"[A-Za-z_]\w*", text))


def last_name(expression):
    return re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^\]]*\]|(?<=\w)\(.*", "", expression))[-1]


def claims_in(text):
    """(kind, variable, order) of each access that is not of the caller's data."""
    return [(kind, last_name(e), order) for kind, e, order in CLAIM.findall(text)
            if len(last_name(e)) > 1 and (not e.startswith("*") or order in ORDERS)]


def balanced(text, start):
    """The end of the parenthesis that opens at `start`, and its arguments."""
    depth, cut, arguments = 0, start + 1, []
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and text[i] == ","):
            arguments.append(text[cut:i])
            cut = i + 1
        if depth == 0:
            return i, arguments
    return len(text), arguments


def order_of(call, arguments):
    """The order of an access: its last argument; of a compare and exchange, that for success."""
    text = "".join(arguments[-2 if "compare" in call else -1:])
    found = re.search(r"(?:memory_order_|__ATOMIC_)(\w+)", text)
    if found:
        return found[1].lower()
    return "relaxed" if re.search(r"_explicit$|_n$|^stillpoint_", call) else "seq_cst"


def calls(text):
    for m in re.finditer(r"\b([A-Za-z_]\w*)\s*\(", text):
        yield m[1], balanced(text, m.end() - 1)[1]


class File:
    def __init__(self, path):
        self.path, self.comments = str(path), []
        text = path.read_text(errors="replace")
        self.lines = [m.start() for m in re.finditer(r"^", text, re.M)]

        def cut(m):
            if m[0].startswith("/"):
                self.comments.append((m.start(), m[0]))
                return blank(m[0])
            return m[0][0] + " " * (len(m[0]) - 2) + m[0][-1]

        pattern = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
        self.code = re.sub(pattern, cut, text, flags=re.S)
        # Without comments, but with strings.
        self.words = tokens(re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S))

    def line(self, offset):
        return bisect.bisect_right(self.lines, offset)

    def definitions(self):
        code = self.code
        for m in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:.*\\\n)*.*)", code, re.M):
            body, parameters = m[2], []
            if body.startswith("("):
                end, parameters = balanced(body, 0)
                body = body[end + 1:]
            parameters = [p.strip() for p in parameters]
            yield m[1], Definition(self, m.start(), m.end(), parameters, body, True)
        code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", lambda m: blank(m[0]), code, flags=re.M)
        for m in re.finditer(r"^\{", code, re.M):
            start = max(code.rfind(";", 0, m.start()), code.rfind("}", 0, m.start())) + 1
            head = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", lambda a: blank(a[0]),
                          code[start:m.start()], flags=re.S)
            found = re.search(r"\b(\w+)\s*\(", head)
            if not found or "=" in head[:found.start()]:
                continue
            end = re.compile(r"^\}", re.M).search(code, m.end())
            end = end.end() if end else len(code)
            _, parameters = balanced(head, found.end() - 1)
            names = [re.search(r"\(\*\s*(\w+)|(\w*)\s*(?:\[.*)?$", p) for p in parameters]
            names = [n[1] or n[2] for n in names]
            is_inline = bool(re.search(r"\binline\b", head)) or self.path.endswith(".h")
            # A case of a test is named by the macro's argument.
            by_macro = found[1].isupper() and len(parameters) == 1
            name = parameters[0].strip() if by_macro else found[1]
            yield name, Definition(self, start, end, names, self.code[m.end():end], is_inline)


class Tree:
    def __init__(self, root, directories):
        self.root = root
        self.files = [File(p) for d in ("lib", "torture", "bench", "tests")
                      for p in sorted((root / d).rglob("*.[ch]"))]
        self.checked = [f for f in self.files
                        if any(pathlib.Path(f.path).is_relative_to(root / d) for d in directories)]
        self.definitions = collections.defaultdict(list)
        self.called, self.code, self.words = set(OUTSIDE), set(), set()
        self.atomics, self.volatiles = set(), set()
        for f in self.files:
            for name, definition in f.definitions():
                self.definitions[name].append(definition)
            self.called.update(re.findall(r"\b([A-Za-z_]\w*)\s*\(", f.code))
            self.called.update(re.findall(r"\(\*(\w+)\)\s*\(", f.code))
            self.code |= tokens(f.code)
            self.volatiles.update(re.findall(r"\bvolatile\s[\w\s]*\**\s*\b(\w+)\s*[;=]", f.code))
            self.atomics.update(last_name(arguments[0]) for callee, arguments in calls(f.code)
                                if ATOMIC.match(callee) and tokens(arguments[0]))
            self.words |= f.words
        self.called |= self.definitions.keys()
        self.problems, self.counts, self.word_count = [], collections.Counter(), 0

    def problem(self, f, offset, kind, message):
        self.counts[kind] += 1
        self.problems.append((f.path, f.line(offset), kind, message))

    # ---- What a function accesses ----

    def walk(self, definition, bound, depth, accesses, seen):
        """Appends (kind, order, names) for each atomic access, and adds every name to `seen`."""
        bound = dict(bound)

        def names(text):
            found = tokens(text)
            return found.union(*(bound.get(t, ()) for t in found))

        for m in re.finditer(r"\*\s*(\w+)\s*=\s*([^;,]*)[;,]", definition.body):
            bound[m[1]] = bound.get(m[1], set()) | names(m[2])
        seen |= names(definition.body)
        for callee, arguments in calls(definition.body):
            atomic = ATOMIC.match(callee)
            order = order_of(callee, arguments)
            if FENCE.match(callee):
                accesses.append(("FENCE", order, set()))
            elif atomic:
                kind = {"load": "LOAD", "store": "STORE", "clear": "STORE"}.get(atomic[1], "RMW")
                accesses.append((kind, order, names(arguments[0])))
            if depth > 0:
                for d in self.definitions.get(callee, ()):
                    if d is not definition and d.is_inline:
                        inner = {p: names(a) for p, a in zip(d.parameters, arguments)}
                        self.walk(d, inner, depth - 1, accesses, seen)

    def judge(self, f, name, claims, ordered):
        """What is wrong with the function as a partner, or nothing."""
        candidates = self.definitions.get(name, ())
        if not candidates:
            return None if name in self.called else f"{name}() is not defined"
        if FENCE.match(name):
            return None
        best = None
        for d in [d for d in candidates if d.file is f] or candidates:
            accesses, seen = [], set()
            self.walk(d, {}, 3, accesses, seen)
            wrong = self.compare(name, claims, ordered, accesses, seen)
            if not wrong:
                return None
            best = best or wrong
        return best

    def compare(self, name, claims, ordered, accesses, seen):
        fence = any(a[0] == "FENCE" for a in accesses)
        # A handler of a signal reaches its own thread by volatile variables.
        if any(variable in self.volatiles & seen for _, variable, _ in claims):
            return None
        if not accesses:
            return f"{name}() has no atomic access"
        if not claims:
            if ordered is None:
                return None
            if not ordered: # only of the caller's data
                return None if fence else f"{name}() has no fence"
            if any(ordered & a[2] for a in accesses) or (fence and ordered & seen):
                return None
            return f"{name}() has no access to {' or '.join(sorted(ordered))}"
        proven = False
        for kind, variable, order in claims:
            kinds = (kind, "RMW") if kind in ("LOAD", "STORE") else ("RMW",)
            fitting = [a for a in accesses if variable in a[2] and a[0] in kinds]
            if not fitting and variable not in seen and variable not in self.atomics and not order:
                continue # plain data, which the partner's caller may access
            if not fitting and variable not in seen:
                return f"{name}() has no access to {variable}"
            if not fitting and any(variable in a[2] for a in accesses):
                return f"{name}() has no {kind} of {variable}"
            strong = fence or any(self.at_least(a[1], order) for a in fitting)
            if order in ORDERS[1:] and not strong:
                return f"{name}() has no {kind} of {variable} with {order}"
            proven = proven or fitting or fence
        return None if proven else f"{name}() has no atomic access to {claims[0][1]}"

    @staticmethod
    def at_least(has, wanted):
        return has == wanted or has == "seq_cst" or (has == "acq_rel" and wanted != "seq_cst")

    # ---- Comments ----

    def around(self, f, offset):
        """The function that a comment stands in, and its name."""
        return next(((name, d) for name, ds in self.definitions.items() for d in ds
                     if d.file is f and d.end - len(d.body) <= offset < d.end), (None, None))

    def here(self, f, offset, value):
        """Names in the function around a comment, or below it, and in functions that it names."""
        _, definition = self.around(f, offset)
        seen = set() if definition else tokens("\n".join(f.code[offset:].split("\n")[:40]))
        named = [d for n in re.findall(r"(\w+)\(\)", value) for d in self.definitions.get(n, ())]
        for d in named + [definition] * bool(definition):
            self.walk(d, {}, 2, [], seen)
        return seen

    def check_order(self, f, offset, text):
        fields = list(LABEL.finditer(text))
        at = lambda m: offset + m.start()
        groups = []
        for m, following in zip(fields, fields[1:] + [None]):
            if not m[2]:
                continue
            value = text[m.end():following.start() if following else len(text)]
            if m[1] == "Orders" or not groups:
                groups.append({})
            groups[-1][m[1].capitalize()] = (m, value)
        for group in groups:
            label = next(iter(group.values()))[0]
            ordered = None
            if "Orders" not in group:
                self.problem(f, at(label), "form", 'no "Orders: ACCESS -> ACCESS"')
            else:
                m, value = group["Orders"]
                above = text[:m.start()].strip()
                if above and "Broken:" not in above and self.around(f, offset)[1]:
                    self.problem(f, at(m), "form", '"Orders:" is not the first line')
                sides = re.split(r"\s->\s", value)
                ordered = {variable for _, variable, _ in claims_in(value)}
                formed = len(sides) > 1 and all(SIDE.match(s) for s in sides)
                if not formed or not CLAIM.search(value):
                    begin = " ".join(value.split())[:60]
                    self.problem(f, at(m), "form", f'not "ACCESS -> ACCESS": {begin}')
                for name in sorted(ordered - self.code):
                    self.problem(f, at(m), "name", f"{name} is nowhere in the code")
                if ordered and not ordered & self.here(f, offset, value):
                    accessed = " or ".join(sorted(ordered))
                    self.problem(f, at(m), "partner", f"nothing here accesses {accessed}")
            if "Broken" not in group:
                self.problem(f, at(label), "form", 'no "Broken:"')
            elif re.match(r"\s*(as|see)\s+(said )?(there|above|below)\b", group["Broken"][1]):
                m = group["Broken"][0]
                self.problem(f, at(m), "form", '"Broken: as there" explains nothing')
            if "Pairs with" in group:
                self.check_partners(f, at(group["Pairs with"][0]), group["Pairs with"][1], ordered)
            else:
                self.problem(f, at(label), "form", 'no "Pairs with:"')

    def check_partners(self, f, offset, value, ordered):
        value = re.sub(r"\bitself\b", f"{self.around(f, offset)[0]}()", value)
        names = []
        for m in re.finditer(r"\b([A-Za-z_]\w*)\(\)", value):
            before = value[:m.start()].split()[-1:]
            # "stop(), STORE a -> wait(), LOAD b" has two; "count(), LOAD a -> wait()" has one.
            is_access = before == ["->"] and not value[m.end():].startswith(",")
            if not names or not (is_access or NO_PARTNER & set(before)):
                names.append(m)
        if not names:
            # A partner in the kernel is named by the constant that calls it, such as KVM_RUN.
            if not self.code & set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", value)):
                self.problem(f, offset, "partner", '"Pairs with:" names no function()')
        inherited = []
        for m, following in reversed(list(zip(names, names[1:] + [None]))):
            between = value[m.end():following.start() if following else len(value)]
            claims = claims_in(between)
            if following and re.fullmatch(r"\s*(,|and|or|, and|, or)\s*", between):
                claims = inherited
            inherited = claims
            wrong = self.judge(f, m[1], claims, ordered)
            if wrong:
                self.problem(f, offset, "partner", wrong)

    def check_bare(self, f):
        ends = [f.line(offset + len(raw) - 1) for offset, raw in f.comments
                if re.search(r"[Pp]airs with:", raw)]
        for m in re.finditer(r"\b(\w*(?:atomic|fence)_\w+)\s*\(", f.code):
            _, arguments = balanced(f.code, m.end() - 1)
            fence = FENCE.match(m[1]) and arguments != ["void"] # which would be its definition
            if fence or (ATOMIC.match(m[1]) and order_of(m[1], arguments) != "relaxed"):
                if not any(0 <= f.line(m.start()) - end <= ABOVE for end in ends):
                    self.problem(f, m.start(), "bare", f"{m[1]}() has no \"Orders:\" above it")

    def check_comment(self, f, offset, raw):
        # As long as it was, so that offsets stay what they are.
        text = re.sub(r"^/[*/]|\*/$|(?<=\n)[ \t]*\*", lambda m: " " * len(m[0]), raw)
        words = re.findall(r"[\w'-]+", re.sub(r"`\w*`|\w+\(\)", " ", text))
        self.word_count += len(words)
        for name, (pattern, _) in LIMITS.items():
            self.counts[name] += sum(bool(re.fullmatch(pattern, w.lower())) for w in words)
        for m in re.finditer(r"(?<![\w*…>])([A-Za-z_]\w*)\(\)", text):
            if m[1] not in self.called and not m[1].startswith("mine_"): # the template's
                message = f"{m[1]}() is neither defined nor called"
                self.problem(f, offset + m.start(), "name", message)
        for m in re.finditer(r"`([A-Za-z_]\w*)`", text):
            if m[1] not in self.words and not any(self.root.glob(m[1] + "*")):
                self.problem(f, offset + m.start(), "name", f"`{m[1]}` is nowhere in the code")
        if re.search(r"\b(Orders|[Pp]airs with):", text):
            self.check_order(f, offset, text)

    def check(self):
        for f in self.checked:
            for offset, raw in f.comments:
                self.check_comment(f, offset, raw)
            if "lib" in pathlib.Path(f.path).relative_to(self.root).parts[:1]:
                self.check_bare(f)
        lines = [f"{pathlib.Path(path).relative_to(self.root)}:{line}: {kind}: {message}"
                 for path, line, kind, message in sorted(self.problems)]
        wrong = bool(self.problems)
        for name, (_, limit) in LIMITS.items():
            rate = 1000 * self.counts[name] / max(self.word_count, 1)
            wrong |= rate > limit
            over = f" (over the limit of {limit})" if rate > limit else ""
            lines.append(f"{name}: {self.counts[name]} in {self.word_count} words, "
                         f"{rate:.2f} in 1000{over}")
        kinds = ("name", "form", "partner", "bare")
        lines.append("comments: " + ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds))
        return lines, wrong


def main(arguments):
    lines, wrong = Tree(pathlib.Path.cwd(), arguments or ["lib", "torture", "bench"]).check()
    print("\n".join(lines))
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
