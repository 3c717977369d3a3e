#!/usr/bin/env bats
# `compare`, by results that were made up: which builds are slower, which are the same, and what cannot be told.

load helper

# made SIDE COUNT FACTOR [NOISE]: so many results in $MADE/SIDE, of which each takes FACTOR of what the others of its
# turn take, more or less; the first pair is odd. Sides take turns.
made() {
    /usr/bin/python3 - "$MADE/$1" "$@" <<'END'
import json, os, random, sys
folder, side, count, factor = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
noise = float((sys.argv + ["0.004"])[5])
own, turns = random.Random(side), random.Random(7)
for turn in range(count):
    slow = turns.lognormvariate(0, 0.3) * (5 if turn == 0 and side == "new" else 1)
    runs = []
    for policy in ("poll", "adaptive"):
        p50 = 1e6 * slow * factor * own.lognormvariate(0, noise)
        runs.append({
            "point": {"library.gp_policy": policy}, "label": policy, "repeat": 0, "flavor": "stillpoint",
            "verdict": "measured", "seconds": 2, "counters": {"gp-wait": {"requests": int(1e9 / p50)}},
            "latency": {"gp.wait": {"unit": "ns", "count": 5000, "percentiles": {"50": p50, "99": 9 * p50}}}})
    directory = "%s/20261128T%02d%02d00Z-made" % (folder, turn, side == "new")
    os.makedirs(directory)
    json.dump({"schema": "stillpoint-result/1", "started": "2026-11-28T%02d:%02d:00Z" % (turn, side == "new"),
               "tool": {"commit": {"same": "base"}.get(side, side)}, "host": {"cpu_model": "A", "cpus_allowed": 2}, "environment": {},
               "scenario": {"name": "made", "seed": turn, "repeat": 1, "sweep": {"library.gp_policy": ["poll", "adaptive"]}},
               "runs": runs}, open(directory + "/result.json", "w"))
END
}

setup() { MADE=$BATS_TEST_TMPDIR; }

compares() { # [OPTION...]
    run --separate-stderr sp compare "$MADE/base" "$MADE/new" "$@"
}

# The output with lines and spaces as they were before it was folded.
folded() { tr -s ' \n' ' ' <<<"$output"; }

verdicts() { jq -r '[.metrics[].verdict] | unique | join(" ")' <<<"$output"; }

@test "a build that takes a fifth more has regressed, whatever slows both of a pair" {
    made base 13 1
    made new 13 1.2
    compares
    expect 3
    has "$output" '1.20   1.1'
    has "$output" 'REGRESSED'
    has "$output" '4 regressions in 4 metrics, 12 pairs of runs      exit code 3'
    [ -z "$stderr" ]
    compares --format json
    [ "$(verdicts)" = regressed ]
    compares --format markdown
    has "$output" '| gp.wait p50 (poll) |'
    has "$output" '**REGRESSED**'
}

@test "one that takes less has improved, the same is equivalent, and a limit inside is told" {
    made base 13 1 0.002
    made new 13 0.8 0.002
    compares --format json
    expect 0
    [ "$(verdicts)" = improved ]
    rm -r "$MADE/new"
    made new 13 1.005 0.002
    compares
    expect 0
    has "$output" 'equivalent (margin 2 %)'
    rm -r "$MADE/new"
    made new 13 1.02 0.002
    compares
    expect 2
    has "$output" '4 undecided'
    has "$(folded)" 'the margin lies inside the interval: make more pairs'
    compares --margin 20
    expect 0
    has "$output" 'equivalent (margin 20 %)'
}

@test "a rate is better when it is higher" {
    made base 13 1
    made new 13 1.5
    compares --metric rate.gp-wait.requests --format json
    expect 3
    [ "$(jq -r '.metrics | length' <<<"$output")" = 2 ]
    [ "$(jq -r '.metrics[0].ratio < 0.7' <<<"$output")" = true ]
}

@test "so few pairs that chance is not ruled out decide nothing, and it says how many do" {
    made base 10 1
    made new 10 3
    compares
    expect 2
    has "$output" 'with 4 metrics so few pairs cannot rule out chance: make 11'
    rm -r "$MADE/new/"*T09*
    compares
    expect 2
    has "$output" '9 pairs of runs: no interval is possible; make 10 or more, by turns'
    run sp compare "$MADE/base/20261128T000000Z-made" "$MADE/new/20261128T000100Z-made"
    expect 2
    has "$output" '1 pair of runs: no interval is possible'
}

@test "intervals and chances are those of scipy" {
    /usr/bin/python3 -c 'import scipy.stats' 2>/dev/null || skip 'python3-scipy is not installed'
    made base 16 1 0.1
    made new 16 1.15 0.1
    compares --format json --margin 3
    printf '%s' "$output" >"$MADE/comparison.json"
    /usr/bin/python3 - "$MADE" <<'END'
import glob, json, sys
import numpy, scipy.stats
def values(side, policy, percentile):
    found = []
    for path in sorted(glob.glob("%s/%s/*/result.json" % (sys.argv[1], side))):
        for run in json.load(open(path))["runs"]:
            if run["label"] == policy:
                found.append(run["latency"]["gp.wait"]["percentiles"][percentile])
    return numpy.array(found[1:])
def ratio(new, base, axis=-1):
    return numpy.median(new, axis=axis) / numpy.median(base, axis=axis)
def rank_sum(one, other, axis):
    return scipy.stats.rankdata(numpy.concatenate((one, other), axis), axis=axis)[..., :one.shape[axis]].sum(axis)
found = json.load(open(sys.argv[1] + "/comparison.json"))
chances = []
for metric in found["metrics"]:
    base = values("base", metric["label"], metric["metric"][-2:])
    new = values("new", metric["label"], metric["metric"][-2:])
    wanted = scipy.stats.bootstrap((new, base), ratio, paired=True, vectorized=True, method="percentile",
                                   n_resamples=40000, random_state=1).confidence_interval
    assert abs(metric["ratio"] - ratio(new, base)) < 1e-6, metric
    assert abs(metric["interval"][0] - wanted.low) < 0.006, (metric, wanted)
    assert abs(metric["interval"][1] - wanted.high) < 0.006, (metric, wanted)
    sides = [scipy.stats.permutation_test(pair, rank_sum, permutation_type="samples", vectorized=True,
                                          n_resamples=numpy.inf, alternative="greater").pvalue
             for pair in ((new / 1.03, base), (base / 1.03, new))]
    chances.append(min(1, 2 * min(sides)))
order, most = numpy.argsort(chances), 0
for rank, at in enumerate(order):
    most = max(most, min(1, chances[at] * (len(chances) - rank)))
    assert abs(found["metrics"][at]["chance"] - most) < 1e-5, (found["metrics"][at], most)
END
}

@test "what the same build differs by from itself is the least margin, and what is found is told" {
    made base 13 1 0.04
    made same 13 1.01 0.04
    made new 13 1.3 0.04
    compares --aa "$MADE/same" --margin 1 --format json
    expect 3
    [ "$(jq '[.metrics[].margin > 0.012] | all' <<<"$output")" = true ]
    [ "$(jq '[.metrics[] | .finds > .margin and .finds < 0.4] | all' <<<"$output")" = true ]
    [ "$(jq '.mistakes.count < 5 and .mistakes.of == 2000 and .mistakes.at_most < 0.01' <<<"$output")" = true ]
    compares --aa "$MADE/same"
    has "$output" ' finds '
    has "$output" 'comparisons of the same build were mistaken (at most'
}

@test "an A/A that does not count, or is of another build, is no A/A" {
    made base 13 1
    made same 13 1
    made new 13 1.2
    compares --aa "$MADE/new"
    expect 64
    says "--aa $MADE/new: is of another build than $MADE/base (tool commit: \"base\" and \"new\"); compare them all the same with --anyway"
    for file in "$MADE"/same/*T0[2-9]*/result.json; do
        jq '.runs[].verdict = "inconclusive"' "$file" >"$MADE/changed"
        mv "$MADE/changed" "$file"
    done
    compares --aa "$MADE/same"
    expect 3
    has "$(folded)" 'how noisy 4 of 4 metrics are is not known: fewer than 9 pairs of BASE and --aa have a figure that counts'
    [[ $output != *'were mistaken'* ]]
    sed -i 's/"commit": "new"/"commit": "newer"/' "$MADE"/new/*T05*/result.json
    compares
    expect 64
    says "$MADE/new: is of several builds (tool commit: \"new\" and \"newer\"); compare them all the same with --anyway"
    compares --anyway
    expect 3
    has "$(folded)" 'note: '"$MADE"'/new: is of several builds'
}

@test "runs that do not count are in no pair" {
    made base 13 1
    made new 13 1
    for file in "$MADE"/new/*T0[1-4]*/result.json; do
        jq '.runs[].verdict = "inconclusive"' "$file" >"$MADE/changed"
        mv "$MADE/changed" "$file"
    done
    compares
    expect 2
    has "$output" 'only 8 of 12 pairs count'
    compares --format json
    [ "$(jq '.metrics[0] | [.pairs, .left_out] == [8, 4]' <<<"$output")" = true ]
}

@test "sides that did not take turns are compared with a note" {
    made base 13 1
    made new 13 1
    for file in "$MADE"/new/*/result.json; do
        sed -i 's/2026-11-28T/2026-11-29T/' "$file"
    done
    compares
    expect 0
    has "$(folded)" 'note: the sides did not take turns: what the machine did in between counts as a difference'
}

@test "another machine or scenario is refused, unless it is wanted" {
    made base 11 1
    made new 11 1
    file=$(ls -d "$MADE"/new/*T03*)/result.json
    sed -i 's/"cpus_allowed": 2/"cpus_allowed": 4/' "$file"
    compares
    expect 64
    says "$MADE/base and $MADE/new: differ in more than the build (host cpus_allowed: 2 and 4); compare them all the same with --anyway"
    compares --anyway
    expect 0
    has "$(folded)" 'differ in more than the build (host cpus_allowed: 2 and 4)'
    sed -i 's/"cpus_allowed": 4/"cpus_allowed": 2/; s/"name": "made"/"name": "other"/' "$file"
    compares
    expect 64
    has "$stderr" '(scenario /name: "made" and "other")'
    sed -i 's/"name": "other"/"name": "made"/; s/"environment": {}/"environment": {"STILLPOINT_FENCE": "full"}/' "$file"
    compares
    expect 64
    has "$stderr" '(environment: {} and {"STILLPOINT_FENCE":"full"})'
}

@test "words and budgets of parts are no difference, what parts measure is, and results may be large" {
    made base 13 1
    made new 13 1
    edit() { # SIDE MEMBERS: of its only part
        for result in "$MADE/$1"/*/result.json; do
            jq -c ".scenario.parts = [{name: \"a\", $2}] | .runs[].point.part = \"a\" | .padding = (\"x\" * 5000000)" "$result" >"$MADE/edited"
            mv "$MADE/edited" "$result"
        done
    }
    edit base 'description: "one", duration: "1s"'
    edit new 'description: "another", budgets: [], duration: "1s"'
    compares
    expect 0
    edit new 'duration: "2s"'
    compares
    expect 64
    has "$stderr" 'scenario /parts'
}

@test "what one side lacks is undecided, and a result without metrics is no success" {
    made base 13 1
    made new 13 1
    for file in "$MADE"/new/*/result.json; do
        jq 'del(.runs[0].latency)' "$file" >"$MADE/changed"
        mv "$MADE/changed" "$file"
    done
    compares
    expect 0
    has "$(folded)" 'undecided: gp.wait p50 (poll), gp.wait p99 (poll): NEW has no such figure that counts'
    for file in "$MADE"/*/*/result.json; do
        jq 'del(.runs[].latency)' "$file" >"$MADE/changed"
        mv "$MADE/changed" "$file"
    done
    compares
    expect 2
    has "$output" '0 regressions in 0 metrics'
    has "$output" 'note: no metric: '
}

@test "what was asked for and nobody has is no success" {
    made base 13 1
    made new 13 1
    compares --metric gp.wait.p50 --metric gp.wiat.p99
    expect 64
    [ -z "$output" ]
    says '--metric gp.wiat.p99: no run has such a figure; expected p50, p99, mean or max of a latency (gp.wait), as gp.wait.p99, or another that docs/results.md lists'
}

@test "what fell to 0, or rose from it, has changed; 0 on both sides is nothing to compare" {
    made base 13 1
    made new 13 1
    sed -i 's/"requests": [0-9]*/"requests": 0/g' "$MADE"/new/*/result.json
    compares --metric rate.gp-wait.requests --plot "$MADE"
    expect 3
    has "$(folded)" '0.00 0.00 .. 0.00 REGRESSED'
    run --separate-stderr sp compare "$MADE/new" "$MADE/base" --anyway --metric rate.gp-wait.requests
    expect 0
    has "$(folded)" 'inf inf .. inf improved'
    sed -i 's/"requests": [0-9]*/"requests": 0/g' "$MADE"/base/*/result.json
    compares --metric rate.gp-wait.requests
    expect 2
    has "$(folded)" '0 on both sides: there is nothing to compare'
}

@test "what is no result, or half of one, or of another version, is told by name" {
    run --separate-stderr sp compare "$MADE/none" "$MADE/none"
    expect 64
    says "$MADE/none: No such file or directory; name a directory that \`stillpoint run\` made, or a folder of such"
    mkdir "$MADE/base"
    compares
    expect 64
    says "$MADE/base: has no results; name a directory that \`stillpoint run\` made, or a folder of such"
    made base 11 1
    made new 11 1
    mkdir "$MADE/new/20261129T000000Z-cut"
    touch "$MADE/new/20261129T000000Z-cut/events.jsonl"
    compares
    expect 0
    has "$(folded)" 'has no result.json, and was passed over'
    run --separate-stderr sp compare "$MADE/base" "$MADE/new/20261129T000000Z-cut"
    expect 64
    has "$stderr" 'has no result.json: the run goes on, or was cut short; then `stillpoint salvage'
    file=$(ls -d "$MADE"/base/*T05*)/result.json
    sed -i 's,stillpoint-result/1,stillpoint-result/9,' "$file"
    compares
    expect 64
    says "$file: /schema: expected \"stillpoint-result/1\", found \"stillpoint-result/9\": compare it with the program that made it"
    printf '{"schema": ' >"$file"
    compares
    expect 64
    has "$stderr" "$file:1:"
    run --separate-stderr sp compare "$MADE/base"
    expect 64
    says 'stillpoint compare: expected BASE and NEW, two directories that `stillpoint run` made, or folders of such'
    run --separate-stderr sp compare a b --margin five
    expect 64
    has "$stderr" '--margin five: expected a percentage, as 5'
}

@test "ratios are drawn, the largest above" {
    command -v gnuplot >/dev/null || skip 'gnuplot is not installed'
    made base 13 1
    made new 13 1.2
    mkdir "$MADE/pictures"
    run --separate-stderr "$CLI_BUILD/stillpoint" compare "$MADE/base" "$MADE/new" --plot "$MADE/pictures"
    expect 3
    has "$output" "$MADE/pictures/comparison.png"
    has "$(cat "$MADE/pictures/comparison.svg")" 'gp.wait p50 (poll)'
    has "$(cat "$MADE/pictures/comparison.svg")" 'regressed'
    run --separate-stderr "$CLI_BUILD/stillpoint" compare "$MADE/base" "$MADE/base" --plot "$MADE/nowhere"
    expect 64
    says "$MADE/nowhere: no picture can be written there: No such file or directory"
}
