#!/usr/bin/env bats
# What the tortured process overwrites of what it keeps for its driver: found, and not believed.

load helper

# written WHAT: a run in which one reader writes over that.
written() {
    sync_only '"flavor": "broken", "on_finding": "continue", "interval": "100ms"' >/dev/null
    MISBEHAVE=$1 run sp run "$BATS_TEST_TMPDIR/sync.json" --duration 1s --out "$OUT" --quiet --progress none
    expect 1
    is_valid_result
}

stray() { result '[.runs[0].findings[] | select(.check == "stray-write").message] | if length == 1 then .[0] else error end'; }

is_stray() { # REGULAR EXPRESSION
    [[ $(stray) =~ $1 ]] && return
    stray
    return 1
}

@test "what writes past a part of the mapping, or before one, crashes there" {
    [ "$(getconf PAGESIZE)" -eq 4096 ] || skip 'pages are larger than the parts'
    for where in past before; do
        written $where
        is_stray '^(quiet-)?reader-[0-9] crashed at address 0x[0-9a-f]+, between the parts of what the harness keeps'
        [ "$(result '.runs[0].exit.signal')" = 11 ]
    done
}

@test "a counter that jumps is not counted" {
    written counter
    is_stray '"reads" of reader-0 went from [0-9]+ to [0-9]{12,} at once'
    [ "$(result '.runs[0].counters["rcu-pipe"].reads < 1000000000000')" = true ]
    [ "$(result '.runs[0].latency == {}')" = true ]
    [ "$(result '.runs[0].notes | any(startswith("reader-0: its counters are left out"))')" = true ]
}

@test "a count that goes back is found" {
    written back
    is_stray '"heartbeat" of reader-0 went from [0-9]+ to [0-9]+ at once'
}

@test "a note that nobody wrote is found, and is in no timeline" {
    written note
    is_stray 'note [0-9]+ of reader-0 is not what it wrote'
}

@test "a finding that nobody made is not believed" {
    written check
    is_stray 'the check "pipe-age" of rcu-pipe: its record is not what any thread wrote'
    [ "$(result '[.runs[].findings[] | select(.message == "A lie.")] | length')" = 0 ]
}

@test "a crash that did not happen is not believed" {
    written crash
    is_stray 'the record of a crash is not what the handler wrote'
    [ "$(result '[.runs[0].findings[] | select(.check == "crash").message] | join("")')" = \
        'The runner was killed by signal 5 (Trace/breakpoint trap).' ]
}

@test "an order to end that nobody gave is found" {
    written stop
    is_stray 'nobody had told the run to end'
}

@test "a call that the system did not refuse is held against nobody else" {
    written refusal
    is_stray 'pthread_create was not refused as often as it says'
    [ "$(result '[.runs[0].missing[], .runs[0].notes[]] | any(contains("was refused"))')" = false ]
}

@test "values in buckets that were never counted are found" {
    sync_only '"flavor": "broken"' >/dev/null
    MISBEHAVE=gentle run sp run "$BATS_TEST_TMPDIR/sync.json" --duration 100ms --out "$OUT" --quiet --progress none
    COUNTERS=$(events 'select(.event == "ready").workloads[0].counters | length')
    export COUNTERS
    written bucket
    is_stray '"[a-z.]+" of reader-0 has [0-9]+ values, and [0-9]+ in its buckets'
    [ "$(result '.runs[0].latency == {}')" = true ]
}

@test "a run in which nothing was overwritten has no such finding, whatever else ends it" {
    for how in segv abort exit; do
        written $how
        [ "$(result '[.runs[].findings[] | select(.check == "stray-write")] | length')" = 0 ]
    done
}
