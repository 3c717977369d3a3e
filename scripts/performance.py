#!/usr/bin/python3
"""The tables of docs/performance.md, from new measurements: `scripts/performance.py [RESULT.json...]`.

Without results it runs the scenarios below with build/stillpoint, which takes a quarter of an hour on a machine
that should do nothing else. Figures are medians of the repeats. What stands between the page's lines
"<!-- NAME -->" and "<!-- end -->" is replaced.
"""
import collections
import json
import re
import statistics
import subprocess
import sys

PAGE = "docs/performance.md"
SCENARIOS = ["configs/bench/peers.json", "configs/bench/exclusive-classic.json"]
FLAVORS = ["stillpoint", "urcu-memb", "urcu-mb", "urcu-qsbr", "urcu-bp", "ck-epoch"]

# Text, part, metric, and what is shown of its ns, or of its number in a second.
ROWS = [
    ("lock and unlock, ns", "pair", "read_side.over_empty", lambda ns: ns),
    ("the same of an online thread, ns", "online-pair", "read_side.qsbr_over_empty", lambda ns: ns),
    ("`synchronize_rcu()`, one looping reader, us", "one-reader", "gp.total", lambda ns: ns / 1e3),
    ("one looping online reader, us", "one-online-reader", "gp.total", lambda ns: ns / 1e3),
    ("nobody inside, ns", "nobody-inside", "gp.mean", lambda ns: ns),
    ("4096 sleepers, ns", "sleepers", "gp.mean", lambda ns: ns),
    ("64 callers, M calls/s", "updaters", "gps", lambda rate: rate / 1e6),
    ("`call_rcu()`, queue filled first, ns", "queue", "call_rcu.queue", lambda ns: ns),
    ("callbacks from a full queue, M/s", "queue", "call_rcu.call", lambda ns: 1e3 / ns),
    ("`call_rcu()`, consumer at work, ns", "queue-at-work", "call_rcu.queue", lambda ns: ns),
    ("callbacks, consumer at work, M/s", "queue-at-work", "call_rcu.whole", lambda ns: 1e3 / ns),
    ("`call_rcu()`, two producers, ns", "two-queue-at-work", "call_rcu.queue", lambda ns: ns),
    ("callbacks, two producers, M/s", "two-queue-at-work", "call_rcu.whole", lambda ns: 1e3 / ns),
]


def measure():
    results = []
    for scenario in SCENARIOS:
        subprocess.run(["build/stillpoint", "run", scenario, "--progress", "none", "--out", "results"],
                       stdout=subprocess.DEVNULL, check=True)
        results.append("results/latest/result.json")
        yield json.load(open(results[-1]))


def medians(results):
    """By part, flavor, vCPUs, rest and metric; the last for latencies with ".p50" or ".p99"."""
    figures = collections.defaultdict(list)
    for run in (run for result in results for run in result["runs"] if not run.get("skip")):
        point = run["point"]
        key = (point.get("part", ""), run["flavor"], point.get("exclusive-latency.vcpus"),
               point.get("exclusive-latency.rest"))
        for name, latency in run["latency"].items():
            scale = 1000 if latency["unit"] == "ps" else 1
            for p in ("50", "99"):
                if p in latency["percentiles"]:
                    figures[key, f"{name}.p{p}"].append(latency["percentiles"][p] / scale)
        for workload in run["counters"].values():
            for name, count in workload.items():
                figures[key, name].append(count / run["seconds"])
    return {key: statistics.median(values) for key, values in figures.items()}


def shown(value):
    return "" if value is None else f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def peers(figures):
    rows = []
    for text, part, metric, show in ROWS:
        found = [figures.get(((part, flavor, None, None), metric + ".p50"),
                             figures.get(((part, flavor, None, None), metric))) for flavor in FLAVORS]
        rows.append([text] + [shown(value and show(value)) for value in found])
    return table(["", *FLAVORS], rows)


def exclusive(figures):
    points = sorted({key[2:] for key, _ in figures if key[2] is not None}, key=lambda p: (len(p[1]), p[1], p[0]))
    rows = []
    for vcpus, rest in points:
        cells = [shown(figures[("", flavor, vcpus, rest), f"exclusive.enter.{p}"] / 1000)
                 for p in ("p50", "p99") for flavor in ("stillpoint", "classic")]
        rows.append([f"{vcpus} vCPUs, rest {rest}", *cells])
    return table(["", "p50, us", "classic", "p99, us", "classic"], rows)


def main():
    figures = medians([json.load(open(path)) for path in sys.argv[1:]] or measure())
    page = open(PAGE).read()
    for name, lines in (("peers", peers(figures)), ("exclusive", exclusive(figures))):
        page = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + lines + m[2], page, flags=re.S)
    open(PAGE, "w").write(page)


main()
