#!/usr/bin/env bats
# list, validate, topology, plot, help, and how commands are spelt.

load helper

# An implementation in DIRECTORY, installed nowhere: lib/libmine.a, include/mine.h, and an adaptor, adaptor.h.
make_peer() {
    mkdir -p "$1/include" "$1/lib"
    for call in register unregister read_lock read_unlock synchronize; do
        echo "void mine_$call(void);" >>"$1/include/mine.h"
        echo "void mine_$call(void) {}" >>"$1/mine.c"
    done
    ${CC:-gcc} -c -o "$1/lib/mine.o" "$1/mine.c"
    ar rcs "$1/lib/libmine.a" "$1/lib/mine.o"
    sed -E 's|/\* (#include <mine.h>) \*/|\1|; s|/\* (mine_[a-z_]+\(\);) \*/|\1|' \
        "$ROOT/torture/flavors/template.h" >"$1/adaptor.h"
}

# flavor [OPTION...] VARIABLE=...: as in another directory, and among the flavors of the suite.
flavor() {
    # shellcheck disable=SC2086
    make -s -C "$ROOT" BUILD="$CLI_BUILD" WERROR="$CLI_WERROR" $CLI_OLD flavor "$@"
}

@test "a flavor made from the template is built from any directory, listed and measured" {
    peer=$(realpath "$BATS_TEST_TMPDIR")/peer
    make_peer "$peer"
    cd "$peer"
    cp "$CLI_BUILD/flags" flags
    run flavor NAME=mine-1.2 HEADER=adaptor.h CFLAGS='-Iinclude -O0 -g0' LIBS='-Llib -lmine'
    expect 0
    lacks "$output" "$CLI_BUILD/obj/" # CFLAGS are for this flavor only
    cmp "$CLI_BUILD/flags" flags
    nm "$CLI_BUILD/runner-mine-1.2" | grep ' T mine_read_lock'
    # It has those of the tree as well.
    run flavor -n NAME=mine-1.2 HEADER=adaptor.h CFLAGS=-Iinclude LIBS='-Llib -lmine'
    has "$output" " $(sed -n 2p flags) -MMD"
    has "$output" " -I$peer/include -I. "
    run sp list
    has "$output" '  mine-1.2 '
    run --separate-stderr sp run "$(scenario bench '{"name": "bench", "duration": "300ms", "warmup": "0s",
        "workloads": [{"type": "read-side"}]}')" --flavor mine-1.2 --out "$OUT" --progress none
    expect 0
    [ "$(result '.runs[0].flavor')" = mine-1.2 ]
    [ "$(result '.runs[0].latency["read_side.pair"].count > 0')" = true ]
    has "$output" 'Read-side pair, median: mine-1.2 '
    rm "$CLI_BUILD/runner-mine-1.2"
}

@test "a peer that is not installed is left out, and make says what it needs" {
    output=$(make -s -n -C "$ROOT" BUILD="$BATS_TEST_TMPDIR/build" PEER_ck-epoch='nowhere/ck.h libnowhere-dev' all |
        grep -oE 'left out: .*\)|-o [^ ]*/runner-[^ ]*')
    has "$output" "left out: flavor ck-epoch, which needs <nowhere/ck.h> (Debian's libnowhere-dev)"
    has "$output" /runner-null
    lacks "$output" /runner-ck-epoch
}

@test "each peer that is there keeps what it promises" {
    for peer in urcu-memb urcu-mb urcu-qsbr urcu-bp ck-epoch; do
        [ -e "$CLI_BUILD/runner-$peer" ] || continue
        for scenario in rcu-pipe lists qsbr; do
            run sp run "$ROOT/configs/torture/$scenario.json" --flavor "$peer" --duration 300ms --out "$OUT" --quiet
            echo "$peer $scenario $status"
            # 2: it takes longer to reach what is required. 77: it has no quiescent states beside sections.
            [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || [[ $status/$peer/$scenario == 77/*/qsbr && $peer != urcu-qsbr ]]
            [ "$(result '[.runs[].findings | length] | add')" -eq 0 ]
        done
    done
}

@test "make flavor says what is missing, before it compiles anything" {
    peer=$(realpath "$BATS_TEST_TMPDIR")/peer
    make_peer "$peer"
    cd "$peer"
    refuses() { # TEXT VARIABLE=...
        run flavor "${@:2}"
        echo "$output"
        [ "$status" -ne 0 ]
        has "$output" "$1"
        lacks "$output" '  CC '
    }
    refuses 'usage: make flavor NAME=mine HEADER=/path/mine.h' NAME=mine
    refuses 'usage: make flavor NAME=mine HEADER=/path/mine.h' HEADER=adaptor.h
    refuses 'HEADER=/nowhere.h: no such file' NAME=mine HEADER=/nowhere.h
    refuses "HEADER=nowhere.h: no such file; sought from " NAME=mine HEADER=nowhere.h
    has "$output" "$peer"
    refuses 'NAME=a/b: expected letters and digits' NAME=a/b HEADER=adaptor.h
    refuses 'NAME=two words: expected' NAME='two words' HEADER=adaptor.h
    refuses 'NAME=.hidden: expected' NAME=.hidden HEADER=adaptor.h
    refuses 'flavor "null" is in the tree already: choose another NAME' NAME=null HEADER=adaptor.h
    refuses 'adaptor.h does not compile; what it includes may be elsewhere: CFLAGS=-I' NAME=mine HEADER=adaptor.h
    refuses "no program links and starts with LIBS=-lmine; as in LIBS='-L/path/lib -lmine'" \
        NAME=mine HEADER=adaptor.h CFLAGS=-Iinclude LIBS=-lmine
    # One that the linker finds and the loader does not.
    ${CC:-gcc} -shared -o lib/libmine.so -Wl,-soname,libmine.so.1 lib/mine.o
    refuses 'no program links and starts with LIBS=lib/libmine.so' \
        NAME=mine HEADER=adaptor.h CFLAGS=-Iinclude LIBS=lib/libmine.so
}

@test "list shows workloads, and flavors with what they can" {
    run --separate-stderr sp list
    expect 0
    for word in Workloads rcu-pipe rcu-callback gp-latency Flavors stillpoint null broken; do
        has "$output" "$word"
    done
    has "$output" 'can: synchronize nest protect'
    [ -z "$stderr" ]
}

@test "list shows the settings of a workload and of a flavor" {
    run sp list rcu-pipe
    expect 0
    [[ $output =~ readers\ +2\ .*'(0 to 4096 threads)' ]]
    has "$output" 'pipe-age, early-reuse'
    run sp list stillpoint
    expect 0
    [[ $output =~ gp_policy\ +adaptive\ .*'(event, poll, fqs, adaptive)' ]]
    run --separate-stderr sp list rcu-pip
    expect 64
    says 'no workload or flavor "rcu-pip"; did you mean "rcu-pipe"?'
}

@test "validate takes several files, and tells what is wrong with each" {
    one=$(NAME=one pipe) two=$(NAME=two pipe '"require": {"nonesuch": 1}') three=$(NAME=three pipe '"repeat": 3')
    run --separate-stderr sp validate "$one" "$two" "$three"
    expect 64
    [ "$output" = "$one: valid, 1 run"$'\n'"$three: valid, 3 runs" ]
    has "$stderr" "$two: /require/nonesuch: unknown key"
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "validate counts runs and touches nothing" {
    run --separate-stderr sp validate "$(pipe '"sweep": {"rcu-pipe.readers": [1, 2, 3]}, "repeat": 2')"
    expect 0
    [ "$output" = "$BATS_TEST_TMPDIR/pipe.json: valid, 6 runs" ]
    [ -z "$stderr" ]
    [ "$(find "$BATS_TEST_TMPDIR" -name 'result*' -o -name latest)" = '' ]
    run sp validate "$BATS_TEST_TMPDIR/pipe.json" --set rcu-pipe.readers=2 --set repeat=1
    [ "$output" = "$BATS_TEST_TMPDIR/pipe.json: valid, 1 run" ]
}

@test "topology draws this machine and others, with threads and without" {
    run --separate-stderr sp topology
    expect 0
    [[ $output =~ PU\ +[0-9]+\ \. ]]
    run sp topology --synthetic 'numa:2 core:2 pu:2'
    expect 0
    [ "$(grep -o 'PU [0-9]' <<<"$output" | wc -l)" -eq 8 ]
    has "$output" 'Not this machine: planned only, nothing was bound.'
    run sp topology "$(pipe)" --synthetic 'numa:2 core:2 pu:2'
    expect 0
    [[ $output =~ ^'NUMA 0   core 0  PU 0 reader-0' ]]
    [[ $output =~ NUMA\ 1\ \ \ core\ 2\ \ PU\ 4\ quiet-reader-0 ]] # scattered over the nodes first
    run sp topology "$(pipe)" --synthetic 'numa:2 core:2 pu:2' --set placement.policy=compact
    [[ ${lines[0]} =~ 'PU 0 reader-0 '.*'PU 1 quiet-reader-0' ]]
    run sp topology "$(pipe)"
    expect 0
    has "$output" reader-0
}

@test "topology says what is wrong with a description" {
    run --separate-stderr sp topology --synthetic foo
    expect 64
    says '--synthetic "foo": not a topology (as in "numa:2 core:8 pu:2", pu last)'
    run --separate-stderr sp topology --synthetic 'numa:9999 core:9999 pu:9999'
    expect 64
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "remote memory on a machine with one node degrades with one line" {
    run --separate-stderr sp topology "$(pipe '"placement": {"memory": "remote"}')" --synthetic 'core:2 pu:1'
    expect 0
    [ "$(grep -c '1 NUMA node: memory is local instead of remote' <<<"$output")" -eq 1 ]
}

@test "plot draws the pictures again" {
    run "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 600ms --out "$OUT" --quiet
    rm "$(newest)"/gp-latency-ccdf.*
    run --separate-stderr "$CLI_BUILD/stillpoint" plot "$(newest)"
    expect 0
    has "$output" gp-latency-ccdf.svg
    has "$output" gp-latency-ccdf.png
    [ -s "$(newest)/gp-latency-ccdf.png" ]
    run --separate-stderr "$CLI_BUILD/stillpoint" plot "$(newest)/result.json"
    expect 0
}

@test "plot says what is missing" {
    sp run "$(pipe)" --out "$OUT" --quiet
    run --separate-stderr sp plot "$(newest)"
    expect 64
    says 'no pictures: gnuplot is not installed (Debian package gnuplot-nox)'
    run --separate-stderr sp plot "$BATS_TEST_TMPDIR"
    expect 64
    says "$BATS_TEST_TMPDIR/result.json: No such file or directory; name a directory that \`stillpoint run\` made"
    mkdir "$BATS_TEST_TMPDIR/other"
    echo '{"schema": "something-else"}' >"$BATS_TEST_TMPDIR/other/result.json"
    run --separate-stderr sp plot "$BATS_TEST_TMPDIR/other"
    expect 64
    has "$stderr" 'is not a result of stillpoint'
    echo '{' >"$BATS_TEST_TMPDIR/other/result.json"
    run --separate-stderr sp plot "$BATS_TEST_TMPDIR/other"
    expect 64
    has "$stderr" "$BATS_TEST_TMPDIR/other/result.json:"
}

@test "every command has help that names its argument and options" {
    run sp --help
    expect 0
    for command in run list validate topology plot salvage bench advise compare history; do
        has "$output" "  $command "
        run --separate-stderr sp $command --help
        expect 0
        has "$output" "Usage: stillpoint $command"
        [ -z "$stderr" ]
        run sp --help
    done
    run sp run --help
    for option in set duration seed flavor out quiet fail-fast until-failure gdb progress dry-run; do
        has "$output" "--$option"
    done
    has "$output" '77 everything'
}

@test "without a command the help is on standard error, and exit code 64" {
    run --separate-stderr sp
    expect 64
    [ -z "$output" ]
    has "$stderr" 'Usage: stillpoint COMMAND'
}

@test "--version names the version" {
    run sp --version
    expect 0
    [[ $output =~ ^'stillpoint '[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "an unknown command, option or value is refused with exit code 64" {
    run --separate-stderr sp rum
    expect 64
    says 'stillpoint: no command "rum"; did you mean "run"?'
    run --separate-stderr sp qqqqqq
    expect 64
    says 'stillpoint: no command "qqqqqq"; see `stillpoint --help`'
    for line in 'run --nonsense x' 'validate --nonsense' 'list --nonsense' 'plot --set x=1 y' 'run x --progress loud'; do
        run --separate-stderr sp $line
        expect 64
        has "$stderr" "stillpoint ${line%% *}: "
        has "$stderr" 'Try '
    done
    run --separate-stderr sp run a b
    expect 64
    says 'b: several scenarios are a night: say how long with --for (8h)'
    for command in run validate plot salvage; do
        run --separate-stderr sp $command
        expect 64
        has "$stderr" "stillpoint $command: expected "
    done
}
