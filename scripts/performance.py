#!/usr/bin/python3
"""The tables of docs/performance.md, measured anew: `scripts/performance.py [BENCH.md]`.

Takes half an hour of a machine that should do nothing else, or what `stillpoint bench --format markdown` printed before.
What stands between the page's lines "<!-- bench -->" and "<!-- end -->" is replaced.
"""
import re
import subprocess
import sys

PAGE = "docs/performance.md"


def measure():
    bench = subprocess.run(["build/stillpoint", "bench", "--progress", "none", "--format", "markdown"],
                           stdout=subprocess.PIPE, text=True)
    if bench.returncode not in (0, 2): # 2: some point was inconclusive, and has no cell
        sys.exit(bench.returncode)
    return bench.stdout


tables = open(sys.argv[1]).read() if len(sys.argv) > 1 else measure()
page = open(PAGE).read()
page, found = re.subn(r"(<!-- bench -->\n).*?(<!-- end -->)", lambda m: m[1] + tables.strip() + "\n" + m[2], page,
                      flags=re.S)
if found != 1 or "| ours |" not in tables:
    sys.exit(f"{PAGE}: no table to replace, or nothing to replace it with")
open(PAGE, "w").write(page)
