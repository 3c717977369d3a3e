#!/bin/bash
# Collects runs of one build, by which comparisons and histories are tested: as many for each of two sides, by turns.
#
#   scripts/pool.sh [-n RUNS] [-t SECONDS] DIR
#
# -n: of each side, 101, of which the first is dropped; -t: how long this sitting may take, an hour. DIR keeps the runs,
# and the next sitting goes on where this one ends. At the end tests/pool.json is made of them, whose figures
# scripts/deciders.py takes. On an idle machine: what else it does is in the figures.
# Exit code: 0, complete; 75, there is more to run; 64, usage; 70, it does not build, or a run failed.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 70
runs=101 budget=3600

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 64
}
while [ $# -gt 1 ]; do
    [[ $2 =~ ^[1-9][0-9]*$ ]] || usage
    case $1 in -n) runs=$2 ;; -t) budget=$2 ;; *) usage ;; esac
    shift 2
done
if [ $# -ne 1 ] || [[ $1 = -* ]]; then usage; fi
pool=$1

cd "$root" || exit 70
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES STILLPOINT_RUNNERS
# shellcheck disable=SC2016
build=$root/$(make -s --eval='print: ; @echo $(BUILD)' print)
make -s all || exit 70
mkdir -p "$pool/base" "$pool/same" || exit 64
commit=$(git describe --always --dirty)
[ ! -e "$pool/commit" ] || [ "$(cat "$pool/commit")" = "$commit" ] || {
    echo "scripts/pool.sh: $pool: has runs of $(cat "$pool/commit"), and this tree is $commit" >&2
    exit 64
}
echo "$commit" >"$pool/commit"

# A run that was interrupted has ended well, and would count.
trap 'rm -f "$pool/log"; exit 130' INT TERM HUP
count() { find "$pool/$1" -mindepth 2 -name result.json | wc -l; } # SIDE
end=$((SECONDS + budget))
for ((turn = 1; turn <= runs; turn++)); do
    sides='base same'
    [ $((turn % 2)) -eq 1 ] || sides='same base'
    for side in $sides; do
        [ "$(count "$side")" -lt $turn ] || continue
        [ $SECONDS -lt $end ] || {
            echo "$(count base) of $runs a side; go on with: scripts/pool.sh $pool"
            exit 75
        }
        "$build/stillpoint" run configs/bench/compare.json --seed $turn --out "$pool/$side" --quiet --no-plot \
            >"$pool/log" 2>&1 </dev/null
        case $? in
        0 | 2 | 3) ;;
        *)
            cat "$pool/log" >&2
            exit 70
            ;;
        esac
    done
done
"$build/stillpoint" compare "$pool/base" "$pool/same" --anyway --format json >"$pool/comparison.json"
case $? in 0 | 2 | 3) ;; *) exit 70 ;; esac
jq -c --arg commit "$commit" '{commit: $commit, margin, family_error,
    metrics: [.metrics[] | {metric, label: .label, pairs, margin, values}]}' "$pool/comparison.json" >"$pool/pool.json" &&
    mv "$pool/pool.json" tests/pool.json || exit 70
echo "tests/pool.json: $(jq '.metrics | length' tests/pool.json) figures, $(jq '.metrics[0].pairs' tests/pool.json) runs a side"
