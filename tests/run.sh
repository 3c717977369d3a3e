#!/bin/bash
# Runs the tests: `tests/run.sh` for all parts in order, `tests/run.sh unit cli` for some.
#
# Every part is a function part_NAME in tests/parts.sh that prints TAP: "ok NAME", "not ok NAME",
# "ok NAME # skip REASON", and lines that begin with "#" to explain the line above them. It may exit non-zero
# to say that it broke before it could report. The TAP of each part stays in build/check/PART.tap.
#
# FULL=1 runs what takes longer as well (docs/running.md says what). Results are then kept in
# build/check-full/COMMIT, and parts that were green at this commit are not run again. SEED chooses what is
# sampled there; it is that of the last time at this commit, or a new one.
#
# Environment: FULL, SEED, CC. The parts see ROOT (the tree), BUILD (what they test), STILLPOINT (the
# program), FULL, SEED, KEPT (where results are), SHARE (0 to 5: which half, or third, of what is shared out;
# empty: all).
set -u
cd "$(dirname "$0")/.." || exit 70
# Warnings are errors for each make below: with other flags one would build everything again.
export ROOT=$PWD FULL=${FULL-} WERROR=1 LC_ALL=C
# The makes below are this script's own, whatever make called it.
unset BRIEF MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES STILLPOINT_FENCE STILLPOINT_RUNNERS \
    STILLPOINT_KVM_GUEST STILLPOINT_KVM_KICK
case "${CC-}" in gcc | cc | '') unset CC ;; *) export CC ;; esac

# make_says VARIABLE [SETTING...]: what the Makefile's variable is with these settings.
make_says() { make -s --eval="print: ; @echo \$($1)" "${@:2}" print; }
BUILD=$ROOT/$(make_says BUILD)
export BUILD STILLPOINT=$BUILD/stillpoint

. tests/parts.sh
# Of what takes minutes and seldom differs from one commit to the next, make check does a half or a third: which,
# the commit decides.
SHARE=$(git rev-parse -q --verify HEAD 2>/dev/null) SHARE=$((16#0${SHARE: -4} % 6))
[ -z "$FULL" ] || SHARE=
export SHARE
sanitizers='address thread'
case $SHARE in [024]) sanitizers=address ;; [135]) sanitizers=thread ;; esac
all_parts="build unit library cli faults $sanitizers models numa lint${FULL:+ soak disturbances}"

# ---- Where results are kept ----------------------------------------------------------------------

# What is not in a commit cannot be known again by its name.
name_of_tree() {
    local commit
    commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit=unknown
    [ "$commit" != unknown ] && [ -z "$(git status --porcelain 2>/dev/null)" ] || commit+=-changed
    echo "$commit"
}

KEPT=$ROOT/build/check
if [ -n "$FULL" ]; then
    tree=$(name_of_tree)
    KEPT=$BUILD/check-full/$tree
    case $KEPT in *-changed) rm -rf "$KEPT" ;; esac
    mkdir -p "$KEPT" || exit 70
    last=$(cat "$KEPT/seed" 2>/dev/null)
    SEED=${SEED:-${last:-$((RANDOM * 32768 + RANDOM + 1))}}
    [ "$SEED" = "$last" ] || rm -f "$KEPT/soak.green"
    echo "$SEED" >"$KEPT/seed"
    export SEED CFLAGS_TESTS=
    echo "  seed $SEED; results in ${KEPT#"$ROOT/"}"
fi
export KEPT
mkdir -p "$KEPT" && rm -f "$KEPT/counts" || exit 70

# ---- Running and counting ------------------------------------------------------------------------

passed=0 failed=0 skipped=0

# Builds what the part needs, by what another part leaves of the CPUs: tests mostly wait. In a process group of
# its own, to be ended as a whole: what is not built by then the part builds itself, and not by what a busy machine
# leaves.
ahead=
build_ahead() { # PART
    if [ ! -e "$KEPT/$1.green" ] && declare -F "build_$1" >/dev/null; then
        set -m
        (renice -n 19 -p $BASHPID && "build_$1") >"$KEPT/$1.ahead" 2>&1 </dev/null &
        set +m
        ahead=$!
    fi
}
end_ahead() {
    [ -n "$ahead" ] || return
    kill -- "-$ahead" 2>/dev/null
    wait "$ahead"
    ahead=
}
trap end_ahead EXIT

# Runs a part, or takes the report that is kept of it; prints one line about it and then each failure with
# what explains it. Meanwhile what the next part needs is built.
report() { # PART [NEXT]
    local part=$1 tap=$KEPT/$1.tap started=$EPOCHREALTIME status=0 ok bad skip planned note='' again=''
    end_ahead
    if [ -e "$KEPT/$part.green" ]; then
        again='  (earlier)'
    else
        # Not beside the build, which needs all of both.
        [ $# -eq 1 ] || [ "$part" = build ] || build_ahead "$2"
        # A subshell, so that what a part exports ends with it.
        ("part_$part") >"$tap" 2>"$tap.stderr"
        status=$?
    fi
    skip=$(grep -ciE '^ok .*# skip' "$tap")
    ok=$(($(grep -c '^ok ' "$tap") - skip))
    bad=$(grep -c '^not ok ' "$tap")
    planned=$(awk -F. '/^1\.\./ { sum += $3 } END { print sum + 0 }' "$tap")
    if [ "$planned" -gt $((ok + bad + skip)) ]; then
        note="$part stopped after $((ok + bad + skip)) of $planned tests"
    elif [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        note="$part ended with code $status before it could say why"
    elif [ $((ok + bad + skip)) -eq 0 ]; then
        note="$part ran no test"
    fi
    [ -z "$note" ] || bad=$((bad + 1))
    # What is built is needed by the others, and so is never taken for done.
    # Nor is a part for which the tree was edited meanwhile.
    if [ -n "$FULL" ] && [ "$bad" -eq 0 ] && [ "$part" != build ] && [ "$(name_of_tree)" = "$tree" ]; then
        touch "$KEPT/$part.green"
    fi
    printf '  %-8s  %4d passed  %3d failed  %3d skipped  %6.1f s%s\n' "$part" "$ok" "$bad" "$skip" \
        "$(awk "BEGIN { print $EPOCHREALTIME - $started }")" "$again"
    awk '/^(ok|not ok) /{ show = /^not ok / } show && /^(not ok|#)/ { print "      " $0 }
         /^ok .*# [sS][kK][iI][pP]/ { print "      " $0 }' "$tap"
    if [ -n "$note" ]; then
        echo "      not ok $note"
        tail -n 20 "$tap.stderr" | sed 's/^/      # /'
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# shellcheck disable=SC2206
parts=(${@:-$all_parts})
[ -z "$SHARE" ] || [ $# -gt 0 ] ||
    echo "  of this commit: $sanitizers sanitizer, every third fault; make check-full runs all"
for part in "${parts[@]}"; do
    if ! declare -F "part_$part" >/dev/null; then
        echo "tests/run.sh: no part \"$part\"; there are: $all_parts" >&2
        exit 64
    fi
done
for ((i = 0; i < ${#parts[@]}; i++)); do
    part=${parts[i]}
    report "$part" "${parts[@]:i+1:1}"
    if [ "$part" = build ] && [ $failed -ne 0 ]; then
        echo '  the other parts need it'
        break
    fi
done
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")" |
    tee "$KEPT/counts"
[ $failed -eq 0 ]
