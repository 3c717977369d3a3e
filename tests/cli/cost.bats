#!/usr/bin/env bats
# What the threads of benchmarks cost, how much memory a run takes, and the workload that measures memory.

load helper

# loop [MEMBERS]: a benchmark of one looping caller beside a reader that sleeps.
loop() {
    scenario loop '{"name": "loop", "duration": "600ms", "warmup": "300ms", "workloads": [{"type": "gp-latency",
        "section": "1ms", "pause": "1ms", "stay": "asleep"}]'"${1:+, $1}}"
}

cost() { result ".runs[0].cost$1"; }

@test "cost: each role of a benchmark, and what it did for that, without the warm-up" {
    run --separate-stderr sp run "$(loop '"budgets": [{"metric": "cpu.gp", "max": "1h"},
        {"metric": "rss.peak", "max": 1e15}]')" --out "$OUT" --progress none
    expect 0
    is_valid_result
    [ "$(cost ' | .seconds < 0.9 * '"$(result '.runs[0].seconds')")" = true ]
    [ "$(cost '.roles["gp-latency"] | keys | join(" ")')" = 'latency-caller latency-reader' ]
    [ "$(cost '.roles["gp-latency"]["latency-caller"] | .threads == 1 and .cpu_ns > 0 and .counters.gps > 0')" = true ]
    [ "$(cost '.roles["gp-latency"]["latency-reader"] | .counters.reads > 0')" = true ]
    # Of both, what came before the end of the warm-up is not in it.
    [ "$(result '.runs[0] | .cost.roles["gp-latency"]["latency-reader"].counters.reads < .counters["gp-latency"].reads
        and .cost.gps < .library.gps')" = true ]
    # The caller leads, and with it whoever is none of the run's.
    [ "$(cost ' | .leaders_cpu_ns == .others_cpu_ns + .roles["gp-latency"]["latency-caller"].cpu_ns')" = true ]
    [ "$(result '.verdict.budgets | map(.value > 0) | all')" = true ]
    has "$output" '  CPU time of who leads a grace period, median: stillpoint '
    [[ $output =~ '  latency-caller: '[0-9.]+' '[num]?'s CPU'.*' for each of '[0-9\ ]+' grace periods' ]]
}

@test "cost: a thread that sleeps is seen to leave its CPU, where that may be counted" {
    sp run "$(loop)" --out "$OUT" --quiet
    [ "$(cost '.refused | has("context_switches")')" = false ] || skip "$(cost .refused.context_switches)"
    [ "$(cost '.roles["gp-latency"]["latency-reader"] | .context_switches > 0')" = true ]
}

@test "cost: who calls call_rcu does not lead" {
    sp run "$(loop)" --set gp-latency.callers=0 --set gp-latency.call_rcu_callers=1 --out "$OUT" --quiet
    [ "$(cost ' | .leaders_cpu_ns == .others_cpu_ns and .others_cpu_ns > 0')" = true ]
}

@test "cost: what may not be counted is named once, with the reason, and left out" {
    run --separate-stderr bash -c "ulimit -n 60; PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(loop)' --out '$OUT' \
        --set gp-latency.callers=9 --progress none"
    expect 0
    local reason='4 descriptors for each of 10 threads are too many of 60; raise the limit of open files (ulimit -n)'
    has "$(tr -s ' \n' ' ' <<<"$output")" "Not counted: cycles, instructions, context switches, migrations ($reason)."
    [ "$(cost '.refused | map(. == "'"$reason"'") | length == 4 and all')" = true ]
    [ "$(cost '.roles["gp-latency"]["latency-caller"] | has("cycles") or has("context_switches") or .cpu_ns == 0')" = false ]
    is_valid_result
    run --separate-stderr sp run "$(loop '"perf": false')" --out "$OUT" --progress none
    lacks "$output" 'Not counted'
    lacks "$output" 'context switches'
    [ "$(cost '.refused')" = '{}' ]
}

@test "cost: torture has none, and a run of any kind tells how much memory it took" {
    sp run "$(pipe)" --out "$OUT" --quiet
    [ "$(result '.runs[0] | has("cost")')" = false ]
    [ "$(result '.runs[0].peak_rss_bytes > 1e6')" = true ]
    run --separate-stderr sp validate "$(loop)" --set 'budgets=[{"metric": "cpu.gp", "max": 1}]'
    expect 0
}

# memory ARGUMENT...: the workload of that name, of 50 at a time.
memory() {
    run --separate-stderr sp run "$(scenario memory '{"name": "memory", "duration": "200ms", "warmup": "0s",
        "workloads": [{"type": "memory", "count": 50, "rounds": 3}]}')" --out "$OUT" --progress none "$@"
}

@test "memory: bytes for each thread and each callback, as many as there are rounds" {
    memory --flavor stillpoint --set 'budgets=[{"metric": "memory.thread.p50", "max": 1e6}]'
    expect 0
    is_valid_result
    has "$output" '  Memory that a thread takes when it registers'
    [[ $output =~ 'budget memory.thread.p50: '[0-9.k\ ]+'B ' ]]
    [ "$(result '.runs[0].latency["memory.thread"] | .unit == "bytes" and .count == 3')" = true ]
    [ "$(result '.runs[0].latency["memory.tls"].min > 0')" = true ]
    lacks "$output" .svg
    memory --flavor stillpoint --set memory.of=callbacks
    expect 0
    has "$output" '  Memory that a pending callback takes'
    # At least the head.
    [ "$(result '.runs[0].latency["memory.callback"].min >= 16')" = true ]
}

@test "memory: what a thread takes and keeps is seen" {
    MISBEHAVE=hoard memory --flavor broken
    expect 0
    [ "$(result '.runs[0].latency | .["memory.thread"].percentiles["50"] >= 9900 and .["memory.heap"].min >= 9900')" = true ]
}

@test "memory: a flavor without callbacks has none that could be measured" {
    memory --flavor mutex --set memory.of=callbacks
    expect 64
    has "$stderr" 'flavor "mutex" cannot "call" (needed by memory)'
}
