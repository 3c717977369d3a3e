#!/usr/bin/env bats
# `bench`: one table beside every peer.

load helper

@test "a row for each question, beside each peer that is built and one's own, with the machine's limit" {
    run --separate-stderr "$CLI_BUILD/stillpoint" bench pair --quick --beside broken --progress none --out "$OUT" --format json
    expect 0
    printf '%s' "$output" >"$BATS_TEST_TMPDIR/bench.json"
    bench() { jq -er "$1" "$BATS_TEST_TMPDIR/bench.json"; }
    [ "$(bench .schema)" = stillpoint-bench/1 ]
    [ "$(bench '[.rows[].group] | unique | join(" ")')" = pair ]
    [ "$(bench '.rows[0] | has("ours") and has("limit")')" = true ]
    for peer in $(bench '.flavors[]'); do
        [ -e "$CLI_BUILD/runner-$peer" ]
        [ "$(bench ".rows[0].peers[\"$peer\"].pairs <= 3")" = true ]
    done
    [ "$(bench '.flavors | index("broken") != null')" = true ]
    [ "$(bench '.limits | has("limit.exchange")')" = true ]
    # Few repeats have no intervals.
    [ "$(bench '[.rows[].peers[].interval] | all(. == null)')" = true ]
}

@test "rows and columns that there are not are told by name" {
    run --separate-stderr sp bench pairs
    expect 64
    says 'stillpoint bench: no rows "pairs"; did you mean "pair"?'
    run --separate-stderr sp bench everything
    expect 64
    has "$stderr" 'there are pair, grace-periods, waits, callbacks, mixes, exclusive, kicks, memory'
    run --separate-stderr sp bench pair --beside urcu-menb --out "$OUT"
    expect 64
    has "$stderr" 'no runner for flavor "urcu-menb"; did you mean "urcu-memb"?'
    run --separate-stderr sp bench kicks --beside urcu-menb --out "$OUT"
    expect 64
    has "$stderr" 'no runner for flavor "urcu-menb"'
    run --separate-stderr sp bench pair --beside broken --beside stillpoint --out "$OUT"
    expect 64
    has "$stderr" 'twice in one sweep'
}

@test "limits are measured, where two threads have a CPU each" {
    run sp run "$(scenario limits '{"name": "limits", "duration": "300ms", "warmup": "0s", "workloads": [{"type": "limits"}]}')" \
        --out "$OUT" --quiet
    expect 0
    [ "$(result '.runs[0].latency["limit.loop"].percentiles["50"] < .runs[0].latency["limit.exchange"].percentiles["50"]')" = true ]
    [ "$(result '.runs[0].latency["limit.wake"].count > 0')" = true ]
    [ "$(result '.runs[0].stall_limit')" = 10 ] # whatever the duration: slow is no fault
    is_valid_result
}
