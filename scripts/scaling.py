#!/usr/bin/python3
"""Counts what grace periods and exclusive sections cost, beside what was predicted: `make scaling`, or
`scripts/scaling.py BUILD`, which replaces the tables of docs/scaling.md.

BUILD/counted (tests/programs/counted.c) runs under callgrind once for each kind and number of threads. Instructions
are those of the calling thread; lines are the different cache lines of data that it touches, counted as the misses of
a simulated cache that is empty before and forgets nothing. A cost is

    fixed + groups * min(threads, 64) + each * threads

of which callgrind's counts at every second size give the three figures, and the sizes between are held out: there the
figures have to be right within 10 %. PREDICTED is what reading the machine code gave before anything was counted.
Exit code 3: a size that was held out, or a prediction, lies beyond that.
"""
import re
import subprocess
import sys
import tempfile

import numpy

PAGE = "docs/scaling.md"
SIZES = [2**i for i in range(13)]
FITTED, HELD_OUT = SIZES[::2], SIZES[1::2]
GROUPS = 64
WITHIN = 0.10
# Of each thread: instructions, lines. What nobody predicted is None.
PREDICTED = {
    "announced": (117, 2),
    "outside": (90, 2),
    "proposed": (93, 2),
    "parking": (158, 2),
    "parked": (0, 0),
    "section": (6, 1),
    "executing": (25, 2),
}
# A first-level cache in which nothing is forgotten: a thread's lines lie a stack apart, many in one set.
CACHE = ["--cache-sim=yes", "--D1=67108864,64,64", "--LL=134217728,64,64"]


def count(build, kind, threads):
    """Instructions, lines."""
    with tempfile.NamedTemporaryFile() as out:
        said = subprocess.run(["valgrind", "--tool=callgrind", "-q", "--instr-atstart=no", "--max-threads=5000", *CACHE,
                               f"--callgrind-out-file={out.name}", f"{build}/counted", kind, str(threads)],
                              capture_output=True, text=True)
        text = open(out.name).read()
    events, totals = (re.search(rf"^{row}: (.*)$", text, re.M) for row in ("events", "totals"))
    if said.returncode != 0 or not totals:
        sys.exit(f"counted {kind} {threads}: {said.stderr or 'callgrind counted nothing'}")
    counts = dict(zip(events[1].split(), map(int, totals[1].split())))
    return numpy.array([counts["Ir"], counts["D1mr"] + counts["D1mw"]])


def terms(threads):
    return [1, min(threads, GROUPS), threads]


def fit(counts):
    """Of both columns, so that relative errors are least: fixed, groups, each."""
    rows = numpy.array([terms(n) for n in FITTED], float)
    return numpy.array([numpy.linalg.lstsq(rows / wanted[:, None], wanted / wanted, rcond=None)[0]
                        for wanted in numpy.array([counts[n] for n in FITTED], float).T])


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def replace(mark, text):
    page = open(PAGE).read()
    page, replaced = re.subn(rf"(<!-- {mark} -->\n).*?(<!-- end -->)", lambda m: m[1] + text + m[2], page, flags=re.S)
    if replaced != 1:
        sys.exit(f"{PAGE}: has no place for {mark}")
    open(PAGE, "w").write(page)


def main():
    build, bad, summary, held_out = sys.argv[1], False, [], []
    for kind, predicted in PREDICTED.items():
        counts = {n: count(build, kind, n) for n in SIZES}
        figures = fit(counts)
        worst = max(abs(figures @ terms(n) / counts[n] - 1).max() for n in HELD_OUT)
        # What each thread costs is to be judged where it is most of the whole.
        off = [abs(want - got) > WITHIN * max(want, 1) for want, got in zip(predicted, figures[:, 2])]
        bad = bad or worst > WITHIN or any(off)
        for what, want, (fixed, groups, each), wrong in zip(("instructions", "lines"), predicted, figures, off):
            summary.append([f"`{kind}`", what, want, f"{round(each, 2) + 0:.2f}" + (" (off)" if wrong else ""),
                            f"{round(groups, 1) + 0:.1f}", f"{fixed:.0f}"])
        for n in HELD_OUT:
            (instructions, lines), (counted, touched) = figures @ terms(n), counts[n]
            held_out.append([f"`{kind}`", n, f"{instructions:.0f}", counted, f"{instructions / counted - 1:+.1%}",
                             f"{lines:.0f}", touched, f"{lines / touched - 1:+.1%}"])
        print(f"{kind:10} each {round(figures[0][2], 2) + 0:7.2f} instructions (predicted {predicted[0]}), {round(figures[1][2], 2) + 0:5.2f} lines "
              f"(predicted {predicted[1]}); worst of those held out {worst:.1%}", flush=True)
    replace("counted", table(["grace period", "counted", "of each thread, predicted", "counted", "of each group", "fixed"],
                             summary))
    replace("held out", table(["grace period", "threads", "instructions, model", "counted", "off", "lines, model",
                               "counted", "off"], held_out))
    sys.exit(3 if bad else 0)


main()
