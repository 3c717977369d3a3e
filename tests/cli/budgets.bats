#!/usr/bin/env bats
# Budgets, by results that were made up: `salvage` judges the runs of an events.jsonl as `run` does. And which runs
# count.

load helper

setup_file() {
    export TEMPLATE=$BATS_FILE_TMPDIR/template
    printf '%s' '{"name": "pairs", "duration": "300ms", "warmup": "0s", "seed": 7,
        "workloads": [{"type": "gp-latency", "readers": 0}], "sweep": {"gp-latency.callers": [1, 2]},
        "budgets": [{"metric": "gp.total.mean", "where": {"gp-latency.callers": 1},
                     "ratio_to": {"gp-latency.callers": 2}, "max": 1}]}' >"$BATS_FILE_TMPDIR/pairs.json"
    PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$BATS_FILE_TMPDIR/pairs.json" --out "$BATS_FILE_TMPDIR/made" --quiet
    cp "$BATS_FILE_TMPDIR/made/latest/events.jsonl" "$TEMPLATE"
}

# made PAIRS RATIO [LEFT_OUT]: salvages so many pairs, in which the first point takes RATIO of the second, more or less,
# both of them slower and slower; of LEFT_OUT pairs one run, which takes hardly any time, is left out.
made() {
    mkdir -p "$OUT/made"
    rm -f "$OUT/made/result.json"
    /usr/bin/python3 - "$TEMPLATE" "$@" >"$OUT/made/events.jsonl" <<'END'
import copy, json, random, sys
events = [json.loads(line) for line in open(sys.argv[1])]
print(json.dumps(events[0]))
ends = {e["result"]["point"]["gp-latency.callers"]: e for e in events if e["event"] == "run-end"}
count, ratio, left_out = int(sys.argv[2]), float(sys.argv[3]), int((sys.argv + [0])[4])
random = random.Random(3)
for repeat in range(count):
    noise = random.lognormvariate(0, 0.04) * (3 if repeat % 7 == 5 else 1)
    for callers in (1, 2) if repeat % 2 == 0 else (2, 1):
        end = copy.deepcopy(ends[callers])
        run = end["result"]
        run["repeat"] = repeat
        run["latency"] = {"gp.total": copy.deepcopy(next(iter(ends[1]["result"]["latency"].values())))}
        run["latency"]["gp.total"]["mean"] = (ratio * noise if callers == 1 else 1) * 1000 * (1 + repeat)
        run.pop("left_out", None)
        if callers == 1 + repeat % 2 and repeat >= count - left_out:
            run["left_out"] = "latency-reader-0 had 71 % of its CPU"
            run["latency"]["gp.total"]["mean"] = 0.001
        print(json.dumps(end))
END
    run --separate-stderr sp salvage "$OUT/made"
}

judged() { jq -er "$1" "$OUT/made/result.json"; }

@test "a budget is exceeded, undecided or met, and says how well its figure is known" {
    made 12 1.5
    expect 3
    [[ $output =~ 'budget gp.total.mean (callers=1) over callers=2:'$'\n''    1.'[0-9]+' (1.'[0-9]+' .. 1.'[0-9]+', 12 pairs), at most 1  EXCEEDED' ]]
    [ "$(judged '.verdict.performance')" = exceeded ]
    [ "$(judged '.verdict.budgets[0] | .verdict == "exceeded" and (.ok | not) and .interval[0] > 1')" = true ]
    is_valid_result "$OUT/made/result.json"
    made 12 1
    expect 0
    has "${output//$'\n'   / }" 'at most 1  undecided: the limit lies inside: set repeat higher'
    [ "$(judged '.verdict.performance')" = undecided ]
    [ "$(judged '.verdict.budgets[0] | .ok and .interval[0] <= 1 and .interval[1] >= 1')" = true ]
    [ "$(awk '{ print length }' <<<"$output" | sort -n | tail -n 1)" -le 100 ]
    is_valid_result "$OUT/made/result.json"
    made 12 0.7
    expect 0
    has "$output" ' 12 pairs), at most 1  ok'
    [ "$(judged '.verdict.performance')" = pass ]
}

@test "the same runs are judged the same again" {
    made 13 1.01
    first=$(judged '.verdict.budgets')
    made 13 1.01
    [ "$(judged '.verdict.budgets')" = "$first" ]
}

@test "fewer than ten pairs decide nothing, and what is left out is told and is in no figure" {
    made 9 5
    expect 0
    has "$output" '(9 pairs), at most 1  '
    has "$(judged '.verdict.budgets[0].reason')" '9 pairs, and it takes 10: set repeat to 10 or more'
    made 12 5 2
    expect 3
    has "$output" '10 pairs, 2 left out), at most 1  EXCEEDED'
    [[ $output =~ 'callers=1 (median of 11) '.*'measured'$'\n''      left out: #11 latency-reader-0 had 71 % of its CPU'$'\n' ]]
    made 12 5 3
    expect 0
    has "$output" '9 pairs, 3 left out), at most 1  undecided'
    has "$(judged '.verdict.budgets[0].reason')" '9 of 12 pairs count, and it takes 10: run it on an idle machine'
    is_valid_result "$OUT/made/result.json"
    made 12 5 12
    expect 0
    has "$output" 'undecided: 0 of 12 pairs count'
    is_valid_result "$OUT/made/result.json"
}

@test "the interval is that of scipy" {
    /usr/bin/python3 -c 'import scipy.stats' 2>/dev/null || skip 'python3-scipy is not installed'
    made 16 1
    /usr/bin/python3 - "$OUT/made/result.json" <<'END'
import json, sys
import numpy, scipy.stats
result = json.load(open(sys.argv[1]))
means = {1: [], 2: []}
for run in result["runs"]:
    means[run["point"]["gp-latency.callers"]].append(run["latency"]["gp.total"]["mean"])
ratios = numpy.array(means[1]) / numpy.array(means[2])
found = result["verdict"]["budgets"][0]
wanted = scipy.stats.bootstrap((ratios,), numpy.median, method="percentile", n_resamples=20000,
                               random_state=1).confidence_interval
print(found["value"], numpy.median(ratios), found["interval"], wanted)
assert abs(found["value"] - numpy.median(ratios)) < 1e-6
assert abs(found["interval"][0] - wanted.low) < 0.005
assert abs(found["interval"][1] - wanted.high) < 0.005
END
}

@test "a budget of too few repeats is told before anything runs" {
    file=$BATS_FILE_TMPDIR/pairs.json
    note="note: $file: /budgets: undecided whatever is measured: \"repeat\" is 9, and it takes 10"
    for command in validate 'run --dry-run'; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$file" --set repeat=9
        expect 0
        says "$note"
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$file" --set repeat=10
        says ''
    done
}

@test "a run in which another one had the CPU of what loops is left out" {
    [ -r /proc/self/schedstat ] || skip 'this kernel does not count what threads wait for a CPU'
    cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
    timeout 20 taskset -c "$cpu" sh -c 'while :; do :; done' 3>&- &
    hog=$!
    file=$(scenario shared '{"name": "shared", "duration": "300ms", "warmup": "0s", "workloads": [{"type": "read-side"}],
        "placement": {"roles": {"pair-reader": {"cpuset": "'"$cpu"'"}}}}')
    run --separate-stderr sp run "$file" --out "$OUT" --progress none
    kill "$hog"
    expect 0
    [[ $(result '.runs[0].left_out') =~ ^'pair-reader-0 had '[0-9]+' % of its CPU'$ ]]
    [ "$(result '.runs[0].threads[0].cpu_share < 0.98')" = true ]
    [[ $output =~ '  left out'$'\n''      left out: #1 pair-reader-0 had ' ]]
    is_valid_result
}

@test "nothing is asked of what sleeps, nor where there are more threads than CPUs" {
    file=$(scenario calm '{"name": "calm", "duration": "200ms", "warmup": "0s",
        "workloads": [{"type": "read-side", "batch": 10}]}')
    sp run "$file" --out "$OUT" --quiet
    [ ! -r /proc/self/schedstat ] || [ "$(result '.runs[0].threads[0].cpu_share | type')" = number ]
    for set in read-side.pause=1ms read-side.readers=$(($(nproc) + 1)); do
        sp run "$file" --set "$set" --out "$OUT" --quiet
        [ "$(result '.runs[0] | (has("left_out") or (.threads | any(has("cpu_share")))) | not')" = true ]
    done
}
