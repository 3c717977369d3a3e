# Where the time of slow requests went: causes that are injected must be named.

load helper

# A run in which every request is explained; all of its events are in $OUT afterwards.
explained() { # MORE-OF-THE-WORKLOAD [MORE]
    scenario causes '{"name": "causes", "duration": "'"${FULL:+2}"'1s", "warmup": "0s", "stall_limit": "5s",
        "workloads": [{"type": "gp-wait", "readers": 0, "blocking_readers": 0, "interval": "40ms", "requesters": 30,
            "long_leave": false, '"$1"'}]'"${2:+, $2}}"
}

# named SHORTEST CAUSE...: of the requests that took so many milliseconds, how many had one of these as the largest
# share, and a line of how often each was: "96 of 100: reader_running 96, leader_naps 4". What other processes on this
# machine add, threads that run late, is told by the clock alone and left out.
named() {
    local shortest=$1
    shift
    jq -rs --argjson shortest "$shortest" --arg wanted "$*" '
        ["woken_late", "leader_waits_for_cpu", "all_busy"] as $late
        | [.[] | select(.event == "slowest") | .causes as $causes | .requests[]
         | [.own, .queued] | transpose | map(add) | to_entries | map(.key = $causes[.key] | select(.key | IN($late[]) | not))
         | select((map(.value) | add) >= $shortest * 1e6) | max_by(.value).key] as $found
        | ($wanted | split(" ")) as $wanted
        | "\([$found[] | select(IN($wanted[]))] | length) of \($found | length): \(
            $found | group_by(.) | map("\(.[0]) \(length)") | join(", "))"' "$OUT"/latest/events.jsonl
}

# At least 95 % of them, and at least 10, or 100 where there is time.
mostly() { # LINE
    echo "# $BATS_TEST_DESCRIPTION: $1" >&3
    [[ $1 =~ ^([0-9]+)\ of\ ([0-9]+): ]]
    [ "${BASH_REMATCH[2]}" -ge "${FULL:+10}10" ]
    [ $((BASH_REMATCH[1] * 100)) -ge $((BASH_REMATCH[2] * 95)) ]
}

# On a machine that is busy elsewhere some are late; that makes the run inconclusive, and none of them wrong.
explain() { run sp run "$@" --out "$OUT" --quiet; [ "$status" -eq 0 ] || expect 2; }

@test "causes: a reader that stays and sleeps" {
    explain "$(explained '"long_section": "60ms", "long_gap": 0.05' '"library": {"gp_policy": "event"}')"
    # It may be woken late.
    mostly "$(named 20 reader_blocked reader_preempted)"
}

@test "causes: a reader that stays on its CPU" {
    explain "$(explained '"long_section": "60ms", "long_gap": 0.05, "long_stay": "busy"' \
        '"library": {"gp_policy": "event"}')"
    # Others may take its CPU.
    mostly "$(named 20 reader_running reader_preempted)"
}

@test "causes: a reader that is preempted" {
    local cpu
    cpu=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
    explain "$(explained '"long_section": "100ms", "long_gap": 0.05, "long_stay": "busy", "hogs": 9' \
        '"library": {"gp_policy": "event"}, "placement": {"roles": {"long-reader": {"cpuset": "'"$cpu"'"},
            "hog": {"cpuset": "'"$cpu"'"}}}')"
    mostly "$(named 30 reader_preempted)"
}

@test "causes: a leader that naps after the last reader has left" {
    explain "$(explained '"long_section": "4ms", "long_gap": 0.05' \
        '"library": {"gp_policy": "poll", "poll_interval": "100ms"}')"
    mostly "$(named 50 leader_naps)"
}
