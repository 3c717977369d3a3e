#!/usr/bin/python3
"""How often three ways to decide are mistaken, and what they find, on one pool of runs of one build.

    stillpoint compare POOL/base POOL/same --format json | scripts/deciders.py [PAIRS [SHIFT...]]

Comparisons of PAIRS pairs (12) are drawn from the pool as they might have come, either way round: each is of one build
with itself. Counted is in how many of them any metric is called slower or faster, by
  ours     stillpoint compare, with the margin and the family error that it was given
  Welch    two means differ, p < 0.05, as beside hyperfine
  U        two samples differ (Mann and Whitney), p < 0.05, as google/benchmark and asv have it
and then, with one metric made larger by SHIFT, in how many that metric is called slower. Needs python3-scipy.
"""
import json
import sys

import numpy
import scipy.stats

DRAWS = 1000
random = numpy.random.default_rng(1)


def medians_interval(base, new):
    at = random.integers(0, len(base), (400, len(base)))
    return numpy.percentile(numpy.median(new[at], axis=1) / numpy.median(base[at], axis=1), [2.5, 97.5])


def ours(base, new, margin, family_error, metrics):
    logs, limit = numpy.log(new / base), numpy.log1p(margin)
    for side, alternative, shift in ((1, "greater", -limit), (-1, "less", limit)):
        shifted = logs + shift
        if numpy.all(shifted == 0):
            continue
        chance = 2 * scipy.stats.wilcoxon(shifted, alternative=alternative, mode="exact").pvalue
        if chance * metrics <= family_error:
            low, high = medians_interval(base, new)
            if (low > 1 + margin) if side > 0 else (high < 1 / (1 + margin)):
                return side
    return 0


def welch(base, new, *_):
    return int(numpy.sign(new.mean() - base.mean())) * (
        scipy.stats.ttest_ind(base, new, equal_var=False).pvalue < 0.05)


def u_test(base, new, *_):
    return int(numpy.sign(numpy.median(new) - numpy.median(base))) * (
        scipy.stats.mannwhitneyu(base, new, alternative="two-sided").pvalue < 0.05)


def main():
    pool = json.load(sys.stdin)
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    shifts = [float(s) for s in sys.argv[2:]] or [0.05, 0.1, 0.2]
    metrics = [m for m in pool["metrics"] if m["pairs"] > 1]
    values = [(numpy.array(m["values"]["base"]), numpy.array(m["values"]["new"])) for m in metrics]
    ways = {"ours": ours, "Welch": welch, "U": u_test}
    mistakes = dict.fromkeys(ways, 0)
    found = {(way, i, s): 0 for way in ways for i in range(len(metrics)) for s in shifts}
    for _ in range(DRAWS):
        draws = random.random(pairs), random.random(pairs) < 0.5
        drawn = []
        for base, new in values:
            at, turned = (draws[0] * len(base)).astype(int), draws[1]
            drawn.append((numpy.where(turned, new[at], base[at]), numpy.where(turned, base[at], new[at])))
        for way, decide in ways.items():
            more = pool["family_error"], len(metrics)
            mistakes[way] += any(decide(b, n, m["margin"], *more) for (b, n), m in zip(drawn, metrics))
            for i, ((b, n), m) in enumerate(zip(drawn, metrics)):
                for s in shifts:
                    found[way, i, s] += decide(b, n * (1 + s), m["margin"], *more) > 0
    print(f"{pairs} pairs of a pool of {len(values[0][0])}, {len(metrics)} metrics, {DRAWS} comparisons")
    print(f"\n| | {' | '.join(ways)} |\n| --- |{' ---: |' * len(ways)}")
    print("| the same build is called another, % | " +
          " | ".join(f"{100 * mistakes[way] / DRAWS:.1f}" for way in ways) + " |")
    for i, m in enumerate(metrics):
        for s in shifts:
            print(f"| {m['metric']}{' (' + m['label'] + ')' if m['label'] else ''}, {100 * s:.0f} % slower is found, % | " +
                  " | ".join(f"{100 * found[way, i, s] / DRAWS:.0f}" for way in ways) + " |")


main()
