#!/usr/bin/env bats
# Bad input: one clear line with file, place and what was meant; exit code 64; nothing left behind.

load helper

# refuses JSON MESSAGE [ARGUMENT...]: `run` and `validate` say only this; FILE stands for the file.
refuses() {
    local file message
    file=$(scenario bad "$1")
    message=${2//FILE/$file}
    run --separate-stderr sp run "$file" --out "$OUT" "${@:3}"
    expect 64
    says "$message"
    [ -z "$output" ]
    left_nothing
    run --separate-stderr sp validate "$file" "${@:3}"
    expect 64
    says "$message"
}

W='"workloads": [{"type": "rcu-pipe"}]'

@test "malformed JSON is told with its line and column" {
    refuses $'{"name": "x",\n "duration" "5s"}' "FILE:2:16: ':' expected near '\"5s\"'"
    refuses '{"name": "x", '"$W} x" "FILE:1:52: end of file expected near 'x'"
    refuses '{"name": "x", "duration": NaN}' "FILE:1:29: invalid token near 'NaN'"
}

@test "an empty file, a directory and a missing file are told as such" {
    refuses '' 'FILE: is empty'
    run --separate-stderr sp run "$BATS_TEST_TMPDIR" --out "$OUT"
    expect 64
    says "$BATS_TEST_TMPDIR: several scenarios are a night: say how long with --for (8h)"
    run --separate-stderr sp run nowhere.json --out "$OUT"
    expect 64
    says 'nowhere.json: cannot be read: No such file or directory'
    left_nothing
}

@test "a duplicate key is an error" {
    refuses '{"name": "x", "name": "y", '"$W}" "FILE:1:20: duplicate object key near '\"name\"'"
}

@test "a bottomless file is refused" {
    refuses "$(printf '[%.0s' {1..5000})" "FILE:1:2049: maximum parsing depth reached near '['"
}

@test "what is no object is no scenario" {
    refuses '[1]' 'FILE: expected an object, found an array'
    refuses 'null' 'FILE: expected an object, found null'
}

@test "an unknown key is told with the nearest name" {
    refuses '{"name": "x", "duraton": "5s", '"$W}" 'FILE: /duraton: unknown key; did you mean "duration"?'
    refuses '{"name": "x", "workloads": [{"type": "rcu-pipe", "readres": 1}]}' \
        'FILE: /workloads/0/readres: unknown key; did you mean "readers"?'
    refuses '{"name": "x", "library": {"gp_polcy": "fqs"}, '"$W}" \
        'FILE: /library/gp_polcy: unknown key; did you mean "gp_policy"?'
    refuses '{"name": "x", "placement": {"roles": {"raeder": {"cpuset": "0"}}}, '"$W}" \
        'FILE: /placement/roles/raeder: unknown key; did you mean "reader"?'
    refuses '{"name": "x", "sweep": {"library.gp_polcy": ["fqs"]}, '"$W}" \
        'FILE: /sweep/library.gp_polcy: unknown key; did you mean "library.gp_policy"?'
    refuses '{"name": "x", "require": {"gps_forcd": 1}, '"$W}" \
        'FILE: /require/gps_forcd: unknown key; did you mean "gps_forced"?'
    refuses '{"name": "x", "zzzzzz": 1, '"$W}" 'FILE: /zzzzzz: unknown key'
}

@test "a wrong type is told with what was expected" {
    refuses '{"name": "x", "repeat": "3", '"$W}" 'FILE: /repeat: expected a whole number, found the string "3"'
    refuses '{"name": "x", "workloads": [{"type": "rcu-pipe", "readers": 1.5}]}' \
        'FILE: /workloads/0/readers: expected a whole number, found 1.5'
    refuses '{"name": "x", "workloads": {}}' 'FILE: /workloads: expected a list of workloads, found an object'
    refuses '{"name": 3, '"$W}" 'FILE: /name: expected a string, found 3'
    refuses '{"name": "x", "workloads": [{"type": "rcu-pipe", "readers": 1e300}]}' \
        'FILE: /workloads/0/readers: expected a whole number, found 1e300'
}

@test "a value out of range is told with the range" {
    refuses '{"name": "x", "repeat": 0, '"$W}" 'FILE: /repeat: 0 is out of range (1 to 10000)'
    refuses '{"name": "x", "duration": 0, '"$W}" 'FILE: /duration: 0s is out of range (100ms to 168h)'
    refuses '{"name": "x", "workloads": [{"type": "rcu-pipe", "readers": 5000}]}' \
        'FILE: /workloads/0/readers: 5000 is out of range (0 to 4096 threads)'
}

@test "a bad duration is told with good ones" {
    refuses '{"name": "x", "duration": "10x", '"$W}" 'FILE: /duration: "10x" is not a duration (45s, 10m, 8h)'
    refuses '{"name": "x", "duration": -1, '"$W}" 'FILE: /duration: -1 seconds is not a duration'
    refuses '{"name": "x", '"$W}" '--set duration=1y: /duration: "1y" is not a duration (45s, 10m, 8h)' --duration 1y
    refuses '{"name": "x", '"$W}" '--set duration=NaN: /duration: "NaN" is not a duration (45s, 10m, 8h)' \
        --duration NaN
}

@test "a bad choice is told with all of them" {
    refuses '{"name": "x", "library": {"gp_policy": "fsq"}, '"$W}" \
        'FILE: /library/gp_policy: "fsq" is none of: event poll fqs adaptive; did you mean "fqs"?'
}

@test "an unknown workload is told with the nearest" {
    refuses '{"name": "x", "workloads": [{"type": "rcu-pip"}]}' \
        'FILE: /workloads/0/type: unknown workload "rcu-pip"; did you mean "rcu-pipe"?'
    types=$("$STILLPOINT" list | sed -n '/^Workloads/,/^$/s/^  \([a-z-]*\) .*/\1/p' | paste -sd ' ')
    refuses '{"name": "x", "workloads": [{}]}' "FILE: /workloads/0/type: missing (the workload: one of $types)"
}

@test "an unknown flavor, a missing runner, is told with the nearest" {
    file=$(scenario bad '{"name": "x", "flavor": "stilpoint", '"$W}")
    run --separate-stderr sp run "$file" --out "$OUT"
    expect 64
    has "$stderr" "$file: /flavor: no runner for flavor \"stilpoint\"; did you mean \"stillpoint\"? There are: broken, "
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    left_nothing
}

@test "a program without any runner says so" {
    cp "$CLI_BUILD/stillpoint" "$BATS_TEST_TMPDIR/alone"
    run --separate-stderr "$BATS_TEST_TMPDIR/alone" run "$(pipe)" --out "$OUT"
    expect 64
    says "$BATS_TEST_TMPDIR/pipe.json: /flavor: no runner for flavor \"stillpoint\"; none is built: run make"
    left_nothing
}

@test "an impossible placement is told with what there is" {
    refuses_run() {
        run --separate-stderr sp run "$(scenario bad "$1")" --out "$OUT"
        expect 64
        [ "$(wc -l <<<"$stderr")" -eq 1 ]
        has "$stderr" "bad.json: /placement/roles/reader/$2"
        left_nothing
    }
    refuses_run '{"name": "x", "placement": {"roles": {"reader": {"cpuset": "4000"}}}, '"$W}" \
        'cpuset: CPU 4000 is not available here (allowed: '
    refuses_run '{"name": "x", "placement": {"roles": {"reader": {"numa": [77]}}}, '"$W}" \
        'numa/0: NUMA node 77 does not exist here (nodes: '
    # Once, not once for each point of the sweep.
    refuses_run '{"name": "x", "placement": {"roles": {"reader": {"cpuset": "4000"}}},
        "sweep": {"library.gp_policy": ["fqs", "poll"]}, '"$W}" 'cpuset: CPU 4000 is not available here (allowed: '
}

@test "a flavor that can do nothing of a scenario skips it by name" {
    run --separate-stderr sp run "$(scenario x '{"name": "x", "flavor": "null", '"$W}")" --out "$OUT" --progress none
    expect 77
    [ "$(result '.verdict.reasons[]')" = 'skipped: flavor "null" cannot "protect" (needed by rcu-pipe), "expedite" (needed by rcu-pipe expedited-updater), "call" (needed by rcu-pipe call-rcu-updater)' ]
    is_valid_result
}

@test "what a flavor lacks is left out with a note, by everybody, and the rest gets a verdict" {
    file=$(scenario rest '{"name": "rest", "duration": "300ms", "warmup": "0s", "library": {"gp_policy": "fqs"},
        "sweep": {"library.spin": ["0s", "1us"]}, "workloads": [{"type": "kick"}, {"type": "exclusive", "vcpus": 1,
        "exec_vcpus": 1}, {"type": "rcu-pipe", "poll_updaters": 1, "churners": 1, "exit_one_in": 2}],
        "require": {"gps": 1, "executions": 1, "polled": "1 % of gps", "kicked_idle": "1/s", "gps_forced": 1,
        "nested_sections": "1/s"}}')
    left='left out, flavor "mutex" cannot "call", "barrier", "vcpu": kick, require.kicked_idle
left out, flavor "mutex" cannot "vcpu": exclusive.vcpus
left out, flavor "mutex" cannot "exit": rcu-pipe.exit_one_in
left out, flavor "mutex" cannot "expedite": rcu-pipe.expedited_updaters
left out, flavor "mutex" cannot "call": rcu-pipe.call_rcu_updaters
left out, flavor "mutex" cannot "poll": rcu-pipe.poll_updaters, require.polled
left out, flavor "mutex" does not count that: require.gps_forced
left out, flavor "mutex" cannot "nest": require.nested_sections'
    for command in validate 'run --dry-run' "run --out $OUT --quiet"; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$file" --flavor mutex
        expect 0
        [ "$(sed -n 's/^note: .*rest.json: left/left/p' <<<"$stderr")" = "$left" ]
        has "$stderr" '/sweep/library.spin: left out'
    done
    [ "$(result '.runs | length')" -eq 1 ]
    [ "$(result '.verdict.correctness')" = pass ]
    [ "$(result '.runs[0].coverage | has("executions") and has("gps") and (has("polled") | not)')" = true ]
    [ "$(result '.runs[0].notes | map(select(startswith("left out"))) | join("\n")')" = "$left" ]
    is_valid_result
}

@test "what is set by hand is not left out: a flavor that lacks it is refused by name" {
    for command in validate 'run --dry-run' run; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$(pipe)" --flavor mutex --set rcu-pipe.qsbr_readers=1
        expect 64
        says "$BATS_TEST_TMPDIR/pipe.json: flavor \"mutex\" cannot \"qsbr\" (needed by rcu-pipe qsbr-reader)"
    done
    left_nothing
}

@test "in a sweep such a point is skipped, and the rest decides" {
    run --separate-stderr sp run "$(sync_only '"sweep": {"flavor": ["null", "stillpoint"]}')" --duration 200ms \
        --out "$OUT" --progress none
    expect 0
    has "$output" 'flavor=null'
    has "$output" 'skipped: flavor "null" cannot "protect"'
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'skipped pass' ]
    has "$(result '.verdict.reasons | join(" ")')" 'flavor=null: skipped: '
    is_valid_result
}

@test "a sweep of which everything is skipped ends with 77" {
    run --separate-stderr sp run "$(sync_only '"sweep": {"flavor": ["null"]}')" --out "$OUT" --progress none
    expect 77
    has "$output" 'SKIPPED  nothing could run here'
    [ "$(result .verdict.correctness)" = skipped ]
    [ "$(result '.verdict.max_failures_per_hour | length')" -eq 0 ]
    is_valid_result
    # --until-failure has nothing to wait for.
    run sp run "$BATS_TEST_TMPDIR/sync.json" --out "$OUT" --until-failure --quiet
    expect 77
}

@test "what this machine does not offer skips the run with the reason, with and without a sweep" {
    file=$(scenario poor '{"name": "x", "flavor": "broken", "repeat": 2, "workloads": [{"type": "rcu-pipe",
        "call_rcu_updaters": 0, "heap_one_in": 0}]}')
    MISBEHAVE=poor run --separate-stderr sp run "$file" --out "$OUT" --progress none
    expect 77
    why='"expedite" (needed by rcu-pipe expedited-updater) is missing here: no hurry on this machine'
    has "$output" "  broken      skipped: ${why% on*}"
    has "$output" 'SKIPPED  nothing could run here'
    [ "$(result '.runs[0].skip')" = "$why" ]
    [ "$(result '.verdict.reasons[]')" = "skipped: $why" ] # once, not once for each repeat
    is_valid_result
    # What it has nowhere is refused all the same.
    MISBEHAVE=poor run --separate-stderr sp run "$file" --set rcu-pipe.call_rcu_updaters=1 --out "$OUT"
    expect 64
    says "$file: flavor \"broken\" cannot \"call\" (needed by rcu-pipe call-rcu-updater)"
}

@test "a budget that looks at a skipped point, or compares with one, is listed as skipped" {
    mkdir "$BATS_TEST_TMPDIR/runners"
    cat >"$BATS_TEST_TMPDIR/runners/runner-poor" <<END
#!/bin/sh
[ "\$1" = --describe ] || exec '$CLI_BUILD/runner-stillpoint' "\$@"
'$CLI_BUILD/runner-stillpoint' --describe | $(command -v jq) '.missing.expedite = "no hurry on this machine"'
END
    chmod +x "$BATS_TEST_TMPDIR/runners/runner-poor"
    one='{"rcu-pipe.expedited_updaters": 1}' none='{"rcu-pipe.expedited_updaters": 0}'
    pipe '"flavor": "poor", "sweep": {"rcu-pipe.expedited_updaters": [0, 1]}, "budgets": [
        {"metric": "gp.total.p50", "max": "1ns", "where": '"$one"'},
        {"metric": "gp.total.p50", "max": 1e-9, "where": '"$none"', "ratio_to": '"$one"'},
        {"metric": "gp.total.p50", "max": "1h"}]' >/dev/null
    export STILLPOINT_RUNNERS=$BATS_TEST_TMPDIR/runners
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/pipe.json" --out "$OUT" --progress none
    expect 0
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'pass skipped' ]
    [ "$(result '[.verdict.budgets[] | .skipped // false] | join(" ")')" = 'true true false true' ]
    [ "$(result .verdict.performance)" = undecided ]
    has "$output" 'budget gp.total.p50 (expedited_updaters=1): skipped'
    has "$output" 'budget gp.total.p50 (expedited_updaters=0) over expedited_updaters=1: skipped'
    is_valid_result
    # A figure that is missing where something ran is still not measured.
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/pipe.json" --set 'budgets=[{"metric": "gp.polled.p50", "max": 1}]' \
        --out "$OUT" --progress none
    expect 3
    has "$output" 'budget gp.polled.p50: not measured'
}

@test "names of figures that nothing here has are refused before anything runs" {
    file=$(pipe)
    for command in run 'run --dry-run' validate; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$file" --set require.nonesuch=1 --set require.gps_forcd=1
        expect 64
        has "$stderr" '/require/nonesuch: unknown key (a counter'
        has "$stderr" '/require/gps_forcd: unknown key; did you mean "gps_forced"?'
    done
    for figure in gp.tootal.p99 kick.p50 gp.total.median rate.gpz rate.rcu-pipe.gpz counters.rcu-pipe.redas library.gpz \
        cpu.gp cpu.gps rss.max rss; do
        run --separate-stderr sp validate "$file" --set 'budgets=[{"metric": "'$figure'", "max": 1}]'
        expect 64
        has "$stderr" '/budgets/0/metric: unknown figure'
    done
    for figure in gp.total.p99 gp.p99.9 gp.mean rate.gps rate.rcu-pipe.gps rate.reads counters.rcu-pipe.reads library.naps \
        rss.peak; do
        run --separate-stderr sp validate "$file" --set 'budgets=[{"metric": "'$figure'", "max": 1}]'
        expect 0
    done
    left_nothing
}

@test "what only other flavors count is not required of this one, and a note says so" {
    file=$(scenario counts '{"name": "x", "duration": "200ms", "warmup": "0s", "workloads": [{"type": "rcu-pipe",
        "expedited_updaters": 0, "call_rcu_updaters": 0}], "require": {"naps": 1, "gps": 1},
        "budgets": [{"metric": "library.naps", "max": 1}]}')
    run --separate-stderr sp run "$file" --flavor mutex --out "$OUT" --progress none
    expect 0
    has "$stderr" '/require/naps: left out, flavor "mutex" does not count that'
    has "$stderr" '/budgets/0/metric: left out, flavor "mutex" does not count that'
    # Beside one that does: of that alone.
    run --separate-stderr sp run "$file" --set 'sweep.flavor=["stillpoint", "mutex"]' \
        --set 'budgets=[]' --set require.naps=1000000 --out "$OUT" --progress none
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'inconclusive pass' ]
    has "$output" 'left out, flavor "mutex" does not count that: require.naps'
}

# More vCPUs than the library has room for, once kick has 4096.
too_many() {
    scenario many '{"name": "x", "workloads": [{"type": "kick", "accel": "threads"},
        {"type": "pause", "accel": "threads", "vcpus": 1}]'"${1:+, $1}}"
}

@test "values that make no run are refused before anything runs, by everybody, in a sweep too" {
    file=$(sync_only '"sweep": {"rcu-pipe.sync_updaters": [1, 0]}')
    for command in run 'run --dry-run' validate; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$file" --set rcu-pipe.fake_updaters=0
        expect 64
        says "$file: sync_updaters=0: rcu-pipe: needs at least one updater (sync_updaters, expedited_updaters, call_rcu_updaters, poll_updaters)"
    done
    left_nothing
}

@test "what a flavor cannot because of an option is refused by everybody" {
    for command in run 'run --dry-run' validate; do
        # shellcheck disable=SC2086
        run --separate-stderr sp $command "$ROOT/configs/torture/churn.json" --flavor mutex --set rcu-pipe.exit_one_in=2
        expect 64
        has "$stderr" 'flavor "mutex" cannot "exit" (needed by rcu-pipe)'
    done
}

@test "what only the runner can refuse is told with the file, and leaves nothing" {
    run --separate-stderr sp run "$(too_many)" --set kick.vcpus=4096 --out "$OUT"
    expect 64
    has "$stderr" "$BATS_TEST_TMPDIR/many.json: pause: 4097 vCPUs in this run are more than the library's limit of 4096; set \"vcpus\" or \"per_thread\" lower"
    left_nothing
}

@test "when a later run cannot be started, what was measured is kept and the verdict is inconclusive" {
    run --separate-stderr sp run "$(too_many '"sweep": {"kick.vcpus": [1, 4096]}')" --duration 500ms \
        --out "$OUT" --progress none
    expect 2
    has "$stderr" 'pause: 4097 vCPUs in this run'
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'pass inconclusive' ]
    has "$output" 'vcpus=4096: could not be started'
    is_valid_result
}

@test "more threads than the system gives are inconclusive, with one clear reason" {
    file=$(pipe)
    run --separate-stderr bash -c "ulimit -v 6000000; exec '$CLI_BUILD/stillpoint' run '$file' -s rcu-pipe.readers=3000 --out '$OUT'"
    expect 2
    [ "$(result '.verdict.reasons | length')" -eq 1 ]
    [[ $(result '.verdict.reasons[0]') =~ ^'runner: thread '[0-9]+' of 3004 cannot be started: pthread_create: '[^\;]+'; use fewer threads, or ' ]]
    is_valid_result
}

@test "a setting that lets a thread stay longer than the stall limit is refused, by each command" {
    sed 's/"readers"/"long_readers": 1, "readers"/' "$(pipe '"sweep": {"rcu-pipe.long_section": ["100ms", "6s"]}')" >"$BATS_TEST_TMPDIR/long.json"
    file=$BATS_TEST_TMPDIR/long.json
    message="$file: long_section=6s: /workloads/0/long_section: 6s lets a thread stay for longer than the stall limit of this run, 5s; make it shorter, or stall_limit and duration longer"
    for how in validate 'run --dry-run' run; do
        run --separate-stderr sp $how "$file"
        expect 64
        says "$message"
    done 2>&1
    # A mean is met twice over; nobody stays who is not there.
    sed 's/"readers"/"long_readers": 1, "long_pause": "3s", "fake_pause": "60s", "readers"/' "$(pipe)" >"$BATS_TEST_TMPDIR/mean.json"
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/mean.json" --dry-run
    expect 64
    has "$stderr" '/workloads/0/long_pause: 3s lets a thread stay up to twice that, for longer than the stall limit of this run, 5s;'
    lacks "$stderr" fake_pause
    run sp run "$BATS_TEST_TMPDIR/mean.json" --dry-run --duration 20s --set stall_limit=8s
    expect 0
}

@test "a name that makes no directory is refused" {
    for name in 'a/b' '' '.x' 'a b' 'a\u001b[31mb' 'a\nb'; do
        refuses '{"name": "'"$name"'", '"$W}" \
            'FILE: /name: a name becomes part of a directory: 1 to 64 letters, no slash, no space and no dot in front'
    done
}

@test "all errors of a file are told at once, each on its line" {
    run --separate-stderr sp validate "$(scenario bad '{"name": "x", "repeat": 0, "duraton": 1,
        "workloads": [{"type": "rcu-pipe", "readers": -1}]}')"
    expect 64
    [ "$(wc -l <<<"$stderr")" -eq 3 ]
    [ "$(grep -c "^$BATS_TEST_TMPDIR/bad.json: /" <<<"$stderr")" -eq 3 ]
}

@test "--set is checked as the file is, and named as the source" {
    refuses '{"name": "x", '"$W}" '--set rcu-pipe.readres=3: /workloads/0/readres: unknown key; did you mean "readers"?' \
        --set rcu-pipe.readres=3
    refuses '{"name": "x", '"$W}" '--set seed=-1: /seed: -1 is out of range (0 to 9007199254740992)' --seed -1
    run --separate-stderr sp run "$(pipe)" --set nonsense --out "$OUT"
    expect 64
    has "$stderr" 'stillpoint run: --set nonsense: expected KEY=VALUE'
}

@test "an accelerator that there is not, and more vCPUs than the limit, are refused" {
    refuses '{"name": "x", "workloads": [{"type": "kick", "accel": "hvf"}]}' \
        'FILE: /workloads/0/accel: "hvf" is none of: auto threads rr signal cancel user kvm own'
    refuses '{"name": "x", "workloads": [{"type": "unmap", "vcpus": 4097}]}' \
        'FILE: /workloads/0/vcpus: 4097 is out of range (0 to 4096 threads)'
    file=$(scenario many '{"name": "x", "workloads": [{"type": "unmap", "accel": "rr", "vcpus": 2000},
        {"type": "kick", "accel": "threads", "vcpus": 1}]}')
    run --separate-stderr sp run "$file" --out "$OUT"
    expect 64
    has "$stderr" 'unmap: 6000 vCPUs in this run are more than the library'"'"'s limit of 4096; set "vcpus" or "per_thread" lower'
    run --separate-stderr sp run configs/torture/exclusive.json --set exclusive.vcpus=4096 --out "$OUT"
    expect 64
    has "$stderr" 'exclusive: 4099 vCPUs in this run are more than the library'"'"'s limit of 4096'
}
