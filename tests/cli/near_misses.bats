#!/usr/bin/env bats
# Near misses: what came close to a violation is counted and shown, and changes no verdict.

load helper

teardown() { stop_all; }

# near_misses: of the newest result, "NAME COUNT" a line, without those of 0.
near_misses() { result '.runs[].near_misses | to_entries[] | select(.value > 0) | "\(.key) \(.value)"' || :; }

@test "a wait that takes over half of what the run allows is a near miss, with its thread" {
    MISBEHAVE=slow run sp run "$(harmless)" --out "$OUT" --progress none
    expect 0
    [[ $(near_misses) =~ ^'near_stalls '[0-9]+$ ]]
    [ "$(result '.runs[0].longest_silence | .thread == "latency-caller-0" and .seconds > 1 and .allowed == 2')" = true ]
    [ "$(result .verdict.correctness)" = measured ]
    [[ $(tr -s ' \n' ' ' <<<"$output") =~ 'Near misses: threads without progress for over half of what the run allows '[0-9]+' (latency-caller-0, ' ]]
    is_valid_result
    # Where nothing came close, there is no such line. (A machine that stands still for long may well come close.)
    run sp run "$(harmless)" --out "$OUT" --progress none
    expect 0
    if [ "$(result '.runs[0].near_misses.near_stalls')" = 0 ]; then lacks "$output" 'Near misses'; fi
}

@test "a stall is no near miss" {
    # The thread gets on, after it was one.
    MISBEHAVE=slow run sp run "$(harmless 2500ms)" --set stall_limit=1s --set on_finding=continue --out "$OUT" --progress none
    expect 1
    [ "$(result '[.runs[0].findings[].check] | join(" ")')" = stall ]
    [ "$(near_misses)" = '' ]
    lacks "$output" 'Near misses'
}

@test "a section across a whole grace period by the clock is a near miss, where no object shows it" {
    MISBEHAVE=careless run sp run "$(sync_only)" --flavor broken --set rcu-pipe.long_readers=1 --duration 1s \
        --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].near_misses.across_gps > 0')" = true ]
    [ "$(result '.runs[0] | .near_misses.across_gps == .counters["rcu-pipe"].across_gps')" = true ]
    [ "$(result .verdict.correctness)" = pass ]
    [[ $output =~ 'sections across a whole grace period by the clock '[0-9] ]]
    is_valid_result
    # Grace periods that wait for readers are across none of their sections.
    MISBEHAVE=careless run sp run "$(sync_only)" --flavor broken --set rcu-pipe.long_readers=1 \
        --set rcu-pipe.fake_updaters=0 --set rcu-pipe.long_delay_one_in=20 --duration 500ms --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].near_misses.across_gps')" = 0 ]
    result '.runs[0].counters["rcu-pipe"].gps > 0'
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
    jq -se 'map(select(.event == "end")) | length > 0 and all(.near_misses > 0)' "$(newest)/rounds.jsonl"
    sum=$(jq -s 'map(select(.event == "end").near_misses) | add' "$(newest)/rounds.jsonl")
    [ "$(jq '.scenarios[0].near_misses' "$(newest)/summary.json")" -eq "$sum" ]
    [ "$(ls "$(newest)/rounds" | wc -l)" -eq "$(jq '.scenarios[0].rounds' "$(newest)/summary.json")" ]
    [[ $output =~ scenario\ +rounds\ +checks\ +clean\ +'near misses'\ +findings\ +verdict ]]
}

@test "--until-failure adds up the near misses of the runs that it does not keep" {
    export MISBEHAVE=careless
    begin "$(sync_only)" --flavor broken --set rcu-pipe.long_readers=1 --duration 300ms --until-failure
    until_event 'select(.event == "run-end" and .run == 3)'
    kill -INT "$DRIVER"
    end
    events 'select(.event == "run-end").result.near_misses.across_gps' |
        jq -es --argjson told "$(result '[.runs[] | .near_misses.across_gps, .earlier.near_misses.across_gps] | add')" \
            'add == $told and $told > 0'
    is_valid_result
}
