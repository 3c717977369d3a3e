#!/usr/bin/python3
"""Whether `stillpoint advise` is right: for twelve mixes it is asked twice, and what it named the first time is held against
the best of the second.

    scripts/advised.py [DIR]

Each mix takes three minutes; DIR (results) keeps the runs. Written as Markdown. Exit code: 0 when what was named did
within 10 % of the most operations a second for each mix, else 1.
"""
import json
import subprocess
import sys

MIXES = [(readers, updates, stall) for readers, stall in ((1, None), (2, "100ms"), (8, "10ms"))
         for updates in ("0.1", "1", "10", "50")]


def ask(readers, updates, stall, out):
    command = ["build/stillpoint", "advise", "--readers", str(readers), "--updates", updates, "--out", out,
               "--progress", "none", "--format", "json"] + (["--stall", stall] if stall else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    out, worst = sys.argv[1] if len(sys.argv) > 1 else "results", 1
    print("| readers | updates | stall | named | of the most operations a second |\n| ---: | ---: | --- | --- | ---: |")
    for readers, updates, stall in MIXES:
        named = ask(readers, updates, stall, out)["advice"]
        rates = {(s["flavor"], s["policy"]): s["operations"] or 0 for s in ask(readers, updates, stall, out)["schemes"]}
        share = rates[named["flavor"], named["policy"]] / max(rates.values())
        worst = min(worst, share)
        print(f"| {readers} | {updates} % | {stall or 'none'} | {named['flavor']}"
              f"{', ' + named['policy'] if named['policy'] else ''} | {share:.2f} |", flush=True)
    return 0 if worst >= 0.9 else 1


sys.exit(main())
