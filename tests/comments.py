#!/usr/bin/env python3
"""Checks the comments of the C sources: `tests/comments.py [DIRECTORY...]`, by default lib torture bench.

  name      every name() in a comment is a function or a macro of the tree, or one that the tree calls;
            a `name` is an identifier, a word of a string, or a file of the tree
  form      a comment with "Pairs with:" begins with "Orders: ACCESS -> ACCESS" (after the contract, where it
            stands above a function) and has "Broken:", which explains it without "as there". ACCESS is LOAD,
            STORE or RMW and an identifier expression, with the order in parentheses if it matters, or
            "LOAD of ...", "STORE of ...", "accesses of ..." for what has no single name; one has a name.
  partner   what follows "Pairs with:" is defined, and it, or what it calls in its file or inline, has such an
            access, with that order at least or a fence
  words     "look" and "say/tell" stand at most 0.8 and 1.2 times in 1000 words

It reads tokens, not C. Prints FILE:LINE: KIND: MESSAGE and ends with 1 if anything is wrong.
`tests/comments.py --self-test` plants each kind of mistake and expects it to be found.
"""
import bisect
import collections
import pathlib
import re
import sys
import tempfile

# Functions and calls of the system that comments may name though the tree does not call them by that name.
OUTSIDE = set("""membarrier futex sigreturn sched_setaffinity fork vfork execve exit _exit malloc free
                 numa_set_preferred""".split())
LIMITS = {"look": (r"look(s|ed|ing)?", 0.8), "say/tell": (r"says?|said|saying|tells?|told|telling", 1.2)}

ORDERS = ["relaxed", "acquire", "release", "acq_rel", "seq_cst"]
FENCE = re.compile(r"atomic_(thread|signal)_fence$|asymmetric_fence_|\w*heavy_fence$|__atomic_\w+_fence$")
ATOMIC = re.compile(r"(?:__)?atomic_(load|store|exchange|fetch|compare_exchange|flag|add|sub|or|and|clear|test)")
EXPRESSION = r"[*&]*[A-Za-z_]\w*(?:(?:->|\.)[A-Za-z_]\w*|\[[^\]]*\]|\([^()]*\))*"
CLAIM = re.compile(r"\b(LOAD|STORE|RMW)s?\s+(?!(?:of|that|the|by|in|its)\b)(%s)(?:\s+\((\w+)[^)]*\))?" % EXPRESSION)
LABEL = re.compile(r"\b(Orders|[Pp]airs with|Broken)(:)?")
SIDE = re.compile(r"\s*((LOAD|STORE|RMW)s?|access(es)?)\b|[^;]*\bsignal\b")
NO_PARTNER = {"in", "for", "by", "after", "before", "from", "through", "via", "as", "with", "under", "when", "if"}

Definition = collections.namedtuple("Definition", "file start end parameters body is_inline")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def tokens(text):
    return set(re.findall(r"[A-Za-z_]\w*", text))


def last_name(expression):
    return re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^\]]*\]|(?<=\w)\(.*", "", expression))[-1]


def claims_in(text):
    """(kind, variable, order) of each access; not of what is the caller's: `p`, or `*p` without an order."""
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
            return blank(m[0]) if m[0].startswith("/") else m[0][0] + " " * (len(m[0]) - 2) + m[0][-1]

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
            yield m[1], Definition(self, m.start(), m.end(), [p.strip() for p in parameters], body, True)
        code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", lambda m: blank(m[0]), code, flags=re.M)
        for m in re.finditer(r"^\{", code, re.M):
            start = max(code.rfind(";", 0, m.start()), code.rfind("}", 0, m.start())) + 1
            head = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", lambda a: blank(a[0]), code[start:m.start()], flags=re.S)
            found = re.search(r"\b(\w+)\s*\(", head)
            if not found or "=" in head[:found.start()]:
                continue
            end = re.compile(r"^\}", re.M).search(code, m.end())
            end = end.end() if end else len(code)
            _, parameters = balanced(head, found.end() - 1)
            names = [(re.search(r"\(\*\s*(\w+)", p) or re.search(r"(\w+)\s*(?:\[.*)?$", p) or [0, ""])[1]
                     for p in parameters]
            is_inline = bool(re.search(r"\binline\b", head)) or self.path.endswith(".h")
            # A case of a test is named by the macro's argument.
            name = parameters[0].strip() if found[1].isupper() and len(parameters) == 1 else found[1]
            yield name, Definition(self, start, end, names, self.code[m.end():end], is_inline)


class Tree:
    def __init__(self, root, directories):
        self.root = root
        self.files = [File(p) for d in ("lib", "torture", "bench", "tests") for p in sorted((root / d).rglob("*.[ch]"))]
        self.checked = [f for f in self.files if any(pathlib.Path(f.path).is_relative_to(root / d)
                                                     for d in directories)]
        self.definitions = collections.defaultdict(list)
        self.called, self.code, self.words, self.atomics = set(OUTSIDE), set(), set(), set()
        for f in self.files:
            for name, definition in f.definitions():
                self.definitions[name].append(definition)
            self.called.update(re.findall(r"\b([A-Za-z_]\w*)\s*\(", f.code), re.findall(r"\(\*(\w+)\)\s*\(", f.code))
            self.code |= tokens(f.code)
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
            # The last argument; of a compare and exchange, that for success.
            order = re.search(r"(?:memory_order_|__ATOMIC_)(\w+)", "".join(arguments[-2 if "compare" in callee else -1:]))
            order = order[1].lower() if order else "relaxed" if re.search(r"_explicit$|_n$", callee) else "seq_cst"
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
        if not accesses:
            return f"{name}() has no atomic access"
        if not claims:
            if not ordered or any(ordered & a[2] for a in accesses) or (fence and ordered & seen):
                return None
            return f"{name}() has no access to {' or '.join(sorted(ordered))}"
        proven = False
        for kind, variable, order in claims:
            fitting = [a for a in accesses if variable in a[2] and (a[0] in (kind, "RMW"))]
            if not fitting and variable not in seen and variable not in self.atomics and not order:
                continue # plain data, which the partner's caller may access
            if not fitting and variable not in seen:
                return f"{name}() has no access to {variable}"
            if not fitting and any(variable in a[2] for a in accesses):
                return f"{name}() has no {kind} of {variable}"
            if order in ORDERS[1:] and not fence and not any(self.at_least(a[1], order) for a in fitting):
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
        """Names in the function around a comment, or in what stands below it, and in those that it names."""
        _, definition = self.around(f, offset)
        seen = set() if definition else tokens("\n".join(f.code[offset:].split("\n")[:40]))
        for d in [definition] + [d for n in re.findall(r"(\w+)\(\)", value) for d in self.definitions.get(n, ())]:
            if d:
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
            ordered = set()
            if "Orders" not in group:
                self.problem(f, at(label), "form", 'no "Orders: ACCESS -> ACCESS"')
            else:
                m, value = group["Orders"]
                above = text[:m.start()].strip()
                if above and "Broken:" not in above and self.around(f, offset)[1]:
                    self.problem(f, at(m), "form", '"Orders:" is not the first line')
                sides = re.split(r"\s->\s", value)
                ordered = {variable for _, variable, _ in claims_in(value)}
                if len(sides) < 2 or not CLAIM.search(value) or not all(SIDE.match(s) for s in sides):
                    self.problem(f, at(m), "form", f'not "ACCESS -> ACCESS": {" ".join(value.split())[:60]}')
                for name in sorted(ordered - self.code):
                    self.problem(f, at(m), "name", f"{name} is nowhere in the code")
                if ordered and not ordered & self.here(f, offset, value):
                    self.problem(f, at(m), "partner", f"nothing here accesses {' or '.join(sorted(ordered))}")
            if "Broken" not in group:
                self.problem(f, at(label), "form", 'no "Broken:"')
            elif re.match(r"\s*(as|see)\s+((was )?sa(id|ys) )?(there|above|below)\b", group["Broken"][1]):
                self.problem(f, at(group["Broken"][0]), "form", '"Broken: as there" explains nothing')
            if "Pairs with" in group:
                self.check_partners(f, at(group["Pairs with"][0]), group["Pairs with"][1], ordered)
            else:
                self.problem(f, at(label), "form", 'no "Pairs with:"')

    def check_partners(self, f, offset, value, ordered):
        value = re.sub(r"\bitself\b", f"{self.around(f, offset)[0]}()", value)
        names = []
        for m in re.finditer(r"\b([A-Za-z_]\w*)\(\)", value):
            before = value[:m.start()].split()[-1:]
            if not before or before[0] not in NO_PARTNER or (before[0] == "in" and not names):
                names.append(m)
        if not names:
            constants = [c for c in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", value) if c in self.code]
            if not constants: # a partner in the kernel is named by the constant that asks for it
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

    def check_comment(self, f, offset, raw):
        # As long as it was, so that offsets stay what they are.
        text = re.sub(r"^/[*/]|\*/$|(?<=\n)[ \t]*\*", lambda m: " " * len(m[0]), raw)
        words = re.findall(r"[\w'-]+", re.sub(r"`\w*`|\w+\(\)", " ", text))
        self.word_count += len(words)
        for name, (pattern, _) in LIMITS.items():
            self.counts[name] += sum(bool(re.fullmatch(pattern, w.lower())) for w in words)
        for m in re.finditer(r"(?<![\w*…>])([A-Za-z_]\w*)\(\)", text):
            if m[1] not in self.called and not m[1].startswith("mine_"): # the template's
                self.problem(f, offset + m.start(), "name", f"{m[1]}() is neither defined nor called")
        for m in re.finditer(r"`([A-Za-z_]\w*)`", text):
            if m[1] not in self.words and not any(self.root.glob(m[1] + "*")):
                self.problem(f, offset + m.start(), "name", f"`{m[1]}` is nowhere in the code")
        if re.search(r"\b(Orders|[Pp]airs with):", text):
            self.check_order(f, offset, text)

    def check(self):
        for f in self.checked:
            for offset, raw in f.comments:
                self.check_comment(f, offset, raw)
        lines = [f"{pathlib.Path(path).relative_to(self.root)}:{line}: {kind}: {message}"
                 for path, line, kind, message in sorted(self.problems)]
        wrong = bool(self.problems)
        for name, (_, limit) in LIMITS.items():
            rate = 1000 * self.counts[name] / max(self.word_count, 1)
            wrong |= rate > limit
            lines.append(f"{name}: {self.counts[name]} in {self.word_count} words, {rate:.2f} in 1000"
                         f"{f' (over the limit of {limit})' if rate > limit else ''}")
        lines.append(", ".join(f"{self.counts[kind]} {kind}" for kind in ("name", "form", "partner")))
        return lines, wrong


# ---- Self-test -----------------------------------------------------------------------------------

OTHER_FILE = """
#include "a.h"
void writer(struct thing *t)
{
    atomic_store_explicit(&t->ready, 1 + atomic_load_explicit(&t->late, memory_order_relaxed),
                          memory_order_release);
    plain = 1;
}
void relaxed_writer(struct thing *t)
{
    atomic_store_explicit(&t->ready, 1, memory_order_relaxed);
}
void fenced_writer(struct thing *t)
{
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&t->ready, 1, memory_order_relaxed);
}
void other_writer(struct thing *t)
{
    atomic_store_explicit(&t->late, 1, memory_order_release);
}
#define SET(word) __atomic_store_n(&(word), 1, __ATOMIC_RELEASE)
static inline void set(atomic_int *word)
{
    SET(*word);
}
void writer_by_macro(struct thing *t)
{
    set(&t->ready);
}
void nobody(void)
{
    plain = other_data;
}
"""
READER = """
struct thing {
    atomic_int ready, late;
};
int reader(struct thing *t)
{
%s
    return atomic_load_explicit(&t->ready, memory_order_acquire) + t->late;
}
"""
FORM = """    /* Orders: LOAD ready (acquire) -> LOAD of the rest.
     * Pairs with: %s.
     * Broken: half of it is seen. */"""
CASES = [  # what stands in reader(), and what is found there; None: nothing
    (FORM % "writer(), STORE of the rest -> STORE ready (release)", None),
    (FORM % "writer()", None),
    (FORM % "writer_by_macro(), STORE ready (release)", None),
    (FORM % "fenced_writer(), STORE ready (release)", None),
    (FORM % "relaxed_writer(), STORE ready", None),
    (FORM % "writer() and writer_by_macro(), STORE t->ready (release)", None),
    (FORM % "itself, LOAD ready", None),
    (FORM % "writer(), STORE other_data -> STORE ready (release)", None),
    (FORM % "writer(), LOAD late -> STORE ready (release)", None),
    (FORM % "writer(), STORE late -> STORE ready (release)", "partner: writer() has no STORE of late"),
    (FORM % "set(), STORE late -> STORE word (release)", "partner: set() has no access to late"),
    (FORM % "missing(), STORE ready", "partner: missing() is not defined"),
    (FORM % "nobody(), STORE ready", "partner: nobody() has no atomic access"),
    (FORM % "nobody()", "partner: nobody() has no atomic access"),
    (FORM % "other_writer(), STORE ready (release)", "partner: other_writer() has no access to ready"),
    (FORM % "other_writer()", "partner: other_writer() has no access to ready"),
    (FORM % "writer(), LOAD ready", "partner: writer() has no LOAD of ready"),
    (FORM % "relaxed_writer(), STORE ready (release)", "partner: relaxed_writer() has no STORE of ready with release"),
    (FORM % "writer(), STORE ready (seq_cst)", "partner: writer() has no STORE of ready with seq_cst"),
    (FORM % "writer(), STORE plain", "partner: writer() has no atomic access to plain"),
    (FORM % "writer() and other_writer(), STORE ready", "partner: other_writer() has no access to ready"),
    (FORM % "the writer, STORE ready", 'partner: "Pairs with:" names no function()'),
    (FORM.replace("ready (", "raedy (") % "writer()", "name: raedy is nowhere in the code"),
    (FORM.replace("LOAD ready (acquire)", "LOAD plain") % "writer()", "partner: nothing here accesses plain"),
    ("    /* The reader waits here.\n     *" + (FORM % "writer()")[6:], 'form: "Orders:" is not the first line'),
    ("    /* Acquire, pairs with: the release in writer(). Broken: half. */", 'form: no "Orders: ACCESS -> ACCESS"'),
    (FORM.replace("LOAD ready (acquire) ->", "the reader waits, then") % "writer()", "form: not \"ACCESS -> ACCESS\""),
    (FORM.replace("half of it is seen", "as said there") % "writer()", 'form: "Broken: as there" explains nothing'),
    (FORM.replace("Broken: ", "") % "writer()", 'form: no "Broken:"'),
    ("    /* Once more: see writer() and calls of missing(). */", "name: missing() is neither defined nor called"),
    ("    /* Under `rady`. */", "name: `rady` is nowhere in the code"),
    ("    /* It looks. */", "look: 1 in 2 words, 500.00 in 1000 (over the limit of 0.8)"),
    ("    /* As was told. */", "say/tell: 1 in 3 words, 333.33 in 1000 (over the limit of 1.2)"),
]


def self_test():
    failed = 0
    for planted, expected in CASES:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "lib").mkdir()
            (root / "lib/other.c").write_text(OTHER_FILE)
            (root / "lib/reader.c").write_text(READER % planted)
            lines, wrong = Tree(root, ["lib"]).check()
        found = [line for line in lines if ": " in line and (line.startswith("lib/") or "over the limit" in line)]
        right = any(expected in line for line in found) if expected else not found
        if wrong != bool(found) or not right:
            failed += 1
            print(f"planted:\n{planted}\nexpected: {expected}\nfound: {found}", file=sys.stderr)
    print(f"{len(CASES)} planted, {failed} judged wrongly")
    return failed > 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    lines, wrong = Tree(pathlib.Path.cwd(), arguments or ["lib", "torture", "bench"]).check()
    print("\n".join(lines))
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
