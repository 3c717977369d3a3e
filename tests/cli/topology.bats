#!/usr/bin/env bats
# topology --svg: the machine drawn by hwloc's lstopo, with who is where and how much each did; and policies that
# keep roles apart.

load helper

FOUR='numa:4 core:2 pu:2'
LARGE='numa:4 core:32 pu:2'

setup() {
    SVG=$BATS_TEST_TMPDIR/topology.svg
}

have_lstopo() { command -v lstopo-no-graphics || command -v lstopo; } >/dev/null

# draw ARGUMENT...: by the real lstopo.
draw() {
    have_lstopo || skip 'lstopo is not installed'
    run --separate-stderr "$CLI_BUILD/stillpoint" topology "$@" --svg "$SVG"
}

# fake_lstopo SHELL: one of that text, alone in the PATH of fake_draw.
fake_lstopo() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '%s\n' '#!/bin/sh' "$1" >"$BATS_TEST_TMPDIR/bin/lstopo"
    chmod +x "$BATS_TEST_TMPDIR/bin/lstopo"
}
fake_draw() {
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "$CLI_BUILD/stillpoint" topology "$@"
}

# boxes: the threads of the drawing, a line each: colour, and what is written in it.
boxes() {
    /usr/bin/python3 - "$SVG" <<'PYTHON'
import sys, xml.dom.minidom
svg = xml.dom.minidom.parse(sys.argv[1]).documentElement
width, height = (float(svg.getAttribute(side).removesuffix("px")) for side in ("width", "height"))
assert svg.getAttribute("viewBox") == "0 0 %d %d" % (width, height), svg.getAttribute("viewBox")
colours = {}
for rect in svg.getElementsByTagName("rect"):
    assert float(rect.getAttribute("x")) + float(rect.getAttribute("width")) <= width
    assert float(rect.getAttribute("y")) + float(rect.getAttribute("height")) <= height
    colours[rect.getAttribute("id").replace("_rect", "_text")] = rect.getAttribute("fill")
for text in svg.getElementsByTagName("text"):
    if text.getAttribute("class") == "Misc":
        print(colours[text.getAttribute("id")], text.firstChild.data.strip())
PYTHON
}

@test "each thread is in the drawing once, in the colour of its role, and each PU" {
    draw "$(pipe '"placement": {"policy": "scatter"}')" --synthetic "$FOUR" --set rcu-pipe.readers=6
    expect 0
    has "$output" 'NUMA 0   core 0  PU  0 reader-0'
    boxes >"$BATS_TEST_TMPDIR/boxes"
    for i in 0 1 2 3 4 5; do
        [ "$(grep -c " reader-$i\$" "$BATS_TEST_TMPDIR/boxes")" -eq 1 ]
    done
    [ "$(grep ' reader-' "$BATS_TEST_TMPDIR/boxes" | cut -d' ' -f1 | sort -u | wc -l)" -eq 1 ]
    [ "$(grep -v ' \.$' "$BATS_TEST_TMPDIR/boxes" | cut -d' ' -f1 | sort -u | wc -l)" -ge 3 ]
    [ "$(grep -c ">PU [0-9]*<" "$SVG")" -eq 16 ]
    [ "$(grep -c '>NUMANode [0-3]' "$SVG")" -eq 4 ]
    grep -q '>pipe<' "$SVG"
    grep -q '>Not this machine: planned only, nothing was bound.<' "$SVG"
}

@test "256 PUs are all there, and threads by the dozen are summed up" {
    draw "$(pipe)" --synthetic "$LARGE" --set rcu-pipe.readers=256
    expect 0
    [ "$(grep -c '>PU [0-9]*<' "$SVG")" -eq 256 ]
    [ "$(boxes | grep -c ' reader-[0-9]*$')" -eq 256 ]
    draw "$(pipe)" --synthetic "$LARGE" --set rcu-pipe.readers=2048
    expect 0
    [ "$(boxes | grep -c ' reader x8$')" -eq 256 ]
    [ "$(boxes | grep -c ' reader-')" -eq 0 ]
}

@test "a machine alone, and this one, can be drawn" {
    draw --synthetic "$FOUR"
    expect 0
    [ -z "$(boxes)" ]
    draw "$(pipe '"placement": {"memory": "remote"}')" --synthetic 'numa:2 pu:1'
    expect 0
    grep -q '>Memory is remote: NUMA 0 from 1, NUMA 1 from 0.<' "$SVG"
    draw "$(pipe)"
    expect 0
    [ "$(boxes | grep -c ' reader-0$')" -eq 1 ]
}

@test "after a run a metric makes the colours, with a scale" {
    have_lstopo || skip 'lstopo is not installed'
    run "$CLI_BUILD/stillpoint" run "$(pipe '"repeat": 2')" --set rcu-pipe.readers=3 --out "$OUT" --progress none
    has "$output" ' topology.svg'
    is_valid_result
    SVG=$OUT/latest/topology.svg boxes >"$BATS_TEST_TMPDIR/boxes"
    [ "$(grep -c ' reader-[012]$' "$BATS_TEST_TMPDIR/boxes")" -eq 3 ]
    # Made different, so that the colours are.
    jq '.runs[0].seconds = 2 | .runs[0].threads |= [to_entries[] | .key as $k | .value |
        if .role == "reader" then .counters.reads = 2000 * ($k + 1) else del(.counters.reads) end]' \
        "$(newest)/result.json" >"$BATS_TEST_TMPDIR/result.json"
    draw "$BATS_TEST_TMPDIR" --metric reads
    expect 0
    has "$output" reader-0
    boxes >"$BATS_TEST_TMPDIR/boxes"
    cat "$BATS_TEST_TMPDIR/boxes"
    grep -q '^rgb(234,243,250) reader-0  1.0 k/s$' "$BATS_TEST_TMPDIR/boxes"
    grep -q '^rgb(0,76,127) reader-2  3.0 k/s$' "$BATS_TEST_TMPDIR/boxes"
    grep -q '^rgb(234,243,250) reads: 1.0 k/s$' "$BATS_TEST_TMPDIR/boxes"
    grep -q '^rgb(0,76,127) reads: 3.0 k/s$' "$BATS_TEST_TMPDIR/boxes"
    grep -q '^rgb(255,255,255) sync-updater-0$' "$BATS_TEST_TMPDIR/boxes"
    grep -q '>reads of each thread<' "$SVG"
    jq '.host.emulated = true' "$BATS_TEST_TMPDIR/result.json" >"$BATS_TEST_TMPDIR/emulated.json"
    mv "$BATS_TEST_TMPDIR/emulated.json" "$BATS_TEST_TMPDIR/result.json"
    draw "$BATS_TEST_TMPDIR" --metric heartbeats
    expect 0
    grep -q 'seed [0-9]*; emulated: times mean nothing<' "$SVG"
    draw "$BATS_TEST_TMPDIR" --metric gp.p99
    expect 64
    [[ $stderr =~ 'no thread has a metric "gp.p99"; there are: heartbeats '.*reads ]]
    draw "$BATS_TEST_TMPDIR" --point nowhere
    expect 64
    says "$BATS_TEST_TMPDIR/result.json: no run of a point \"nowhere\"; there are: \"\""
}

@test "a result of another machine is drawn on a description of that" {
    jq -n '{schema: "stillpoint-result/1", seed: 1, host: {topology: "numa:2 core:2 pu:1"}, tool: {},
        scenario: {name: "made"}, runs: [{label: "a", threads: []}, {label: "b", flavor: "null", seconds: 1,
        threads: [{name: "reader-0", role: "reader", cpu: 3, heartbeats: 5}]}]}' >"$BATS_TEST_TMPDIR/result.json"
    run --separate-stderr sp topology "$BATS_TEST_TMPDIR"
    expect 64
    says "$BATS_TEST_TMPDIR/result.json: is of another machine (numa:2 core:2 pu:1): draw it there, or describe that machine with --synthetic"
    run --separate-stderr sp topology "$BATS_TEST_TMPDIR/result.json" --synthetic 'numa:2 core:2 pu:1'
    expect 0
    has "$output" 'PU 3 reader-0'
    lacks "$output" 'planned only'
    run --separate-stderr sp topology "$BATS_TEST_TMPDIR" --synthetic 'numa:1 core:2 pu:1'
    expect 64
    says "$BATS_TEST_TMPDIR/result.json: reader-0 was on CPU 3, which is not there, or may not be used here"
    run --separate-stderr sp topology "$BATS_TEST_TMPDIR" --point a
    expect 64
    says "$BATS_TEST_TMPDIR/result.json: no run of a point \"a\"; there are: \"b\""
}

@test "without lstopo the package is named, and a run goes on without the drawing" {
    run --separate-stderr sp topology "$(pipe)" --svg "$SVG"
    expect 64
    says "$SVG: not drawn: lstopo is not installed (Debian package hwloc-nox)"
    has "$output" reader-0
    [ ! -e "$SVG" ]
    run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    expect 0
    has "$stderr" 'topology.svg: not drawn: lstopo is not installed (Debian package hwloc-nox)'
    lacks "$output" topology.svg
    [ ! -e "$OUT/latest/topology.svg" ]
}

@test "what lstopo cannot do is said, and nothing half-written is left" {
    fake_lstopo 'echo "<svg>half of it"'
    fake_draw --synthetic "$FOUR" --svg "$SVG"
    expect 64
    says "$SVG: not drawn: lstopo failed"
    [ ! -e "$SVG" ]
    fake_lstopo 'echo "no such option" >&2; exit 1'
    fake_draw --synthetic "$FOUR" --svg "$SVG"
    expect 64
    says "$SVG: not drawn: lstopo failed: no such option"
    fake_lstopo 'echo "<svg viewBox=\"0 0 1 1\"></svg>"'
    fake_draw --synthetic "$FOUR" --svg "$BATS_TEST_TMPDIR/none/x.svg"
    expect 64
    says "$BATS_TEST_TMPDIR/none/x.svg: cannot be written: No such file or directory"
    [ -e /dev/full ] || return 0
    fake_draw --synthetic "$FOUR" --svg /dev/full
    expect 64
    says '/dev/full: cannot be written: No space left on device'
    [ -c /dev/full ]
}

@test "options that do not fit are refused" {
    run --separate-stderr sp topology "$(pipe)" --metric reads --svg "$SVG"
    expect 64
    has "$stderr" '--metric reads: colours a result in a file'
    run --separate-stderr sp topology "$(pipe)" --point nowhere
    expect 64
    has "$stderr" 'has no point "nowhere"; there are: ""'
    run --separate-stderr sp topology --point nowhere
    expect 64
    has "$stderr" '--point nowhere: is of a scenario, or a result: name it'
}

@test "a point of a sweep can be chosen" {
    run --separate-stderr sp topology "$(pipe '"sweep": {"placement.policy": ["scatter", "compact"]}')" \
        --synthetic "$FOUR" --set rcu-pipe.readers=2 --point policy=compact
    expect 0
    [[ ${lines[0]} =~ 'PU  0 reader-0 '.*'PU  1 reader-1' ]]
}

# placed POLICY MACHINE: where the reader and the caller of the benchmark go.
placed() {
    sp topology "$ROOT/configs/bench/numa.json" --set placement.policy="$1" --synthetic "$2" |
        grep -oE 'PU +[0-9]+ latency-[a-z]+' | tr -s ' ' | tr '\n' ,
}

@test "reader and caller are where the policy wants them, on 1, 4 and 256" {
    [ "$(placed same-core 'core:2 pu:2')" = 'PU 0 latency-reader,PU 1 latency-caller,' ]
    [ "$(placed same-node 'core:2 pu:2')" = 'PU 0 latency-reader,PU 2 latency-caller,' ]
    [ "$(placed nearest-node "$FOUR")" = 'PU 0 latency-reader,PU 4 latency-caller,' ]
    [ "$(placed farthest-node "$FOUR")" = 'PU 0 latency-reader,PU 8 latency-caller,' ]
    [ "$(placed nearest-node "$LARGE")" = 'PU 0 latency-reader,PU 64 latency-caller,' ]
    [ "$(placed farthest-node "$LARGE")" = 'PU 0 latency-reader,PU 128 latency-caller,' ]
    run --separate-stderr sp topology "$ROOT/configs/bench/numa.json" --set placement.policy=nearest-node \
        --synthetic 'core:2 pu:2'
    expect 64
    has "$stderr" '/placement/policy: nearest-node needs two NUMA nodes'
}

@test "on one node the benchmark says that it needs two" {
    HWLOC_SYNTHETIC='core:2 pu:1' run --separate-stderr sp run "$ROOT/configs/bench/numa.json" --dry-run
    expect 0
    [ "$(grep -c 'skipped: placement.policy same-core needs two PUs of one core$' <<<"$output")" -eq 6 ]
    [ "$(grep -c 'policy=.*-node memory=.*skipped: placement.policy .*est-node needs two NUMA nodes$' <<<"$output")" -eq 12 ]
    [ "$(grep -c 'policy=same-node memory=remote  skipped: placement.memory remote needs two NUMA nodes$' <<<"$output")" -eq 3 ]
    HWLOC_SYNTHETIC='core:2 pu:1' run --separate-stderr sp run "$ROOT/configs/bench/numa.json" --out "$OUT" \
        --set placement.policy=farthest-node --progress none
    expect 77
    has "$output" 'needs two NUMA nodes'
}

@test "where there are nodes the benchmark runs, with a picture over the distance" {
    # Planned for four nodes, and bound nowhere.
    HWLOC_SYNTHETIC=$FOUR run sp run "$ROOT/configs/bench/numa.json" --duration 100ms --set warmup=10ms \
        --set repeat=1 --out "$OUT" --progress none
    [ "$(result '[.runs[] | select(.threads | length == 2)] | length')" -eq 8 ]
    [ "$(result '[.runs[].label] | join(",")')" = "$(for p in same-core same-node nearest-node farthest-node; do
        for m in local remote; do echo "policy=$p memory=$m"; done; done | paste -sd,)" ]
    [ -x /usr/bin/gnuplot ] || skip 'gnuplot is missing'
    # As if each had measured something, which on a busy machine it need not have.
    jq '.runs[] |= (del(.left_out) | .verdict = "measured" | .intervals = [] | .latency = {"gp.total": {unit: "ns",
        count: 4, max: 9000, percentiles: {"50": 2000, "99": 8000}, buckets: [[1000, 9000, 4]]}})' \
        "$(newest)/result.json" >"$BATS_TEST_TMPDIR/result.json"
    run "$CLI_BUILD/stillpoint" plot "$BATS_TEST_TMPDIR"
    expect 0
    for word in same-core same-node nearest-node farthest-node 'memory=local, p50' 'memory=remote, p99'; do
        grep -q ">$word<" "$BATS_TEST_TMPDIR/gp-placement.svg"
    done
}
