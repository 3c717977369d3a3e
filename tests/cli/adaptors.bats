#!/usr/bin/env bats
# Adaptors beside their peers, without timing: `make adaptors` measures what they add.

load helper

makes() { # GOAL...
    # shellcheck disable=SC2086
    make -s -C "$ROOT" BUILD="$CLI_BUILD" WERROR="$CLI_WERROR" $CLI_OLD "$@"
}

# instructions OBJECT FUNCTION: without what fills up lines of the cache.
instructions() {
    objdump -d --no-show-raw-insn "$1" | awk -v start="<$2>:" '
        $2 == start { inside = 1; next }
        /^$/ { inside = 0 }
        inside && $2 !~ /^(nop|nopw|nopl|data16|cs)$/ && $0 !~ /xchg +%ax,%ax/ { print $2 }'
}

# adds_nothing PEER OBJECT FUNCTION: the loops of both objects are of the same instructions.
adds_nothing() {
    instructions "$1" "$3" >"$BATS_TEST_TMPDIR/alone"
    instructions "$2" "$3" >"$BATS_TEST_TMPDIR/adaptor"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/alone")" -ge 3 ] || return
    diff "$BATS_TEST_TMPDIR/alone" "$BATS_TEST_TMPDIR/adaptor"
}

@test "each peer's loops are built without the harness, and measure" {
    makes bare
    for peer in $(make -s -C "$ROOT" --eval='print: ; @echo $(bare)' print); do
        program=$CLI_BUILD/bare/$peer
        echo "$peer"
        grep -q 'torture/flavors/' "$program-adaptor.d"
        run grep -E '(torture|bench)/' "$program.d"
        [ -z "$output" ]
        loop=pair
        [ "$peer" != ck-hp ] || loop=dependent # sections alone protect nothing
        "$program" $loop 20 >"$BATS_TEST_TMPDIR/pair"
        jq -e '.["read_side.pair"] > 0 and .["read_side.empty"] > 0' "$BATS_TEST_TMPDIR/pair"
        jq -e '.["read_side.pair"] > .["read_side.over_empty"]' "$BATS_TEST_TMPDIR/pair"
        [ "$peer" = ck-hp ] || "$program" synchronize 20 | jq -e '.["gp.mean"] > 0'
        run "$program" nonesuch 20
        expect 64
    done
    for peer in stillpoint urcu-qsbr; do
        [ ! -e "$CLI_BUILD/bare/$peer" ] ||
            "$CLI_BUILD/bare/$peer" online-pair 20 | jq -e '.["read_side.qsbr_pair"] > 0'
    done
}

@test "no adaptor adds an instruction to a section of its peer" {
    makes bare
    for peer in $(make -s -C "$ROOT" --eval='print: ; @echo $(bare)' print); do
        for loop in time_pairs time_online_pairs; do
            # A thread of urcu-qsbr that is not online is so for a section: its adaptor counts the depth.
            case $peer,$loop in
            urcu-qsbr,time_pairs | ck-hp,*) continue ;;
            stillpoint,* | urcu-qsbr,* | *,time_pairs) ;;
            *) continue ;;
            esac
            echo "$peer $loop"
            adds_nothing "$CLI_BUILD/bare/$peer.o" "$CLI_BUILD/bare/$peer-adaptor.o" "$loop"
        done
    done
}

@test "an adaptor that adds a fence is found" {
    sed '/^    pthread_mutex_lock(&mutex_flavor_readers);/i __atomic_thread_fence(__ATOMIC_SEQ_CST);' \
        "$ROOT/torture/flavors/mutex.h" >"$BATS_TEST_TMPDIR/mutex.h"
    cd "$ROOT"
    for what in 'alone -DPEER_mutex' "adaptor -DFLAVOR_HEADER=\"$ROOT/torture/flavors/mutex.h\"" \
        "fence -DFLAVOR_HEADER=\"$BATS_TEST_TMPDIR/mutex.h\""; do
        ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE= -O2 -I. -Ilib/include "${what#* }" -c \
            -o "$BATS_TEST_TMPDIR/${what%% *}.o" tests/programs/bare_loops.c
    done
    adds_nothing "$BATS_TEST_TMPDIR/alone.o" "$BATS_TEST_TMPDIR/adaptor.o" time_pairs
    run adds_nothing "$BATS_TEST_TMPDIR/alone.o" "$BATS_TEST_TMPDIR/fence.o" time_pairs
    expect 1
    has "$output" '> '
}
