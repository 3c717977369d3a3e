#!/usr/bin/env bats
# Near misses: what came close to a violation is counted and shown, and changes no verdict.

load helper

teardown() { stop_all; }

# near_misses: of the newest result, "NAME COUNT" a line, without those of 0.
near_misses() { result '.runs[].near_misses | to_entries[] | select(.value > 0) | "\(.key) \(.value)"' || :; }

@test "a wait that takes over half of what the run allows is a near miss, with its thread" {
    MISBEHAVE=slow run sp run "$(harmless)" --out "$OUT" --progress none
    expect 0
    [ "$(near_misses)" = 'near_stalls 1' ]
    [ "$(result '.runs[0].longest_silence | .thread == "latency-caller-0" and .seconds > 1 and .allowed == 2')" = true ]
    [ "$(result .verdict.correctness)" = measured ]
    has "$(tr -s ' \n' ' ' <<<"$output")" \
        'Near misses: threads without progress for over half of what the run allows 1 (latency-caller-0, '
    is_valid_result
    # Where nothing came close, there is no such line.
    run sp run "$(harmless)" --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].near_misses.near_stalls')" = 0 ]
    lacks "$output" 'Near misses'
}

@test "a stall is no near miss" {
    MISBEHAVE=slow run sp run "$(harmless)" --set stall_limit=1s --out "$OUT" --progress none
    expect 1
    [ "$(result '[.runs[0].findings[].check] | join(" ")')" = stall ]
    [ "$(near_misses)" = '' ]
    lacks "$output" 'Near misses'
}

@test "kick: what is late by the clock alone is a near miss" {
    # vCPUs that wait for the only CPU act when they get it.
    cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
    run taskset -c "$cpu" "${with_signals[@]}" PATH=/nonexistent "$CLI_BUILD/stillpoint" run \
        "$(scenario kick '{"name": "kick", "duration": "1s", "warmup": "0s", "workloads": [
            {"type": "kick", "accel": "threads", "vcpus": 12, "hotplug": "0s", "cpu_limit": "4ms"}]}')" \
        --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].near_misses.late > 0')" = true ]
    [ "$(result '.runs[0] | .near_misses.late == .counters.kick.late')" = true ]
    [[ $output =~ 'kicks acted on after cpu_limit by the clock '[0-9] ]]
}

@test "a night has a column of near misses, of all rounds, and keeps those that had some" {
    MISBEHAVE=slow run sp run "$(harmless)" --for 5s --out "$OUT" --progress none
    expect 0
    jq -se 'map(select(.event == "end")) | length > 0 and all(.near_misses == 1)' "$(newest)/rounds.jsonl"
    jq -e '.scenarios[0] | .near_misses == .rounds' "$(newest)/summary.json"
    [ "$(ls "$(newest)/rounds" | wc -l)" -eq "$(jq '.scenarios[0].rounds' "$(newest)/summary.json")" ]
    [[ $output =~ scenario\ +rounds\ +checks\ +clean\ +'near misses'\ +findings\ +verdict ]]
}
