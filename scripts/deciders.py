#!/usr/bin/python3
"""How often three ways to decide are mistaken, and what they find, on one pool of runs of one build.

    scripts/deciders.py [-n PAIRS] [-d COMPARISONS] [POOL.json [PERCENT...]]

The pool is tests/pool.json, which scripts/pool.sh makes. Comparisons of PAIRS pairs (15, which five minutes give) are
drawn from it as they might have come, either way round: each is of one build with itself. Counted is in how many of them
any metric is called slower or faster, by
  ours     stillpoint compare, with the margins that it takes from as many pairs of one build (--aa)
  Welch    two means differ, p < 0.05, as beside hyperfine
  U        two samples differ (Mann and Whitney), p < 0.05, as google/benchmark and asv have it
and then, with one metric made larger by 5, 10 and 20 %, or PERCENT, in how many that metric is called slower. Written as
Markdown. Needs python3-scipy.
"""
import argparse
import json
import pathlib

import numpy
import scipy.stats

BOOTSTRAPS = 400
random = numpy.random.default_rng(1)


def ratio_interval(base, new):
    at = random.integers(0, len(base), (BOOTSTRAPS, len(base)))
    return numpy.percentile(numpy.median(new[at], axis=1) / numpy.median(base[at], axis=1), [2.5, 97.5])


def noise(base, new):
    low, high = ratio_interval(base, new)
    return max(high, 1 / low) - 1


def chance_above(base, new, limit):
    """Of all ways to turn pairs round: in how many the ranks of NEW add up to as much."""
    ranks = scipy.stats.rankdata(numpy.concatenate((base, new / limit)))
    differences = (2 * (ranks[len(base):] - ranks[:len(base)])).astype(int)
    share = numpy.ones(1)
    for size in abs(differences):
        share = (numpy.pad(share, (0, size)) + numpy.pad(share, (size, 0))) / 2
    return share[differences[differences > 0].sum():].sum()


def ours(base, new, margin, family_error, metrics):
    for side, chance in ((1, chance_above(base, new, 1 + margin)), (-1, chance_above(new, base, 1 + margin))):
        if 2 * chance * metrics <= family_error:
            low, high = ratio_interval(base, new)
            if (low > 1 + margin) if side > 0 else (high < 1 / (1 + margin)):
                return side
    return 0


def welch(base, new, *_):
    sure = scipy.stats.ttest_ind(base, new, equal_var=False).pvalue < 0.05
    return int(numpy.sign(new.mean() - base.mean())) * sure


def u_test(base, new, *_):
    sure = scipy.stats.mannwhitneyu(base, new, alternative="two-sided").pvalue < 0.05
    return int(numpy.sign(numpy.median(new) - numpy.median(base))) * sure


WAYS = {"ours": ours, "Welch": welch, "U": u_test}


def draw(values, pairs):
    """The same runs of every metric, or, where some have no pair, about the same: what the machine did then is in all."""
    when, turned, drawn = random.random(pairs), random.random(pairs) < 0.5, []
    for base, new in values:
        at = (when * len(base)).astype(int)
        drawn.append((numpy.where(turned, new[at], base[at]), numpy.where(turned, base[at], new[at])))
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=15, metavar="PAIRS")
    parser.add_argument("-d", type=int, default=1000, metavar="COMPARISONS")
    parser.add_argument("pool", nargs="?", default=pathlib.Path(__file__).parent.parent / "tests" / "pool.json")
    parser.add_argument("percent", nargs="*", type=float)
    asked = parser.parse_args()
    pool, shifts = json.load(open(asked.pool)), [p / 100 for p in asked.percent or (5, 10, 20)]
    metrics = [m for m in pool["metrics"] if m["pairs"] > 1]
    values = [(numpy.array(m["values"]["base"]), numpy.array(m["values"]["new"])) for m in metrics]
    mistakes = dict.fromkeys(WAYS, 0)
    found = {(way, i, s): 0 for way in WAYS for i in range(len(metrics)) for s in shifts}
    for _ in range(asked.d):
        drawn, same = draw(values, asked.n), draw(values, asked.n)
        margins = [max(m["margin"], noise(*pair)) for m, pair in zip(metrics, same)]
        for way, decide in WAYS.items():
            more = pool["family_error"], len(metrics)
            mistakes[way] += any(decide(b, n, margin, *more) for (b, n), margin in zip(drawn, margins))
            for i, ((b, n), margin) in enumerate(zip(drawn, margins)):
                for s in shifts:
                    found[way, i, s] += decide(b, n * (1 + s), margin, *more) > 0
    print(f"{asked.d} comparisons of {asked.n} pairs, from a pool of {len(values[0][0])} runs a side, "
          f"{len(metrics)} metrics:\n")
    print(f"| % of the comparisons | {' | '.join(WAYS)} |\n| --- |{' ---: |' * len(WAYS)}")
    print("| the same build is called another | " + " | ".join(
        f"{100 * mistakes[way] / asked.d:.1f} (at most "
        f"{100 * scipy.stats.beta.ppf(0.95, mistakes[way] + 1, asked.d - mistakes[way]):.1f})"
        if mistakes[way] < asked.d else "100" for way in WAYS) + " |")
    for i, m in enumerate(metrics):
        for s in shifts:
            label = f" ({m['label']})" if m["label"] else ""
            print(f"| {m['metric']}{label}, {100 * s:.3g} % slower is found | " + " | ".join(
                f"{100 * found[way, i, s] / asked.d:.0f}" for way in WAYS) + " |")


main()
