#!/usr/bin/env bats
# `stillpoint run` when all goes well: files, streams, schemas.

load helper

@test "a passing run leaves result, events, scenario and pictures, and latest points at them" {
    run --separate-stderr "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 600ms --out "$OUT" --progress none
    expect 0
    for file in result.json events.jsonl scenario.json gp-latency-ccdf.svg gp-latency-ccdf.png; do
        [ -s "$OUT/latest/$file" ] || { ls "$OUT/latest"; echo "no $file"; return 1; }
    done
    [ -L "$OUT/latest" ]
    [ "$(readlink "$OUT/latest")" = "$(basename "$(newest)")" ]
    [[ $(readlink "$OUT/latest") =~ ^[0-9]{8}T[0-9]{6}Z-pipe$ ]]
    lacks "$(ls -A "$OUT/latest")" .tmp
    [ "$(result .verdict.correctness)" = pass ]
    [ "$(result .verdict.exit_code)" -eq 0 ]
    is_valid_result
}

@test "the pictures hold what they should: an SVG with text, a PNG that is not blank" {
    run "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 600ms --out "$OUT" --quiet
    expect 0
    /usr/bin/python3 - "$OUT/latest/gp-latency-ccdf" <<'PY'
import struct, sys, xml.dom.minidom, zlib
base = sys.argv[1]
svg = xml.dom.minidom.parse(base + ".svg")
words = " ".join(t.firstChild.data for tag in ("text", "tspan") for t in svg.getElementsByTagName(tag)
                 if t.firstChild and t.firstChild.nodeType == 3)
assert "grace period" in words, words[:300]
png = open(base + ".png", "rb").read()
assert png[:8] == b"\x89PNG\r\n\x1a\n"
at, data, shape = 8, b"", None
while at < len(png):
    length, kind = struct.unpack(">I4s", png[at:at + 8])
    if kind == b"IHDR":
        shape = struct.unpack(">II", png[at + 8:at + 16])
    if kind == b"IDAT":
        data += png[at + 8:at + 8 + length]
    at += 12 + length
assert shape[0] >= 400 and shape[1] >= 300, shape
pixels = zlib.decompress(data)
lines = len(pixels) // shape[1]
assert len({pixels[i * lines:(i + 1) * lines] for i in range(shape[1])}) > 50, "blank"
PY
}

@test "where no grace period is measured, another latency is the headline, by its name" {
    run "$CLI_BUILD/stillpoint" run "$(scenario poll '{"name": "poll", "duration": "600ms", "warmup": "0s",
        "workloads": [{"type": "poll-latency"}]}')" --out "$OUT" --progress none
    expect 0
    has "$output" '  Latency (p50, p99, max): gp.polled'
    [[ $output =~ flavor\ +GPs\ +p50\ +p99\ +max\  ]]
    [[ $output =~ stillpoint\ +[0-9\ ]+\ [0-9.]+\ [mun]?s\  ]]
    has "$output" ' latency-ccdf.svg'
    grep -q 'How often gp.polled takes longer than x' "$OUT/latest/latency-ccdf.svg"
    grep -q 'gp.polled over time' "$OUT/latest/latency-over-time.svg"
    [ ! -e "$OUT/latest/gp-latency-ccdf.svg" ]
}

@test "the headline is the first latency in the order of the scenario, whatever the order in the result" {
    sp run "$(scenario poll '{"name": "poll", "duration": "300ms", "warmup": "0s",
        "workloads": [{"type": "poll-latency"}]}')" --out "$OUT" --quiet
    events . | jq -cS . >"$BATS_TEST_TMPDIR/events.jsonl"
    run --separate-stderr sp salvage "$BATS_TEST_TMPDIR"
    has "$output" 'Latency (p50, p99, max): gp.polled'
    rm "$BATS_TEST_TMPDIR/result.json"
    sed -i 's/"gp.polled"/"a.polled"/g' "$BATS_TEST_TMPDIR/events.jsonl" # of another version, unknown here
    run --separate-stderr sp salvage "$BATS_TEST_TMPDIR"
    has "$output" 'Latency (p50, p99, max): poll.start'
}

@test "points with different latencies name theirs, in the table and in the legend" {
    sp run "$(pipe '"sweep": {"rcu-pipe.quiet_readers": [0, 1]}')" --duration 600ms --out "$OUT" --quiet
    events . | jq -c 'if .event == "run-end" then ("kick.\(.result.point["rcu-pipe.quiet_readers"])") as $name |
        (.result.latency, .result.intervals[].latency) |= {($name): .gp} | del(..|nulls) else . end' \
        >"$BATS_TEST_TMPDIR/events.jsonl"
    run --separate-stderr sp salvage "$BATS_TEST_TMPDIR"
    has "$output" 'Latency (p50, p99, max): as each point names it'
    has "$output" '  quiet_readers=0 (kick.0) '
    has "$output" '  quiet_readers=1 (kick.1) '
    run "$CLI_BUILD/stillpoint" plot "$BATS_TEST_TMPDIR"
    expect 0
    grep -q 'How often a latency takes longer than x' "$BATS_TEST_TMPDIR/latency-ccdf.svg"
    grep -q '1: kick.1  (' "$BATS_TEST_TMPDIR/latency-ccdf.svg"
    grep -q 'Latencies over time' "$BATS_TEST_TMPDIR/latency-over-time.svg"
}

@test "a latency in picoseconds is told in nanoseconds, and drawn below one" {
    run "$CLI_BUILD/stillpoint" run "$(scenario bench '{"name": "bench", "duration": "300ms", "warmup": "0s",
        "flavor": "null", "workloads": [{"type": "read-side"}]}')" --out "$OUT" --progress none
    expect 0
    has "$output" 'Latency (p50, p99, max): read_side.pair'
    [[ $output =~ null\ +0\ +[0-9.]+\ ns\  ]]
    has "$(cat "$OUT/latest/latency-ccdf.svg")" ' ps<'
}

@test "standard output has the table and nothing else, standard error the status" {
    run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    expect 0
    [[ ${lines[0]} =~ ^stillpoint\ [0-9.]+\ \ pipe\ \ seed\ [0-9]+ ]]
    has "$output" 'point '
    has "$output" '  PASS  '
    has "$output" "$(basename "$(newest)")"
    has "$output" result.json
    [[ $output != *$'\033'* ]]
    says "note: no pictures: gnuplot is not installed (Debian package gnuplot-nox)
note: $(newest)topology.svg: not drawn: lstopo is not installed (Debian package hwloc-nox)"
}

@test "no line of the report is longer than 100 columns" {
    run --separate-stderr sp run "$(pipe '"sweep": {"library.gp_policy": ["event", "adaptive"],
        "rcu-pipe.quiet_readers": [1, 2], "library.force_after": ["50ms"], "rcu-pipe.nest_max": [3]}')" \
        --out "$OUT" --progress none
    expect 0
    awk 'length > 100 && !/repro:/ && !/results/ { print length ": " $0; bad = 1 } END { exit bad }' <<<"$output"
}

@test "--quiet prints no table and no status" {
    run --separate-stderr "$CLI_BUILD/stillpoint" run "$(pipe)" --out "$OUT" --quiet
    expect 0
    [ -z "$output" ]
    [ -z "$stderr" ]
    is_valid_result
}

@test "--progress plain shows a status line, none shows none" {
    # The line comes every 15 s; a finding is shown as it comes.
    run --separate-stderr sp run "$(sync_only)" --flavor broken --out "$OUT" --progress plain
    expect 1
    has "$stderr" 'finding: '
    [[ $stderr != *$'\033'* ]]
    run --separate-stderr sp run "$(sync_only)" --flavor broken --out "$OUT" --progress none
    expect 1
    lacks "$stderr" 'finding: '
}

@test "--progress tty rewrites one line with GPs, p99, reads and findings, and takes it away" {
    run --separate-stderr sp run "$(pipe)" --duration 1600ms --out "$OUT" --progress tty
    expect 0
    [[ $stderr =~ \[1/1\]\ 00:0[0-9]\ of\ 00:01\ \ [0-9.]+.*\ GPs/s\ \ p99\ .*\ reads\ .*/s\ \ findings\ 0 ]]
    [[ $stderr == *$'\r\033[K'* ]]
}

# narrow COLUMNS OUTPUT: the first status line in it, which leaves the last column free.
narrow() {
    line=$(tr '\r' '\n' <<<"$2" | sed -n 's/^\x1b\[K\(\[1.*\)/\1/p' | head -n 1)
    [ -n "$line" ] && [ ${#line} -lt "$1" ]
}

@test "a status line fits a narrow terminal" {
    given=$(pipe '"sweep": {"rcu-pipe.readers": [1]}')
    for columns in 20 60; do
        run --separate-stderr env COLUMNS="$columns" PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$given" \
            --duration 1300ms --out "$OUT" --progress tty
        expect 0
        narrow "$columns" "$stderr"
    done
    # The widest of them has room for findings.
    has "$line" 'findings 0'
    # What a terminal itself says goes first, though a thread of its own writes to it.
    run "${with_signals[@]}" timeout -k 5 60 script -qec "stty cols 45; $CLI_BUILD/stillpoint run $given \
        --duration 1300ms --out $OUT" /dev/null </dev/null
    expect 0
    narrow 45 "$output"
}

@test "a log has the head first, and a line for each run as it ends" {
    run --separate-stderr sp run "$(pipe '"sweep": {"rcu-pipe.readers": [1, 2]}')" --out "$OUT" --progress plain
    expect 0
    [[ $stderr =~ ^stillpoint\ [^$'\n']*\ pipe\ \ seed\ [0-9]+$'\n'\ \ [0-9]+\ CPU.*$'\n'\[1/2\]\ readers=1\ \ pass\ after\ 0\.[0-9]\ s\ \ gp\.total\ p50\ .*$'\n'\[2/2\]\ readers=2 ]] ||
        [[ $stderr == *'[1/2] readers=1  pass after 0.'*' p50 '*$'\n''[2/2] readers=2  pass'* ]]
    has "$output" '  readers '
    run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    lacks "$stderr" 'pass after'
    has "$output" '  flavor '
}

@test "reads of every kind of reader are counted" {
    run sp run "$(scenario kinds '{"name": "kinds", "duration": "400ms", "warmup": "0s", "workloads": [{"type": "rcu-pipe",
        "readers": 0, "quiet_readers": 0, "long_readers": 1, "long_section": "1ms", "long_pause": "1ms"}]}')" --out "$OUT" --quiet
    [ "$(result '.runs[0].counters["rcu-pipe"].reads > 10')" = true ]
    run sp run "$BATS_TEST_TMPDIR/kinds.json" --set rcu-pipe.long_readers=0 --set rcu-pipe.quiet_readers=1 --out "$OUT" --quiet
    [ "$(result '.runs[0].counters["rcu-pipe"] | .quiet_reads > 10 and .reads >= .quiet_reads')" = true ]
}

@test "colours are for terminals only, and NO_COLOR turns them off there" {
    command -v script >/dev/null || skip 'script(1) is not installed'
    pipe >/dev/null
    command="env PATH=/nonexistent $CLI_BUILD/stillpoint run $BATS_TEST_TMPDIR/pipe.json --out $OUT --progress none"
    run "${with_signals[@]}" timeout -k 5 60 script -qec "$command" /dev/null </dev/null
    [[ $output == *$'\033[32;1m'* ]]
    NO_COLOR=1 run "${with_signals[@]}" timeout -k 5 60 script -qec "$command" /dev/null </dev/null
    [[ $output != *$'\033[3'* ]]
}

@test "the effective scenario is a scenario, and gives the same plan" {
    sp run "$(pipe '"sweep": {"rcu-pipe.readers": [1, 2]}')" --seed 7 --out "$OUT" --quiet
    cp "$(newest)/scenario.json" "$BATS_TEST_TMPDIR/effective.json"
    run sp validate "$BATS_TEST_TMPDIR/effective.json"
    expect 0
    [ "$(sp run "$BATS_TEST_TMPDIR/effective.json" --dry-run)" = "$(sp run "$BATS_TEST_TMPDIR/pipe.json" --seed 7 --dry-run)" ]
    sp run "$BATS_TEST_TMPDIR/effective.json" --out "$BATS_TEST_TMPDIR/again" --quiet
    cmp "$BATS_TEST_TMPDIR/effective.json" "$BATS_TEST_TMPDIR"/again/latest/scenario.json
}

@test "every shipped scenario is valid, by the schema and by the program" {
    mapfile -t files < <(find "$ROOT/configs" -name '*.json' -not -path '*/schema/*')
    [ ${#files[@]} -gt 0 ]
    run "$STILLPOINT" validate "${files[@]}"
    expect 0
    # A set of scenarios is no scenario.
    for i in "${!files[@]}"; do
        ! jq -e .scenarios "${files[i]}" >/dev/null || unset "files[i]"
    done
    # From the tables: what is checked in may wait for `make docs`.
    "$STILLPOINT" list --schema >"$BATS_TEST_TMPDIR/schema.json"
    /usr/bin/python3 "$BATS_TEST_DIRNAME/validate.py" "$BATS_TEST_TMPDIR/schema.json" "${files[@]}"
}

@test "the scenario schema refuses what the program refuses" {
    for wrong in '{"name": "x", "workloads": []}' '{"name": "x", "workloads": [{"type": "rcu-pip"}]}' \
        '{"name": "x", "duraton": "5s", "workloads": [{"type": "rcu-pipe"}]}' \
        '{"name": "x", "duration": "10x", "workloads": [{"type": "rcu-pipe"}]}' \
        '{"name": "x", "workloads": [{"type": "rcu-pipe", "readers": 1.5}]}'; do
        file=$(scenario wrong "$wrong")
        run -1 /usr/bin/python3 "$BATS_TEST_DIRNAME/validate.py" "$ROOT/configs/schema/scenario.schema.json" "$file"
        run -64 sp validate "$file"
    done
}

@test "the schema and the reference that are checked in are what the tables say" {
    "$STILLPOINT" list --schema | diff "$ROOT/configs/schema/scenario.schema.json" -
    "$STILLPOINT" list --markdown | diff "$ROOT/docs/scenario-reference.md" -
}

@test "a run that is no longer than its warm-up is measured whole" {
    run sp run "$(pipe)" --duration 300ms --set warmup=300ms --out "$OUT" --quiet
    expect 0
    # All that was waited for, but for what ended after the order to end.
    [ "$(result '.runs[0] | .latency["gp.total"].count * 2 > .counters["rcu-pipe"].gps')" = true ]
}

@test "latencies leave the warm-up out, counters do not" {
    run sp run "$(pipe)" --duration 600ms --set warmup=500ms --out "$OUT" --quiet
    expect 0
    [ "$(result '.runs[0].latency["gp.total"].count < .runs[0].counters["rcu-pipe"].gps')" = true ]
}

@test "GPs of a flavor without statistics are those that were waited for" {
    run --separate-stderr sp run "$(harmless 700ms)" --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].library | length')" -eq 0 ]
    [ "$(result '.runs[0].counters["gp-latency"].gps > 0')" = true ]
    [ "$(result '.runs[0].intervals | map(.gps_per_second > 0) | any')" = true ]
    gps=$(result '.runs[0].counters["gp-latency"].gps')
    has "$(tr -d ' ' <<<"$output")" "broken$gps"
}
