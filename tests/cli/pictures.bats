#!/usr/bin/env bats
# Pictures: what gnuplot is given to draw, and what becomes of a picture that fails.

load helper

# drawn_from JQ: a result with eight points, of two settings, three repeats each, whose intervals have a gap.
drawn_from() {
    mkdir -p "$BATS_TEST_TMPDIR/d"
    jq -n '{schema: "stillpoint-result/1", seed: 1, host: {}, tool: {}, scenario: {name: "made"},
        runs: [range(2) as $r | ("event", "fqs", "poll", "adaptive") as $p | range(3) as $n |
            {point: {"gp-wait.readers": $r, "library.gp_policy": $p}, repeat: $n, flavor: "stillpoint",
             label: "\($r) \($p)", verdict: "measured",
             latency: {"gp.wait": {unit: "ns", count: 4, max: 9000,
                 buckets: [[1000, 1000 * ($n + 1), 3], [8000, 9000, 1]]}},
             intervals: [(0.5, 1, 1.5, 3, 3.5) as $t |
                 {t: $t, latency: {"gp.wait": {count: 4, p50: 1000, p99: (2000 + 1000 * $n), max: 9000}}}]}]}' |
        jq "${1-.}" >"$BATS_TEST_TMPDIR/d/result.json"
}

# gnuplot SHELL: a gnuplot of that text, in which $o is the file to be made.
gnuplot() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '%s\n' '#!/bin/sh' "o=\$(/usr/bin/sed -n \"s/^output_file = '\\(.*\\)'/\\1/p\" \"\$2\")" "$1" \
        >"$BATS_TEST_TMPDIR/bin/gnuplot"
    chmod +x "$BATS_TEST_TMPDIR/bin/gnuplot"
}

plot() {
    [ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] || skip 'there is no font'
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "$CLI_BUILD/stillpoint" plot "$BATS_TEST_TMPDIR/d"
}

only_the_result() { [ "$(ls -A "$BATS_TEST_TMPDIR/d")" = result.json ]; }

@test "a picture that was cut off is removed, and that is said" {
    drawn_from
    gnuplot 'echo "<svg>half of it" >"$o"'
    plot
    has "$stderr" 'd/gp-wait-ccdf.svg: could not be written whole, and was removed; is the disk full?'
    only_the_result
}

@test "when gnuplot is killed no picture is left, and that is said" {
    drawn_from
    gnuplot 'echo "<svg></svg>" >"$o"; kill -KILL $$'
    plot
    has "$stderr" 'd/gp-wait-ccdf.svg: not drawn: gnuplot was killed by signal 9 (Killed)'
    only_the_result
}

# What the last gnuplot was given: its program, and data files by point.
given() {
    gnuplot "case \$o in *$1.svg*) /usr/bin/cp -r \"\${2%/*}\" '$BATS_TEST_TMPDIR/given' ;; esac; exit 1"
    plot
}

@test "policies are the lines, and the other setting the panels" {
    drawn_from
    given ccdf
    program=$(<"$BATS_TEST_TMPDIR/given/program.gp")
    has "$program" 'panels = 2'
    has "$program" 'lines = 4'
    has "$program" "panel_title[2] = 'readers=1'"
    has "$program" "line_name[2] = 'fqs'"
    has "$program" "line_key = 'gp_policy'"
}

@test "panels of two settings are a grid, in which each value stands once" {
    drawn_from '.runs |= [("a", "b") as $size | .[] | .point = {"gp-wait.size": $size} + .point]'
    given ccdf
    has "$(<"$BATS_TEST_TMPDIR/given/program.gp")" 'grid = 1'
    command -v /usr/bin/gnuplot >/dev/null || skip 'gnuplot is missing'
    gnuplot 'exec /usr/bin/gnuplot "$@"'
    plot
    expect 0
    for title in size=a size=b readers=0 readers=1; do
        [ "$(grep -o ">$title<" "$BATS_TEST_TMPDIR/d/gp-wait-ccdf.svg" | wc -l)" -eq 1 ]
    done
}

@test "more lines than there are colours have a panel each" {
    drawn_from '.runs |= [to_entries[] | .value + {point: {readers: .key}, repeat: 0}]'
    given ccdf
    program=$(<"$BATS_TEST_TMPDIR/given/program.gp")
    has "$program" 'panels = 24'
    has "$program" 'alone = 1'
}

@test "repeats are a median with a band" {
    drawn_from
    given ccdf
    # Behind 1 us all of one repeat but a quarter, and none of the others.
    has "$(<"$BATS_TEST_TMPDIR/given/gp-latency-ccdf-0")" '1000 1 0.25 1'
    has "$(<"$BATS_TEST_TMPDIR/given/program.gp")" 'banded = 1'
}

@test "a line over time has a gap where intervals are missing, or are no numbers" {
    drawn_from
    given over-time
    [ "$(sed 's/ .*//' "$BATS_TEST_TMPDIR/given/gp-latency-over-time-0" | tr '\n' ,)" = 0.5,1,1.5,,3,3.5, ]
    has "$(<"$BATS_TEST_TMPDIR/given/gp-latency-over-time-0")" '0.5 1000 1000 1000 3000 2000 4000 9000 9000 9000'
    rm -r "$BATS_TEST_TMPDIR/given"
    drawn_from '.runs[].intervals[0:1] |= [] | .runs[].intervals[1].latency["gp.wait"].count = null'
    given over-time
    [ "$(sed 's/ .*//' "$BATS_TEST_TMPDIR/given/gp-latency-over-time-0" | tr '\n' ,)" = 1,,3,3.5, ]
}

@test "what callbacks hold back and what the process takes are drawn over time, with gaps" {
    drawn_from '.runs |= [to_entries[] | select(.value.repeat == 0) | .key as $k | .value |
        .latency = {"callback.held_back": {unit: "bytes", count: 9}, "process.rss": {unit: "bytes", count: 9}} |
        .intervals[].latency = {"callback.held_back": {count: 3, max: 4096}, "process.rss": {count: 3, max: 1e6}}]'
    given memory-over-time
    [ "$(tr '\n' , <"$BATS_TEST_TMPDIR/given/memory-over-time-0")" = \
        '0.5 4096 1000000,1 4096 1000000,1.5 4096 1000000,,3 4096 1000000,3.5 4096 1000000,,' ]
    rm -r "$BATS_TEST_TMPDIR/given" "$BATS_TEST_TMPDIR/bin"
    run "$CLI_BUILD/stillpoint" run "$ROOT/configs/bench/backlog.json" --duration 800ms --set warmup=0s \
        --set interval=20ms --set library.gp_policy=adaptive --out "$OUT" --progress none
    [ -s "$OUT/latest/memory-over-time.png" ]
    grep -q '>held back<' "$OUT/latest/memory-over-time.svg"
    jq -e '[.runs[].latency["callback.held_back"].max] | min > 0' "$OUT/latest/result.json"
    jq -e '[.runs[].latency["process.rss"].percentiles["50"]] | min > 1e6' "$OUT/latest/result.json"
}

@test "over placements a policy is a place by its number among all, and memory a line" {
    drawn_from '.host = {emulated: true, numa_distances: {"0": {"0": 10, "2": 32}}} | .runs = [("same-core", "farthest-node") as $p | ("local", "remote") as $m |
        range(3) as $n | {point: {"placement.policy": $p, "placement.memory": $m}, repeat: $n, flavor: "stillpoint",
            label: "\($p) \($m)", verdict: "measured", intervals: [],
            threads: [{role: "a", node: 0}, {role: "b", node: (if $p == "same-core" then 0 else 2 end)}],
            latency: {"gp.total": {unit: "ns", count: 4,
                max: 9000, percentiles: {"50": (1000 * ($n + 1)), "99": 5000}, buckets: [[1000, 9000, 4]]}}}]'
    given gp-placement
    [ "$(cat "$BATS_TEST_TMPDIR/given/gp-placement-0")" = "$(printf '%s 2000 1000 3000 5000 5000 5000\n' 4 7)" ]
    cmp "$BATS_TEST_TMPDIR/given/gp-placement-0" "$BATS_TEST_TMPDIR/given/gp-placement-1"
    [ ! -s "$BATS_TEST_TMPDIR/given/gp-placement-2" ]
    program=$(<"$BATS_TEST_TMPDIR/given/program.gp")
    has "$program" "label[2] = 'memory=remote'"
    has "$program" "place[4] = 'same-core (10)'"
    has "$program" "place[6] = 'nearest-node'"
    has "$program" "place[7] = 'farthest-node (32)'"
    has "$program" 'first_place = 4'
    has "$program" 'last = 7'
    has "$program" 'emulated: times mean nothing'
}
