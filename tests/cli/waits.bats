# How long callers wait for grace periods: the open loop of gp-wait.

load helper

# waits MORE-OF-THE-WORKLOAD [MORE]: a short run in which a reader stays for 50 ms at a time.
waits() { stays 50ms 0.4 "$@"; }
stays() { # SECTION GAP MORE-OF-THE-WORKLOAD [MORE]
    scenario waits '{"name": "waits", "duration": "400ms", "warmup": "0s", "stall_limit": "5s", "workloads": [
        {"type": "gp-wait", "long_section": "'"$1"'", "long_gap": '"$2"', '"$3"'}]'"${4:+, $4}}"
}

# Requests are answered, and timed before they began and after. (A driver that had no CPU begins to count late; 2: on
# a machine that is busy elsewhere all requesters may be late.)
all_answered() {
    [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || expect 0
    result '.runs[] | .latency as $l | .counters["gp-wait"] | $l["gp.wait.floor"].count > 0
        and $l["gp.wait"].count >= $l["gp.wait.floor"].count and $l["gp.wait"].count <= .requests
        and .late_busy + .late_woken <= .requests and $l["gp.wait"].max >= $l["gp.wait.floor"].max'
}

@test "gp-wait: requests are answered by each way to wait for a grace period" {
    for via in synchronize expedited call_rcu poll; do
        run sp run "$(waits '"via": "'$via'"')" --out "$OUT" --quiet
        [ "$(all_answered)" = true ]
    done
}

@test "gp-wait: any flavor can run it, and what one lacks is said" {
    for flavor in mutex urcu-memb stillpoint-two-phase; do
        [ -e "$CLI_BUILD/runner-$flavor" ] || continue
        run sp run "$(waits '"via": "synchronize", "arrivals": "fixed"')" --flavor "$flavor" --out "$OUT" --quiet
        [ "$(all_answered)" = true ]
    done
    run --separate-stderr sp run "$(waits '"via": "synchronize"')" --flavor mutex --set gp-wait.via=poll --out "$OUT" --quiet
    expect 64
    has "$stderr" 'flavor "mutex" cannot "poll" (needed by gp-wait)'
}

@test "gp-wait: requests come whether or not earlier ones are done" {
    # A reader is inside all the time and nobody makes it leave: one caller that waits would be served a few times.
    run sp run "$(stays 200ms 0 '"interval": "5ms", "arrivals": "fixed", "long_leave": false' \
        '"library": {"gp_policy": "event"}')" --out "$OUT" --quiet
    [ "$(all_answered)" = true ]
    result '.runs[0] | .counters["gp-wait"].requests > 20 and .latency["gp.wait"].max > 150e6'
    # And no more than are due.
    result '.runs[0] | .counters["gp-wait"].requests < .seconds * 200 * 1.5 + 10'
}

@test "gp-wait: too few requesters are no measurement, and each request is timed from when it was due" {
    run --separate-stderr sp run "$(stays 50ms 0.02 '"requesters": 1, "interval": "1ms", "long_leave": false')" \
        --out "$OUT" --progress none
    expect 2
    has "$output" ' requests were due when all requesters were busy; use more'
    has "$output" '  How long a caller waits for a grace period that it asks for at a random moment'
    [[ $output =~ flavor\ +p50\ +p99\ +max\ +requests\ +forced\ +checks\ +verdict ]]
    has "$output" '  An empty call at the same moments, median: stillpoint '
    # Late as the requester was, each still waits from then.
    [ "$(all_answered)" = true ]
    result '.runs[0].counters["gp-wait"] | .late_busy * 100 > .requests'
}

@test "gp-wait: gp.wait is the headline wherever it was measured" {
    run --separate-stderr "$CLI_BUILD/stillpoint" run "$(scenario both '{"name": "both", "duration": "2s", "warmup": "0s", "workloads": [
        {"type": "gp-latency"}, {"type": "gp-wait", "long_readers": 0}]}')" --out "$OUT" --progress none
    has "$output" ' gp-wait-ccdf.svg'
    grep -q 'How often the wait for a grace period takes longer than x' "$OUT/latest/gp-wait-ccdf.svg"
    grep -q 'The wait for a grace period over time' "$OUT/latest/gp-wait-over-time.svg"
    has "$output" ' gp-wait-causes.svg'
    local cause
    cause=$(result '.runs[0].tail.causes | to_entries | max_by(.value.ns).key')
    # Its words, from the table that the report has them from.
    case $cause in
    reader_*) grep -q '>a reader inside' "$OUT/latest/gp-wait-causes.svg" ;;
    leader_*) grep -q '>the leader ' "$OUT/latest/gp-wait-causes.svg" ;;
    woken_late) grep -q '>the caller woken late' "$OUT/latest/gp-wait-causes.svg" ;;
    esac
    has "$output" '  How long a caller waits for a grace period that it asks for at a random moment'
}

@test "unmap: each way to force makes vCPUs leave that would stay, whatever the policy" {
    run --separate-stderr sp run "$(scenario force '{"name": "force", "duration": "1s", "warmup": "0s",
        "workloads": [{"type": "unmap", "accel": "threads", "hotplug": "0s", "stay": "4s"}],
        "sweep": {"unmap.force": ["force_rcu", "expedited", "drain"], "library.gp_policy": ["event", "poll"]}}')" \
        --out "$OUT" --progress none
    expect 0
    # The first one ends at the latest when the run does.
    [ "$(result '.runs | length == 6 and (map(.counters.unmap | .unmaps > 1 and .rescues == 0) | all)')" = true ]
}

@test "grace periods in a loop are shown by time, in which short ones do not hide the long" {
    run --separate-stderr sp run "$(scenario loop '{"name": "loop", "duration": "400ms", "warmup": "0s",
        "workloads": [{"type": "gp-latency", "section": "20ms", "pause": "20ms", "stay": "asleep"}],
        "library": {"gp_policy": "event"}}')" --out "$OUT" --progress none
    expect 0
    has "$output" '  Grace periods in a loop, by time: what a call at a random moment falls into'
    # Millions end at once while the reader pauses; each section is one.
    [ "$(result '.runs[0].latency.gp | .percentiles["50"] < 1e6 and .by_time["99"] > 10e6')" = true ]
    [[ $output =~ stillpoint\ +[0-9\ ]+[0-9.]+\ [mun]?s\ +[0-9.]+\ ms\ +[0-9.]+\ ms\  ]]
}

@test "the medians of many points are told as their range" {
    run --separate-stderr sp run "$(scenario many '{"name": "many", "duration": "100ms", "warmup": "0s",
        "workloads": [{"type": "read-side", "readers": 1}],
        "sweep": {"read-side.batch": [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99]}}')" --flavor null --out "$OUT" \
        --progress none
    expect 0
    # On a busy machine the reader may have had no CPU in some of them.
    [[ $output =~ 'Read-side pair, medians of '([0-9]+)' points: from batch='([0-9]+)' '.*' to batch='([0-9]+)' ' ]]
    [ "$(result '[.runs[] | {batch: .point["read-side.batch"], pair: .latency["read_side.pair"].percentiles["50"]}
            | select(.pair)]
        | [length == '"${BASH_REMATCH[1]}"',
           min_by(.pair).pair == (.[] | select(.batch == '"${BASH_REMATCH[2]}"') | .pair),
           max_by(.pair).pair == (.[] | select(.batch == '"${BASH_REMATCH[3]}"') | .pair)] | all')" = true ]
}
