#!/usr/bin/env bats
# The consumers of docs/workloads.md, with each flavor that has what they need.

load helper

# consumer NAME [MEMBERS]: one of them, for 300 ms.
consumer() {
    scenario "$1" '{"name": "'"$1"'", "duration": "300ms", "warmup": "0s", "workloads": [{"type": "'"$1"'"'"${2:+, $2}"'}]}'
}

flavors() {
    local runner
    for runner in "$CLI_BUILD"/runner-*; do
        echo "${runner##*/runner-}"
    done
}

# passes FILE COUNTER: with each flavor whose sections protect; the counter shows that something was done.
passes() {
    local flavor
    for flavor in $(flavors); do
        case $flavor in broken | null | ck-hp | classic) continue ;; esac
        run sp run "$1" --flavor "$flavor" --out "$OUT" --quiet
        echo "$flavor"
        expect 0
        [ "$(result '.runs[0].counters[].'"$2")" -gt 0 ]
    done
}

@test "blocks of memory come and go with each flavor" { passes "$(consumer ram-list)" blocks_unmapped; }

@test "with a lock for each lookup, and hurried in each way" {
    for setting in '"lookups": "lock"' '"force": "force_rcu"' '"force": "expedited"' '"force": "drain"'; do
        run sp run "$(consumer ram-list "$setting, \"stayers\": 1")" --out "$OUT" --quiet
        echo "$setting"
        expect 0
        [ "$(result '.runs[0].counters[].blocks_unmapped')" -gt 0 ]
    done
}

@test "handlers come and go with each flavor" { passes "$(consumer io-handlers)" handled; }

@test "a hash table grows and shrinks with each flavor" { passes "$(consumer hash)" sure_lookups; }

@test "a table is replaced as a whole with each flavor" { passes "$(consumer dispatch)" tables_replaced; }

@test "objects are made once with each flavor" { passes "$(consumer once-init)" made; }

@test "references are taken with each flavor" { passes "$(consumer refcount-weak)" references_taken; }

@test "each finds grace periods that wait for nobody; to touch memory that is gone is a finding, and no crash" {
    for name in ram-list hash dispatch refcount-weak; do
        run sp run "$(consumer "$name")" --duration 2s --flavor broken --out "$OUT" --quiet
        echo "$name"
        expect 1
    done
    run sp run "$(consumer ram-list)" --duration 2s --flavor broken --out "$OUT" --quiet
    expect 1
    [ "$(result '[.runs[0].findings[].check] | index("early-unmap") != null and index("crash") == null')" = true ]
    [[ $(result '.runs[0].findings[] | select(.check == "early-unmap").message') == 'A reader that had found block '*' touched its page '*', which was unmapped.' ]]
}

@test "numbers of buckets that no table has are refused" {
    run --separate-stderr sp validate "$(consumer hash '"fewest": 6')"
    expect 64
    has "$stderr" 'hash: "fewest" and "most" are numbers of buckets: powers of two'
    run --separate-stderr sp validate "$(consumer hash '"fewest": 64, "most": 64')"
    expect 64
    has "$stderr" '"most" must be at least twice "fewest"'
}

@test "promises are kept with each flavor that makes any, and no other workload is beside them" {
    for flavor in stillpoint stillpoint-two-phase; do
        run sp run "$(consumer rcu-promise)" --flavor "$flavor" --duration 2s --out "$OUT" --quiet
        expect 0
        [ "$(result '.runs[0].counters[].requests')" -gt 0 ]
    done
    run --separate-stderr sp validate "$(scenario beside '{"name": "beside", "workloads": [{"type": "rcu-promise"}, {"type": "rcu-pipe"}]}')"
    expect 64
    has "$stderr" '/workloads/0: rcu-promise is to be alone in its process'
}
