#!/usr/bin/env bats
# `history`, by results that were made up.

load helper

# made FOLDER FIRST COUNT FACTOR: results of so many commits, c0001 and on, two of each; each takes FACTOR of 1 ms, more
# or less.
made() {
    /usr/bin/python3 - "$BATS_TEST_TMPDIR/$1" "$@" <<'END'
import json, os, random, sys
folder, name, first, count, factor = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
random = random.Random("%s %d" % (name, first))
for commit in range(first, first + count):
    for again in range(2):
        started = "2026-10-%02dT%02d:%02d:00Z" % (1 + commit // 24, commit % 24, again)
        runs = []
        for policy in ("poll", "adaptive"):
            for repeat in range(3):
                p50 = 1e6 * random.lognormvariate(0, 0.05) * (factor if policy == "poll" else 1)
                runs.append({
                    "point": {"library.gp_policy": policy}, "label": policy, "repeat": repeat, "flavor": "stillpoint",
                    "verdict": "measured", "seconds": 2, "counters": {},
                    "latency": {"gp.wait": {"unit": "ns", "count": 5000, "percentiles": {"50": p50, "99": 9 * p50}}}})
        directory = "%s/%s-made" % (folder, started.replace(":", "").replace("-", ""))
        os.makedirs(directory)
        json.dump({"schema": "stillpoint-result/1", "started": started, "ended": started,
                   "tool": {"commit": "c%04d" % commit, "committed": 1790000000 + 3600 * commit},
                   "host": {"cpu_model": "A", "cpus_allowed": 2, "kernel": "Linux 6", "boot_id": "b"}, "environment": {},
                   "scenario": {"name": "made", "seed": 7 * commit + again, "repeat": 3}, "runs": runs},
                  open(directory + "/result.json", "w"))
END
}

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "results are added once, and listed" {
    made r 1 5 1
    run --separate-stderr sp history add r
    expect 0
    has "$output" 'r: 10 added, 0 there already, 0 without a figure that counts'
    run sp history add r/*T030*
    has "$output" '1 there already'
    cp -r r/*T0300* elsewhere
    run sp history add elsewhere
    has "$output" 'elsewhere: 0 added, 1 there already'
    run sp history list
    expect 0
    has "$output" ', stillpoint: 10 results of 5 commits, 2026-10-01 to 2026-10-01'
    has "$output" ': A, 2 CPUs, Linux 6'
    has "$output" 'gp.wait.p50, gp.wait.p99'
    [ "$(sp history list --json | jq -r '.[0].results')" = 10 ]
}

@test "a step is located at its commit, with how much it is" {
    made r 1 23 1
    made r 24 17 1.25
    sp history add r
    run sp history show gp.wait.p50 --point poll
    expect 0
    [[ $output =~ 'since c0024 (after c0023): 1.2'[0-9]' times, ' ]]
    has "$output" '* c0024 '
    [ "$(sp history show gp.wait.p50 --json | jq -c '[.[] | [.label, [.changes[].at]]]')" = '[["adaptive",[]],["poll",[46]]]' ]
    run sp history show gp.wait.p99 --point adaptive
    has "$output" 'no change of level in 80 results'
}

# from_pool FOLDER METRIC FIRST STEP FACTOR: forty results of one build as they came, from the FIRST of tests/pool.json
# on, each of a commit of its own, c00 to c39; from STEP on they take FACTOR of it.
from_pool() {
    /usr/bin/python3 - "$BATS_TEST_DIRNAME/../pool.json" "$BATS_TEST_TMPDIR/$1" "${@:2}" <<'END'
import json, os, sys
pool, folder, metric, first, step, factor = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]), float(sys.argv[6])
sides = json.load(open(pool))["metrics"][metric]["values"]
values = [value for pair in zip(sides["base"], sides["new"]) for value in pair]
for i, value in enumerate(values[first:first + 40]):
    value *= factor if i >= step else 1
    directory = "%s/20261001T%02d%02d00Z-pool" % (folder, i // 4, i % 4)
    os.makedirs(directory)
    started = "2026-10-01T%02d:%02d:00Z" % (i // 4, i % 4)
    json.dump({"schema": "stillpoint-result/1", "started": started, "ended": started,
               "tool": {"commit": "c%02d" % i, "committed": 1790000000 + 3600 * i},
               "host": {"cpu_model": "A", "cpus_allowed": 2, "kernel": "Linux 6", "boot_id": "b"}, "environment": {},
               "scenario": {"name": "pool", "seed": i}, "runs": [
                   {"point": {}, "label": "", "repeat": 0, "flavor": "stillpoint", "verdict": "measured", "seconds": 2,
                    "counters": {}, "latency": {"gp.wait": {"unit": "ns", "count": 5000,
                                                            "percentiles": {"50": value, "99": value}}}}]},
              open(directory + "/result.json", "w"))
END
    sp history --db "$1.db" add "$1" >/dev/null
}

# A figure of the pool, by its metric and point.
in_pool() { jq --arg m "$1" --arg l "$2" '[.metrics[] | .metric == $m and .label == $l] | index(true)' "$BATS_TEST_DIRNAME/../pool.json"; }

@test "a regression planted among forty runs of one build is located at its commit" {
    from_pool pair "$(in_pool read_side.pair.p10 pair)" 60 23 1.1
    [ "$(sp history --db pair.db show gp.wait.p50 --json | jq -c '[.[0].changes[].at]')" = '[23]' ]
    from_pool waits "$(in_pool gp.wait.p50 'waits gp_policy=adaptive')" 60 17 1.2
    [ "$(sp history --db waits.db show gp.wait.p50 --json | jq -c '[.[0].changes[].at]')" = '[17]' ]
}

@test "ten histories of one build have no change" {
    for metric in "$(in_pool read_side.pair.p10 pair)" "$(in_pool gp.wait.p50 'waits gp_policy=poll')"; do
        for first in 0 40 80 120 160; do
            from_pool "same-$metric-$first" "$metric" $first 40 1
            [ "$(sp history --db "same-$metric-$first.db" show gp.wait.p50 --json | jq -c '.[0] | [(.values | length), .changes]')" = '[40,[]]' ]
        done
    done
}

@test "the order is that of commits, whenever they were measured" {
    made r 1 12 1
    made r 13 12 1.3
    for file in r/*T0[1-5]00*/result.json; do
        sed -i 's/"started": "2026-10-01T/"started": "2026-12-01T/' "$file"
    done
    sp history add r
    run sp history show gp.wait.p50 --point poll
    has "$output" 'since c0013 (after c0012)'
}

@test "other hosts, other settings and builds with a sanitizer are series of their own" {
    made r 1 4 1
    sp history add r
    for file in r/*T01*/result.json; do
        sed -i 's/"cpus_allowed": 2/"cpus_allowed": 4/' "$file"
    done
    for file in r/*T02*/result.json; do
        sed -i 's/"name": "made"/"name": "made", "duration": "9s"/' "$file"
    done
    for file in r/*T03*/result.json; do
        sed -i 's/"commit": "c0003"/&, "dirty": true, "flags": "-O2 -fsanitize=thread -g1"/' "$file"
    done
    rm history.db
    sp history add r
    [ "$(sp history show gp.wait.p50 --point poll --json | jq -c '[.[].values | length] | sort')" = '[2,2,2,2]' ]
    [ "$(sp history show gp.wait.p50 --point poll --json | jq '[.[].values[] | select(.commit == "c0003+")] | length')" = 2 ]
    run sp history show gp.wait.p50 --point poll
    has "$output" '  2 results: a change of level cannot be told from chance with fewer than 14'
    host=$(sp history list --json | jq -r '.[] | select(.machine | test("4 CPUs")).host')
    [ "$(sp history show gp.wait.p50 --point poll --host "$host" --json | jq -c '[.[].values[].commit]')" = '["c0001","c0001"]' ]
    run --separate-stderr sp history show gp.wait.p50 --scenario mad
    expect 64
    says 'history.db: has nothing of gp.wait.p50 that is wanted; `stillpoint history list` shows what it has'
}

@test "who adds at the same time loses nothing" {
    for i in 1 2 3 4 5 6 7 8; do made "r$i" $((10 * i)) 4 1; done
    adding=()
    for i in 1 2 3 4 5 6 7 8; do
        sp history add "r$i" r1 >/dev/null 3>&- &
        adding+=($!)
    done
    wait "${adding[@]}"
    [ "$(sp history list --json | jq -r '.[0].results')" = 64 ]
    [ "$(sqlite3 history.db 'PRAGMA integrity_check' 2>/dev/null || echo ok)" = ok ]
}

@test "it is made anew from results, and stays what it was when that fails" {
    made r 1 5 1
    sp history add r
    before=$(sp history show gp.wait.p50 --json)
    run sp history rebuild
    expect 0
    [ "$(sp history show gp.wait.p50 --json)" = "$before" ]
    printf 'no database, but long enough for one: %0200d' 0 >history.db
    run --separate-stderr sp history list
    expect 64
    has "$stderr" 'history.db: is no history, or broken ('
    has "$stderr" '`stillpoint history rebuild FOLDER` makes it anew from results'
    run --separate-stderr sp history rebuild r
    expect 64
    [ "$(head -c 2 history.db)" = no ]
    mv history.db broken
    run --separate-stderr sp history rebuild nothing
    expect 64
    has "$stderr" 'nothing: No such file or directory'
    run sp history rebuild r
    expect 0
    [ "$(sp history show gp.wait.p50 --json | jq -c '[.[].values | length]')" = '[10,10]' ]
    before=$(sp history show gp.wait.p50 --json)
    printf '{"schema": ' >"$(ls -d r/*T03* | head -n 1)/result.json"
    run --separate-stderr sp history rebuild r
    expect 64
    [ "$(sp history show gp.wait.p50 --json)" = "$before" ]
}

@test "what is added while it is made anew is kept" {
    made r1 1 40 1
    made r2 50 10 1
    sp history add r1
    for i in 1 2 3 4 5; do
        sp history rebuild >/dev/null 3>&- &
        rebuilding=$!
        mkdir "part$i"
        cp -r $(ls -d r2/* | sed -n "$((4 * i - 3)),$((4 * i))p") "part$i"
        sp history add "part$i"
        wait "$rebuilding"
    done
    [ "$(sp history list --json | jq -r '.[0].results')" = 100 ]
}

@test "a result that cannot be read keeps no other from being added" {
    made r 1 3 1
    file=$(ls -d r/*T02* | head -n 1)/result.json
    printf '{"schema": ' >"$file"
    run --separate-stderr sp history add r
    expect 64
    has "$stderr" "$file:1:"
    has "$output" 'r: 5 added, 0 there already'
    mkdir "$(printf 'bytes\377')"
    cp -r r/*T01* "$(printf 'bytes\377')"
    run --separate-stderr sp history add "$(printf 'bytes\377')"
    expect 64
    has "$stderr" 'a name that is no UTF-8 cannot be kept: rename it'
}

@test "a file of a newer program, of another, or that is missing is told apart" {
    command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
    run --separate-stderr sp history list
    expect 64
    says 'history.db: No such file or directory; `stillpoint history add DIR` makes it'
    made r 1 1 1
    sp history add r
    sqlite3 history.db 'PRAGMA user_version = 9'
    run --separate-stderr sp history add r
    expect 64
    has "$stderr" 'history.db: was made by a newer stillpoint (version 9; this one knows 1)'
    sqlite3 other.db 'CREATE TABLE t (x)'
    run --separate-stderr sp history add r --db other.db
    expect 64
    says 'other.db: is no history of stillpoint'
}

@test "results without figures, and words that it does not know" {
    made r 1 2 1
    for file in r/*/result.json; do
        jq '.runs[].verdict = "inconclusive"' "$file" >changed
        mv changed "$file"
    done
    run sp history add r
    expect 0
    has "$output" 'r: 0 added, 0 there already, 4 without a figure that counts'
    run --separate-stderr sp history lsit
    expect 64
    says 'stillpoint history: no action "lsit"; did you mean "list"?'
    run --separate-stderr sp history show
    expect 64
    says 'stillpoint history show: expected METRIC'
}

@test "a metric over commits is drawn, with its change and its budget" {
    command -v gnuplot >/dev/null || skip 'gnuplot is not installed'
    made r 1 12 1
    made r 13 12 1.3
    newest=$(ls -d r/*/ | tail -n 1)
    jq '.verdict = {"budgets": [{"metric": "gp.wait.p50", "point": {"library.gp_policy": "poll"}, "max": 1500000}]}' \
        "$newest/result.json" >changed
    mv changed "$newest/result.json"
    sp history add r
    run --separate-stderr "$CLI_BUILD/stillpoint" history show gp.wait.p50 --point poll --plot .
    expect 0
    has "$output" './history-gp.wait.p50-poll.svg'
    has "$(cat history-gp.wait.p50-poll.svg)" 'since c0013'
    has "$(cat history-gp.wait.p50-poll.svg)" 'budget'
    [ -s history-gp.wait.p50-poll.png ]
}
