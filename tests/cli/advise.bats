#!/usr/bin/env bats
# `advise`: which scheme fits a mix.

load helper

# The program in a tree of its own, whose scenario is short.
setup_file() {
    tree=$BATS_FILE_TMPDIR/tree
    mkdir -p "$tree/build" "$tree/configs/bench"
    cp "$CLI_BUILD/stillpoint" "$tree/build"
    ln -s "$(realpath "$BATS_TEST_DIRNAME/../../plots")" "$tree/plots"
    jq '.duration = "100ms" | .warmup = "20ms" | .repeat = 2' "$BATS_TEST_DIRNAME/../../configs/bench/advise.json" \
        >"$tree/configs/bench/advise.json"
    export advise=$tree/build/stillpoint STILLPOINT_RUNNERS=$CLI_BUILD
}

@test "it runs the mix with each scheme, and names one of those that do most" {
    run --separate-stderr "$advise" advise --readers 2 --updates 10% --stall 5ms \
        --progress none --out "$OUT" --format json
    expect 0
    printf '%s' "$output" >"$BATS_TEST_TMPDIR/advice.json"
    advice() { jq -er "$1" "$BATS_TEST_TMPDIR/advice.json"; }
    [ "$(advice .schema)" = stillpoint-advice/1 ]
    [ "$(advice '[.readers, .updates, .stall, .stallers] | tostring')" = '[2,10,"5ms",1]' ]
    # Ours by each policy, and each peer that is built once.
    [ "$(advice '[.schemes[] | select(.flavor == "stillpoint").policy] | sort | join(" ")')" = 'adaptive event fqs poll' ]
    [ "$(advice '[.schemes[] | [.flavor, .policy]] | length == (unique | length)')" = true ]
    named='.advice as $a | .schemes[] | select(.flavor == $a.flavor and .policy == $a.policy)'
    [ "$(advice "($named).operations >= 0.95 * ([.schemes[].operations] | max)")" = true ]
    [ "$(advice "($named).front")" = true ]
    [ "$(advice '[.schemes[] | .operations > 0 and .memory >= 0] | all')" = true ]
    # The picture was made, of one size or it says why not.
    [ -s "$OUT/advice.svg" ] || has "$stderr" gnuplot
}

@test "a mix that there cannot be is refused by what is wrong with it" {
    run --separate-stderr sp advise --updates half
    expect 64
    has "$stderr" '--updates half: expected a percentage, as 5'
    run --separate-stderr sp advise --updates 101%
    expect 64
    has "$stderr" '--updates 101%: expected a percentage, as 5'
    run --separate-stderr sp advise --readers many --out "$OUT"
    expect 64
    has "$stderr" update-mix.workers
    run --separate-stderr sp advise --stall ever --out "$OUT"
    expect 64
    has "$stderr" update-mix.stall
    run --separate-stderr sp advise pair
    expect 64
    says 'stillpoint advise: pair: the mix is told by --readers, --updates and --stall'
    [ ! -e "$OUT" ]
}
