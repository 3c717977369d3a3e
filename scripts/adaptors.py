#!/usr/bin/python3
"""What each adaptor adds to its peer: `make adaptors`, or `scripts/adaptors.py BUILD PEER...`.

A runner times a loop through the adaptor, and BUILD/bare/PEER (tests/programs/bare_loops.c) the same on the peer
alone, by turns on one CPU. The ratio is that of the medians over all turns; its 95 % interval is a bootstrap's,
which draws whole turns. The table of docs/performance.md is replaced. Exit code 3: an interval lies beyond 2 %.
"""
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile

PAGE = "docs/performance.md"
SCENARIO = "configs/bench/peers.json"
TURNS = 11
LIMIT = 0.02
DRAWS = 10000
MILLISECONDS = "400" # with what warms up, as in the scenario
# Loops of bare_loops.c: text, part of the scenario, role of its thread, figure.
LOOPS = {
    "pair": ("lock and unlock", "pair", "pair-reader", "read_side.pair"),
    "dependent": ("a dependent load", "dependent", "pair-reader", "read_side.pair"),
    "online-pair": ("the same of an online thread", "online-pair", "qsbr-reader", "read_side.qsbr_pair"),
    "synchronize": ("`synchronize_rcu()`, nobody inside", "nobody-inside", "latency-caller", "gp.mean"),
}


def median(latency):
    """In ps. Percentiles are the ends of their buckets; this is where in its bucket the median lies."""
    before = 0
    for low, high, count in latency["buckets"]:
        if before + count >= latency["count"] / 2:
            return low + (high + 1 - low) * (latency["count"] / 2 - before) / count
        before += count


def through_adaptor(build, peer, loop):
    """The figure, and the CPU of the thread. What a busy machine spoilt is run again."""
    _, part, role, figure = LOOPS[loop]
    with tempfile.TemporaryDirectory() as out:
        for _ in range(10):
            said = subprocess.run([f"{build}/stillpoint", "run", SCENARIO, "--flavor", peer, "--set", f"part={part}",
                                   "--set", "repeat=1", "--progress", "none", "--no-plot", "--quiet", "--out", out],
                                  capture_output=True, text=True)
            if not os.path.exists(f"{out}/latest/result.json"):
                sys.exit(said.stderr)
            run = json.load(open(f"{out}/latest/result.json"))["runs"][0]
            if run["verdict"] == "measured" and "left_out" not in run:
                return median(run["latency"][figure]), next(t["cpu"] for t in run["threads"] if t["role"] == role)
    sys.exit(f"{peer}, {loop}: ten runs in a row were {run.get('left_out', run['verdict'])}; is the machine busy?")


def alone(build, peer, loop, cpu):
    bare = subprocess.run([f"{build}/bare/{peer}", loop, MILLISECONDS], stdout=subprocess.PIPE, check=True,
                          preexec_fn=lambda: cpu < 0 or os.sched_setaffinity(0, {cpu}))
    return json.loads(bare.stdout)[LOOPS[loop][3]]


def measure(build, peer, loop):
    """Pairs: alone, through the adaptor. Each stands as often before the other as behind it."""
    pairs, cpu = [], -1
    for turn in range(TURNS + 1): # without the first, which finds the CPU
        bare = alone(build, peer, loop, cpu) if turn % 2 else None
        adaptor, cpu = through_adaptor(build, peer, loop)
        pairs.append((bare or alone(build, peer, loop, cpu), adaptor))
    return pairs[1:]


def ratio_of_medians(pairs):
    return statistics.median(a for _, a in pairs) / statistics.median(b for b, _ in pairs)


def interval(pairs):
    draw = random.Random(1)
    ratios = sorted(ratio_of_medians(draw.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    return ratios[DRAWS // 40], ratios[-1 - DRAWS // 40]


def row(peer, loop, pairs):
    low, high = interval(pairs)
    within = 1 - LIMIT <= low and high <= 1 + LIMIT
    beyond = low > 1 + LIMIT or high < 1 - LIMIT
    alone_ns, adaptor_ns = (statistics.median(side) / 1000 for side in zip(*pairs))
    return [peer, LOOPS[loop][0], f"{alone_ns:.3g}", f"{adaptor_ns:.3g}", f"{ratio_of_medians(pairs):.3f}",
            f"{low:.3f} .. {high:.3f}", "yes" if within else "no" if beyond else "undecided"]


def main():
    build, peers = sys.argv[1], sys.argv[2:]
    rows = [["", "", "alone, ns", "adaptor, ns", "ratio", "95 % interval", "within 2 %"]]
    for peer in peers:
        for loop in LOOPS:
            if subprocess.run([f"{build}/bare/{peer}", loop, "0"], capture_output=True).returncode == 64:
                continue # it has no such threads
            rows.append(row(peer, loop, measure(build, peer, loop)))
            print("  ".join(f"{cell:{width}}" for cell, width in zip(rows[-1], (10, 34, 8, 8, 6, 14, 9))), flush=True)
    lines = "".join("| " + " | ".join(line) + " |\n" for line in [rows[0], ["---"] * len(rows[0]), *rows[1:]])
    page = open(PAGE).read()
    page = re.sub(r"(<!-- adaptors -->\n).*?(<!-- end -->)", lambda m: m[1] + lines + m[2], page, flags=re.S)
    open(PAGE, "w").write(page)
    sys.exit(3 if any(line[-1] == "no" for line in rows) else 0)


main()
