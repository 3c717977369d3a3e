#!/bin/bash
# A night's job: torture for so long, and one more value of each series.
#
#   docs/ci/night.sh TIME [DIR]
#
# TIME: 6h, 90m. DIR (stillpoint-ci) keeps from night to night: nights/ with a directory for each, results/ and
# history.db, pictures/ of the series whose level changed. SET is another set of scenarios than configs/soak.json,
# SCENARIO another one to measure than configs/bench/compare.json.
# Exit code: that of the night (1: a finding; 2: it measured nothing, or too little); or that of the measurement.
set -u
time=${1:?usage: docs/ci/night.sh TIME [DIR]} out=${2:-stillpoint-ci}
cd "$(dirname "$0")/../.." || exit 70
make -s all || exit 70
mkdir -p "$out/nights" "$out/pictures" || exit 70

# What is new since the last night that was finished is told.
since=$(find "$out/nights" -mindepth 2 -maxdepth 2 -name summary.json -printf '%h\n' | sort | tail -n 1)
build/stillpoint run "${SET:-configs/soak.json}" --for "$time" ${since:+--since "$since"} --out "$out/nights" --progress none
code=$?

build/stillpoint run "${SCENARIO:-configs/bench/compare.json}" --set repeat=3 --out "$out/results" --progress none
measured=$?
build/stillpoint history add "$out/results" --db "$out/history.db" || measured=$?
for metric in $(build/stillpoint history list --json --db "$out/history.db" | jq -r '[.[].metrics | split(",")[]] | unique[]'); do
    build/stillpoint history show "$metric" --json --db "$out/history.db" | jq -e 'any(.[]; .changes != [])' >/dev/null ||
        continue
    build/stillpoint history show "$metric" --db "$out/history.db" --plot "$out/pictures"
done
[ $code -ne 0 ] || code=$measured
exit $code
