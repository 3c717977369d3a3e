#!/usr/bin/env python3
"""Plants comments, right and wrong, in a tree of two files, and expects tests/comments.py to find
each mistake, and nothing in what is right."""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
from comments import Tree

WRITERS = """
void writer(struct thing *t)
{
    unsigned late = atomic_load_explicit(&t->late, memory_order_relaxed);

    atomic_store_explicit(&t->ready, 1 + atomic_load_explicit(&t->late, memory_order_relaxed),
                          memory_order_release);
    plain = late;
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
static void out_of_line(struct thing *t)
{
    SET(t->ready);
}
void caller(struct thing *t)
{
    out_of_line(t);
    atomic_store_explicit(&t->late, 1, memory_order_relaxed);
}
static volatile sig_atomic_t asked;
void handler(int number)
{
    asked = number;
}
void nobody(void)
{
    plain = data;
}
"""
READER = """
struct thing {
    atomic_int ready, late;
};
int reader(struct thing *t)
{
    int n = 0;

%s
    return n + atomic_load_explicit(&t->ready, memory_order_acquire) + t->late;
}
"""


def order(partners, first="LOAD ready (acquire) -> LOAD of the rest", broken="half is seen"):
    return f"/* Orders: {first}.\n     * Pairs with: {partners}.\n     * Broken: {broken}. */"


RIGHT = [
    order("writer()"),
    order("writer(), STORE of the rest -> STORE ready (release)"),
    order("writer(), STORE data -> STORE ready (release)"),
    order("writer(), LOAD late -> STORE ready (release)"),
    order("writer() and writer_by_macro(), STORE t->ready (release)"),
    order("writer(), STORE ready (release), for nobody()"),
    order("writer_by_macro(), STORE ready (release)"),
    order("fenced_writer(), STORE ready (release)"),
    order("relaxed_writer(), STORE ready"),
    order("itself, LOAD ready"),
    order("handler(), STORE asked"),
    order("fenced_writer(), STORE x -> LOAD y", first="STORE y -> LOAD x"),
    order("writer()", first="STORE of the rest -> EXCHANGE ready (acq_rel)"),
    order("writer(), LOAD late -> nobody()", first="nobody() -> STORE late"),
    order("other_writer(), STORE late -> writer(), STORE ready (release)"),
    "/* As `ready` in writer(). */",
]
WRONG = [
    ("partner: missing() is not defined", order("missing(), STORE ready")),
    ("name: missing() is neither", order("missing(), STORE ready")),
    ("partner: nobody() has no atomic access", order("nobody(), STORE ready")),
    ("partner: nobody() has no atomic access", order("nobody()")),
    ("partner: nobody() has no atomic access", order("nobody(), STORE asked")),
    ("partner: other_writer() has no access to ready", order("other_writer()")),
    ("partner: other_writer() has no access to ready",
     order("other_writer(), STORE ready (release)")),
    ("partner: other_writer() has no access to ready",
     order("writer() and other_writer(), STORE ready")),
    ("partner: caller() has no access to ready", order("caller(), STORE ready (release)")),
    ("partner: set() has no access to late", order("set(), STORE late -> STORE word (release)")),
    ("partner: writer() has no LOAD of ready", order("writer(), LOAD ready")),
    ("partner: other_writer() has no access to ready",
     order("writer(), LOAD late -> other_writer(), STORE ready")),
    ("partner: writer() has no RMW of ready", order("writer(), RMW ready")),
    ("partner: writer() has no STORE of late", order("writer(), STORE late -> STORE ready")),
    ("partner: relaxed_writer() has no STORE of ready with release",
     order("relaxed_writer(), STORE ready (release)")),
    ("partner: writer() has no STORE of ready with seq_cst",
     order("writer(), STORE ready (seq_cst)")),
    ("partner: writer() has no atomic access to plain", order("writer(), STORE plain")),
    ("partner: writer() has no fence",
     order("writer(), STORE x -> LOAD y", first="STORE y -> LOAD x")),
    ('partner: "Pairs with:" names no function()', order("the writer, STORE ready")),
    ("partner: nothing here accesses plain", order("writer()", first="LOAD plain -> LOAD of it")),
    ("name: raedy is nowhere in the code", order("writer()", first="LOAD raedy -> LOAD of it")),
    ("name: missing() is neither", "/* Once more: see writer() and calls of missing(). */"),
    ("name: `rady` is nowhere in the code", "/* Under `rady`. */"),
    ('form: "Orders:" is not the first line', "/* It waits.\n     *" + order("writer()")[2:]),
    ('form: no "Orders:', "/* Acquire, pairs with: the release in writer(). Broken: half. */"),
    ('form: no "Pairs with:"', "/* Orders: LOAD ready -> LOAD of it. Broken: half. */"),
    ('form: no "Broken:"', "/* Orders: LOAD ready -> LOAD of it. Pairs with: writer(). */"),
    ('form: "Broken: as there"', order("writer()", broken="as said there")),
    ('form: not "ACCESS -> ACCESS"', order("writer()", first="the reader waits, then it loads")),
    ('form: not "ACCESS -> ACCESS"', order("writer()", first="LOAD of a -> LOAD of b")),
    ("look: 1 in 2 words, 500.00 in 1000 (over", "/* It looks. */"),
    ("say/tell: 1 in 3 words, 333.33 in 1000 (over", "/* As was told. */"),
]


def judge(comment, folder="torture"):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / folder).mkdir()
        (root / "tests").mkdir()
        (root / "tests/writers.c").write_text(WRITERS)
        (root / folder / "reader.c").write_text(READER % ("    " + comment))
        lines, wrong = Tree(root, [folder]).check()
    found = [line for line in lines if line.startswith(folder) or "over the limit" in line]
    assert wrong == bool(found), lines
    return found


failed = 0
cases = [(None, comment, "torture") for comment in RIGHT]
cases += [(expected, comment, "torture") for expected, comment in WRONG]
cases += [("bare: atomic_load_explicit() has no", "/* Why. */", "lib"), (None, RIGHT[0], "lib")]
for expected, comment, folder in cases:
    found = judge(comment, folder)
    if found if expected is None else not any(expected in line for line in found):
        print(f"in {folder}:\n    {comment}\nexpected {expected or 'nothing'}, found {found}")
        failed += 1
print(f"{len(cases)} comments planted, {failed} judged wrongly")
sys.exit(failed > 0)
