#!/usr/bin/env bats
# What readers and updaters of a list do with each flavor: update-mix, and the pairs of read-side.

load helper

# mix MORE: members of an update-mix, for 200 ms.
mix() {
    scenario mix '{"name": "mix", "duration": "200ms", "warmup": "0s", "workloads": [{"type": "update-mix", '"$1"'}]}'
}

# measured FILE FLAVOR
measured() {
    run sp run "$1" --flavor "$2" --out "$OUT" --quiet
    echo "$2"
    expect 0
}

count() { result ".runs[0].counters[\"update-mix\"].$1"; }

flavors() {
    local runner
    for runner in "$CLI_BUILD"/runner-*; do
        echo "${runner##*/runner-}"
    done
}

# can FLAVOR CAPABILITY
can() { "$CLI_BUILD/runner-$1" --describe | jq -e ".capabilities | index(\"$2\")" >/dev/null; }

@test "each flavor searches, updates and reclaims, and no search misses what is there" {
    file=$(mix '"workers": 2, "updates": 50, "elements": 8, "stallers": 1, "stall": "2ms", "stall_pause": "2ms"')
    for flavor in $(flavors); do
        [ "$flavor" = broken ] && continue
        measured "$file" "$flavor"
        [ "$(count ops)" -gt "$(count updates)" ]
        [ "$(count updates)" -gt 0 ]
        [ "$(count stalls)" -gt 0 ]
        [ "$(result '.runs[0].latency["mix.op"].count > 0')" = true ]
        # Where sections do not protect, elements are held.
        ! can "$flavor" protect && can "$flavor" sections || [ "$(count missed)" -eq 0 ]
    done
    is_valid_result
}

@test "updates are put off while all elements of the pool are unreclaimed" {
    measured "$(mix '"updates": 100, "pool": 4')" stillpoint
    [ "$(count updates_put_off)" -gt 0 ]
    [ "$(count unreclaimed_peak)" -gt 0 ]
    [ "$(count unreclaimed_peak)" -le 4 ]
    [ "$(count 'unreclaimed_bytes_peak')" -ge $((64 * $(count unreclaimed_peak))) ]
    measured "$(mix '"updates": 0')" stillpoint
    [ "$(count updates)" -eq 0 ]
    [ "$(count unreclaimed_peak)" -eq 0 ]
    [ "$(result '.runs[0].latency | has("mix.reclaim")')" = false ]
}

@test "an element that is held keeps no other with hazard pointers, and a section keeps all with epochs" {
    [ -e "$CLI_BUILD/runner-ck-hp" ] || skip 'libck-dev is not installed'
    file=$(mix '"updates": 100, "pool": 1000, "stallers": 1, "stall": "4s"')
    measured "$file" ck-hp
    [ "$(count updates_put_off)" -eq 0 ]
    [ "$(count unreclaimed_peak)" -le 64 ]
    measured "$file" ck-epoch
    [ "$(count updates_put_off)" -gt 0 ]
    [ "$(count unreclaimed_peak)" -ge 1000 ]
}

@test "what is reclaimed in the thread that retired it comes back when its pool is empty" {
    [ -e "$CLI_BUILD/runner-ck-hp" ] || skip 'libck-dev is not installed'
    for flavor in ck-hp ck-epoch; do
        measured "$(mix '"updates": 100, "pool": 4')" "$flavor"
        [ "$(count updates)" -gt 64 ]
    done
}

@test "hazard pointers are measured by what needs no section, and the rest is skipped by name" {
    [ -e "$CLI_BUILD/runner-ck-hp" ] || skip 'libck-dev is not installed'
    run --separate-stderr sp run "$(scenario sections '{"name": "sections", "duration": "200ms", "warmup": "0s", "workloads": [
        {"type": "read-side"}, {"type": "gp-wait"}, {"type": "gp-latency"}, {"type": "update-mix"}]}')" \
        --flavor ck-hp --out "$OUT" --progress none
    expect 0
    has "$stderr" 'left out, flavor "ck-hp" cannot "sections": read-side'
    [ "$(result '[.runs[].latency | keys[] | select(startswith("mix.") | not)] | length')" -eq 0 ]
    run --separate-stderr sp run "$ROOT/configs/bench/read-side.json" --flavor ck-hp --out "$OUT" --progress none
    expect 77
    has "$(result '.verdict.reasons[]')" 'skipped: flavor "ck-hp" cannot "sections" (needed by read-side)'
    run --separate-stderr sp run "$ROOT/configs/torture/rcu-pipe.json" --flavor ck-hp --out "$OUT" --progress none
    expect 77
}

@test "a pair, an inner pair and a dependent load are timed, of each flavor that has them" {
    for timed in pair nested dependent; do
        file=$(scenario pairs '{"name": "pairs", "duration": "100ms", "warmup": "0s",
            "workloads": [{"type": "read-side", "readers": 2, "timed": "'"$timed"'"}]}')
        for flavor in $(flavors); do
            [ "$timed" = dependent ] || can "$flavor" sections || continue
            [ "$timed" != nested ] || can "$flavor" nest || continue
            measured "$file" "$flavor"
            [ "$(result '.runs[0].latency["read_side.pair"].count > 0')" = true ]
        done
    done
    run --separate-stderr sp validate "$file" --set read-side.timed=nested --flavor mutex
    expect 64
    has "$stderr" 'cannot "nest" (needed by read-side)'
    run --separate-stderr sp validate "$file" --set read-side.qsbr_readers=1
    expect 64
    has "$stderr" 'readers in quiescent-state mode have pairs only'
}
