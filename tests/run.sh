#!/bin/bash
# Runs the tests: `tests/run.sh` for all parts in order, `tests/run.sh unit cli` for some.
#
# Every part is a function that prints TAP: "ok NAME", "not ok NAME", "ok NAME # skip REASON", and
# lines that begin with "#" to explain the line above them. It may exit non-zero to say that it broke
# before it could report. The TAP of each part stays in build/check/PART.tap.
#
# Environment: FULL=1 adds the part `soak` (docs/running.md says what it does), WERROR=1, CC.
# The tests see ROOT (the tree), BUILD (what they test), STILLPOINT (the program), FULL.
set -u
cd "$(dirname "$0")/.." || exit 70
export ROOT=$PWD
export FULL=${FULL-} WERROR=${WERROR-} LC_ALL=C
# The makes below are this script's own, whatever make called it.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES STILLPOINT_FENCE STILLPOINT_RUNNERS \
    STILLPOINT_KVM_GUEST STILLPOINT_KVM_KICK
case "${CC-}" in gcc | cc | '') unset CC ;; *) export CC ;; esac

# make_says VARIABLE [SETTING...]: what the Makefile's variable is with these settings.
make_says() { make -s --eval="print: ; @echo \$($1)" "${@:2}" print; }
BUILD=$ROOT/$(make_says BUILD)
export BUILD STILLPOINT=$BUILD/stillpoint

all_parts="build unit library cli faults models address thread lint${FULL:+ soak}"
reports=$ROOT/build/check

# ---- What parts are made of ----------------------------------------------------------------------

# one NAME SECONDS COMMAND...: the command, or an exported function, is one test; its output
# explains a failure.
one() {
    local name=$1 limit=$2 log status
    shift 2
    log=$(mktemp)
    timeout -k 10 "$limit" bash -c '"$@"' one "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ $status -eq 0 ]; then
        echo "ok $name"
    else
        echo "not ok $name"
        [ $status -ne 124 ] || echo "# over its time limit of $limit s"
        grep -vE '^  (CC|AR|LINK) ' "$log" | tail -n 40 | sed 's/^/# /'
        echo "# exit code $status: $*"
    fi
    rm -f "$log"
    return $status
}

# check_programs LABEL SECONDS PROGRAM...: every case of these programs (Check) is a test.
# SECONDS limits each case that has no limit of its own; a program gets ten times that. Two programs a CPU
# run at once, since most of what they do is wait for one another's threads.
check_programs() {
    local label=$1 limit=$2 program reports
    shift 2
    reports=$(mktemp -d)
    for program in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge $((2 * $(nproc))) ]; do wait -n; done
        check_program "$label" "$limit" "$program" "$reports/${program##*/}" \
            >"$reports/${program##*/}.report" &
    done
    wait
    for program in "$@"; do cat "$reports/${program##*/}.report"; done
    rm -rf "$reports"
}

check_program() { # LABEL SECONDS PROGRAM FILES: these begin with it
    local label=$1 limit=$2 program=$3 name=${3##*/} tap=$4.tap log=$4.log status
    : >"$tap"
    CK_TAP_LOG_FILE_NAME=$tap CK_VERBOSITY=silent CK_DEFAULT_TIMEOUT=$limit \
        timeout -k 10 $((limit * 10)) "$program" >"$log" 2>&1 </dev/null
    status=$?
    # Check writes "ok N - FILE:CASE:TEST: Passed"; the file says the same as the program.
    sed -n "s/^\(not ok\|ok\) [0-9]* - [^:]*:\(.*\)/\1 $label$name: \2/; s/: Passed\$//; /ok /p" "$tap"
    if [ $status -ne 0 ]; then
        grep -q '^not ok' "$tap" || echo "not ok $label$name ended with code $status"
        tail -n 30 "$log" | sed 's/^/# /'
    elif ! grep -q '^ok' "$tap"; then
        echo "not ok $label$name ran no test"
    fi
}

# ---- Parts, in order -----------------------------------------------------------------------------

part_build() {
    one 'gcc builds it without a warning' 300 make WERROR=1 all tests || return
    if command -v clang >/dev/null; then
        # The workloads as they are with vCPUs and without; FULL=1: with every flavor.
        local clang runners
        clang=$(make_says BUILD CC=clang) runners="$clang/runner-stillpoint $clang/runner-null"
        # shellcheck disable=SC2086
        one 'clang builds it without a warning' 300 make CC=clang WERROR=1 \
            ${FULL:+all} "$clang/stillpoint" $runners
    else
        echo 'ok clang builds it without a warning # skip clang is not installed'
    fi
    one 'installs, and a program builds against what is installed' 120 try_installed
}

try_installed() {
    local prefix=$BUILD/check-install
    rm -rf "$prefix"
    make -s install PREFIX="$prefix" || return
    printf '%s\n' '#include <stillpoint/rcu.h>' 'int main(void) { return 0; }' >"$prefix/a.c"
    # shellcheck disable=SC2046
    ${CC-gcc} -std=gnu11 -Wall -Werror -o "$prefix/a" "$prefix/a.c" \
        $(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs stillpoint) &&
        "$prefix/a" && "$prefix/bin/stillpoint" list
}

part_unit() {
    # shellcheck disable=SC2046
    check_programs '' 30 $(make_says unit_tests)
}

# The library again, in each way that it can be built or started; without the tests of what the way does not
# change. FULL=1: each way by itself; else two at once, and two phases in 32 bits, which have no other.
part_library() {
    local how why_not programs ways=("DEBUG=1 PORTABLE=1" M32=1)
    why_not=$(why_not_32_bits)
    [ -z "$why_not" ] || ways+=(TWO_PHASE=1)
    [ -z "$FULL" ] || ways=(DEBUG=1 PORTABLE=1 TWO_PHASE=1 M32=1)
    for how in "${ways[@]}"; do
        if [ "$how" = M32=1 ] && [ -n "$why_not" ]; then
            echo "ok builds with $how # skip $why_not"
            continue
        fi
        programs=$(library_tests_for "$how")
        # shellcheck disable=SC2086
        if one "builds with $how" 300 make $how WERROR=1 $programs; then
            # shellcheck disable=SC2086
            check_programs "$how " 30 $programs
        fi
    done
    # shellcheck disable=SC2046
    STILLPOINT_FENCE=full check_programs 'STILLPOINT_FENCE=full ' 30 $(library_tests_for FENCE)
    one "a program of the field's shape compiles and runs after changing only its include" 90 \
        try_program
}

# A name in these lists is that of a program, and of those that begin with it and "_".
library_tests_for() { # HOW
    local without
    case $1 in
    *PORTABLE=1) without='list|wrap' ;; # kvm refuses it, and says so
    DEBUG=1) without='kvm|rr|pause|wrap' ;;
    TWO_PHASE=1) without=${vcpu_tests// /|}'|list' ;;
    M32=1) without='kvm|rr|accel|pause|big_lock' ;;
    FENCE) without='kvm|accel|rr|pause|vcpu|big_lock|list' ;;
    esac
    # shellcheck disable=SC2086
    make_says library_tests ${1/FENCE/} | tr ' ' '\n' | grep -vE "/test_($without)(_.*)?\$"
}
vcpu_tests='exclusive kvm accel rr pause vcpu_list vcpu_work big_lock'

# With liburcu first: what it does not pass would say nothing about the library.
try_program() {
    local program=$BUILD/rcutorture_shape header flags
    while read -r header flags; do
        echo "$header"
        # shellcheck disable=SC2086
        ${CC-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -pthread "-DRCU_HEADER=<$header>" \
            -o "$program" tests/programs/rcutorture_shape.c $flags &&
            timeout -s ABRT 15 "$program" 300 || return
    done <<END
urcu.h -lurcu-memb
urcu-qsbr.h -lurcu-qsbr
stillpoint/rcu.h -Ilib/include $BUILD/libstillpoint.a
stillpoint/rcu.h -Ilib/include -DSTILLPOINT_TWO_PHASE $BUILD/libstillpoint-two-phase.a
END
}

# What is missing for tests in 32 bits; silent when nothing is.
# shellcheck disable=SC2046
why_not_32_bits() {
    local program
    program=$(mktemp)
    if ! compile_32_bits "$program"; then
        echo "${CC-gcc} -m32 cannot link (Debian's gcc-multilib)"
    elif ! "$program"; then
        echo 'the kernel runs no 32-bit programs'
    elif ! compile_32_bits "$program" $(make_says check_libs M32=1); then
        echo 'there is no Check for 32 bits (scripts/deps.sh check unpacks one)'
    fi
    rm -f "$program"
} 2>/dev/null
compile_32_bits() {
    echo 'int main(void) { return 0; }' | ${CC-gcc} -m32 -o "$1" -x c - "${@:2}"
}

part_cli() {
    local file files=() half
    # Two halves at once; each has a copy of the build. Bats wants a stdin of its own; Debian's python3 has the
    # modules that the tests use.
    export PATH=/usr/bin:$PATH BATS_TEST_TIMEOUT=120
    for file in tests/cli/*.bats; do files+=("$file"); done
    bats --formatter tap --timing tests/cli/{run,signals,verdict}.bats </dev/null &
    for file in "${!files[@]}"; do
        case ${files[file]} in */run.bats | */signals.bats | */verdict.bats) unset "files[file]" ;; esac
    done
    half=$(bats --formatter tap --timing "${files[@]}" </dev/null)
    wait
    echo "$half"
}

part_faults() {
    tests/faults.sh
}

part_models() {
    if [ -n "${FULL-}" ]; then tests/models.sh; else BRIEF=1 tests/models.sh; fi
}

# sanitized SANITIZERS: unit tests and a short run of the real thing.
sanitized() {
    local directory
    directory=$(make_says BUILD SANITIZE="$1")
    one "builds with $1" 400 make SANITIZE="$1" "$directory/stillpoint" \
        "$directory/runner-stillpoint" tests || return
    # shellcheck disable=SC2046
    CK_TIMEOUT_MULTIPLIER=4 check_programs "$1 " 60 \
        $(make_says unit_tests SANITIZE="$1" | tr ' ' '\n' | grep -vE '/test_(kvm[a-z_]*|wrap)$')
    one "$1 short run" 120 short_run "$directory/stillpoint"
}

# A clean run; a hard state that was not reached in so short a time is no failure here.
short_run() {
    local out status
    out=$(mktemp -d)
    "$1" run configs/quick.json --duration 1s --progress none --out "$out"
    status=$?
    rm -rf "$out"
    [ $status -eq 0 ] || [ $status -eq 2 ]
}
export -f short_run try_installed try_program

part_address() {
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    export UBSAN_OPTIONS=print_stacktrace=1
    sanitized address,undefined
}

part_thread() {
    # Without the last one each program sleeps for a second at its end.
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=0
    sanitized thread
}

# make check-full only: every torture scenario for 30 s a point, as it is and under the sanitizers.
part_soak() {
    local how scenario
    for how in '' SANITIZE=address,undefined SANITIZE=thread; do
        for scenario in configs/torture/*.json; do
            # shellcheck disable=SC2086
            one "30 s of $scenario${how:+ with $how}" 600 \
                soak "$(make_says BUILD $how)/stillpoint" "$scenario"
        done
    done
}

# Clean, and everything that the scenario requires was reached.
soak() {
    local out status
    out=$(mktemp -d)
    "$1" run "$2" --duration 30s --progress none --out "$out"
    status=$?
    rm -rf "$out"
    return $status
}
export -f soak

part_lint() {
    local what tool
    for what in format:clang-format tidy:clang-tidy cppcheck:cppcheck; do
        tool=${what#*:}
        if command -v "$tool" >/dev/null; then
            # shellcheck disable=SC2046
            one "$tool" 300 make -s -k "lint-${what%:*}" $([ -n "$FULL" ] || echo ANALYZE=0)
        else
            echo "ok $tool # skip it is not installed"
        fi
    done
    one 'every folder includes what it may' 10 tests/includes.sh
    one 'orders, partners and names in comments' 30 make -s lint-comments
}

# ---- Counting ------------------------------------------------------------------------------------

passed=0 failed=0 skipped=0

# Runs a part, prints one line about it and then each failure with what explains it.
report() {
    local part=$1 tap=$reports/$1.tap started=$EPOCHREALTIME status ok bad skip planned note=
    # A subshell, so that what a part exports ends with it.
    ("part_$part") >"$tap" 2>"$tap.stderr"
    status=$?
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
    printf '  %-8s  %4d passed  %3d failed  %3d skipped  %6.1f s\n' "$part" "$ok" "$bad" "$skip" \
        "$(awk "BEGIN { print $EPOCHREALTIME - $started }")"
    awk '/^(ok|not ok) /{ show = /^not ok / } show && /^(not ok|#)/ { print "      " $0 }
         /^ok .*# [sS][kK][iI][pP]/ { print "      " $0 }' "$tap"
    if [ -n "$note" ]; then
        echo "      not ok $note"
        tail -n 20 "$tap.stderr" | sed 's/^/      # /'
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

mkdir -p "$reports" && rm -f "$reports/counts" || exit 70
for part in ${@:-$all_parts}; do
    if ! declare -F "part_$part" >/dev/null; then
        echo "tests/run.sh: no part \"$part\"; there are: $all_parts" >&2
        exit 64
    fi
    report "$part"
    if [ "$part" = build ] && [ $failed -ne 0 ]; then
        echo '  the other parts need what did not build'
        break
    fi
done
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")" |
    tee "$reports/counts"
[ $failed -eq 0 ]
