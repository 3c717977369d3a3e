# shellcheck shell=bash
# The parts of tests/run.sh: part_NAME prints the TAP of a part; build_NAME, where there is one, builds ahead
# what the part will build, and reports nothing. Sourced, in the root of the tree.

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

# check_programs LABEL PROGRAM...: every case of these programs (Check) is a test; under EMULATOR if that is set, and
# then with brief searches. Limits are for what hangs: on a busy machine a case of seconds may take a minute. Two
# programs a CPU run at once, since most of what they do is wait for one another's threads.
check_programs() {
    local label=$1 program reports
    shift
    reports=$(mktemp -d)
    for program in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge $((2 * $(nproc))) ]; do wait -n; done
        check_program "$label" "$program" "$reports/${program##*/}" \
            >"$reports/${program##*/}.report" &
    done
    wait
    for program in "$@"; do cat "$reports/${program##*/}.report"; done
    rm -rf "$reports"
}

check_program() { # LABEL PROGRAM FILES: these begin with it
    local label=$1 program=$2 name=${2##*/} tap=$3.tap log=$3.log status
    : >"$tap"
    # shellcheck disable=SC2086
    CK_TAP_LOG_FILE_NAME=$tap CK_VERBOSITY=silent CK_DEFAULT_TIMEOUT=120 \
        timeout -k 10 1200 ${EMULATOR:+env BRIEF=1 $EMULATOR} "$program" >"$log" 2>&1 </dev/null
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
    one 'every fault is a patch of lib/, and each hunk has one place' 30 tests/patches.sh || return
    one 'gcc builds it without a warning' 1200 make WERROR=1 all tests || return
    # Else clang-tidy has clang's warnings (part lint).
    if [ -n "$FULL" ] && command -v clang >/dev/null; then
        CFLAGS=${CFLAGS--O2} one 'clang builds it without a warning' 1200 make CC=clang WERROR=1 all
    elif [ -n "$FULL" ]; then
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
    check_programs '' $(make_says unit_tests)
}

# The plain build takes the whole time of every search for a race, others a fifth of it. FULL=1: all of it.
search_briefly() { [ -n "$FULL" ] || export BRIEF=1; }

# The programs that the Makefile's VARIABLE names with these settings, but for those whose source has
# "/* Left out of WORD...: why. */" with each of WORDS.
programs_without() { # VARIABLE WORDS [SETTING...]
    local program word said
    for program in $(make_says "$1" "${@:3}"); do
        said=$(sed -n 's|^/\* Left out of \([A-Z0-9_ ]*\):.*|\1|p' "tests/unit/${program##*/}.c")
        for word in $2; do
            [[ " ${said//$'\n'/ } " == *" $word "* ]] || { echo "$program" && break; }
        done
    done
}

# The library again, in each way that it can be built or started. FULL=1: each way by itself, and with another C
# library and for another machine; else two at once, and two phases in 32 bits, which have no other. Sets ways.
choose_ways() {
    ways=("DEBUG=1 PORTABLE=1" M32=1)
    [ -z "$(why_not M32=1)" ] || ways+=(TWO_PHASE=1)
    [ -z "$FULL" ] || ways=(DEBUG=1 PORTABLE=1 TWO_PHASE=1 M32=1 CC=musl-gcc CC=aarch64-linux-gnu-gcc)
}

# The tests' words for a way: DEBUG for DEBUG=1, MUSL for CC=musl-gcc, AARCH64 for CC=aarch64-linux-gnu-gcc.
words_of() { # WAY
    local words=${1//=1/}
    words=${words#CC=}
    echo "${words%%-*}" | tr '[:lower:]' '[:upper:]'
}

# What is missing for tests of the library built in this way; silent when nothing is.
why_not() { # WAY
    case $1 in
    M32=1) why_not_32_bits ;;
    CC=musl-gcc) command -v musl-gcc >/dev/null || echo "musl-gcc is not installed (Debian's musl-tools)" ;;
    CC=aarch64-*)
        if ! command -v "$(make_says CC "$1")" >/dev/null; then
            echo "${1#CC=} is not installed (Debian's gcc-aarch64-linux-gnu; scripts/deps.sh full unpacks it)"
        elif ! command -v qemu-aarch64 >/dev/null; then
            echo "qemu-aarch64 is not installed (Debian's qemu-user)"
        fi
        ;;
    esac
}

# By what programs of this way run here. Its C library is where the compiler has it.
emulator_of() { # WAY
    local library
    [[ $1 == CC=aarch64-* ]] || return 0
    library=$("$(make_says CC "$1")" -print-file-name=libc.so.6)
    echo "qemu-aarch64 -L ${library%/*}/.."
}

build_library() {
    local how ways
    choose_ways
    for how in "${ways[@]}"; do
        # shellcheck disable=SC2046,SC2086
        [ -n "$(why_not "$how")" ] ||
            make $how WERROR=1 $(programs_without library_tests "$(words_of "$how")" $how)
    done
}

part_library() {
    local how programs ways why
    choose_ways
    search_briefly
    for how in "${ways[@]}"; do
        why=$(why_not "$how")
        if [ -n "$why" ]; then
            echo "ok builds with $how # skip $why"
            continue
        fi
        # shellcheck disable=SC2086
        programs=$(programs_without library_tests "$(words_of "$how")" $how)
        # shellcheck disable=SC2086
        if one "builds with $how" 1200 make $how WERROR=1 $programs; then
            # shellcheck disable=SC2086
            EMULATOR=$(emulator_of "$how") check_programs "$how " $programs
        fi
    done
    # shellcheck disable=SC2046
    STILLPOINT_FENCE=full check_programs 'STILLPOINT_FENCE=full ' $(programs_without library_tests FENCE)
    one "a program of the field's shape compiles and runs after changing only its include" 90 \
        try_program
    one 'a program without constructors, and with limits of its own, uses the library' 120 \
        try_started_by_hand
}

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

# Its .c files unchanged, as a checker builds them.
try_started_by_hand() {
    local program=$BUILD/started_by_hand
    ${CC-gcc} -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -pthread -Ilib -Ilib/include \
        '-DPLATFORM_CONSTRUCTOR(priority)=' \
        '-DRCU_SELF()=reader_of_this_thread()' -include tests/programs/reader_of_this_thread.h \
        -DRCU_GROUPS=1U -DOUTSIDE_LIMIT=1 -DMISSED_SPINS_LIMIT=1 -DSPIN_AGAIN_EVERY=2 -DLINGER_NS=0 \
        -DVCPU_LIMIT=64 -DEXCLUSIVE_QUIET=2 -DOVERTAKEN=1 -DDOOR_OPEN_NS=1 -DDOOR_DOUBLINGS=1 -DSPIN_NS=0 \
        -o "$program" tests/programs/started_by_hand.c lib/*/*.c lib/vcpu/accel/*.c &&
        timeout -s ABRT 30 "$program"
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

# Most of what these tests do is wait, so two files a CPU run at once, each with a copy of the build.
part_cli() {
    local file files reports
    reports=$(mktemp -d) files=$(cd tests/cli && ls -S -- *.bats)
    # Bats wants a stdin of its own; Debian's python3 has the modules that the tests use.
    export PATH=/usr/bin:$PATH BATS_TEST_TIMEOUT=600 CLI_PREPARED=$reports/build
    tests/cli/prepare.sh "$CLI_PREPARED" >"$reports/log" 2>&1 || {
        echo 'not ok the build for the tests of the command line'
        sed 's/^/# /' "$reports/log"
        return
    }
    for file in $files; do
        while [ "$(jobs -rp | wc -l)" -ge $((2 * $(nproc))) ]; do wait -n; done
        bats --formatter tap --timing "tests/cli/$file" </dev/null >"$reports/$file" 2>&1 &
    done
    wait
    # shellcheck disable=SC2086
    (cd "$reports" && cat $files)
    rm -rf "$reports"
}

# Those of this third.
fault_names() {
    (cd torture/faults && printf '%s\n' *.patch) | sed 's/\.patch$//' |
        awk -v share="$SHARE" 'share == "" || NR % 3 == share % 3'
}

build_faults() {
    make -s fault NAME="$(fault_names | tr '\n' ' ')" BUILD="$BUILD"
}

part_faults() {
    # shellcheck disable=SC2046
    tests/faults.sh $(fault_names)
}

# The library only: the harness takes most of the time to build. FULL=1: all of it, and the soak.
sanitized_programs() { # SANITIZERS
    local tests=library_tests
    [ -z "$FULL" ] || tests=unit_tests
    programs_without $tests SANITIZE SANITIZE="$1"
}

# Sanitizers see the same whether the compiler optimizes much or little, and little takes a third of the time.
build_sanitized() { # SANITIZERS
    local directory harness=()
    [ -n "$FULL" ] || export CFLAGS='-Og -g1'
    directory=$(make_says BUILD SANITIZE="$1")
    [ -z "$FULL" ] || harness=("$directory/stillpoint" "$directory/runner-stillpoint")
    # shellcheck disable=SC2046
    make SANITIZE="$1" "${harness[@]}" $(sanitized_programs "$1")
}
build_address() { build_sanitized address,undefined; }
build_thread() { build_sanitized thread; }

# sanitized SANITIZERS: the library's tests. FULL=1: all unit tests, and a short run of the real thing.
sanitized() {
    local directory
    directory=$(make_says BUILD SANITIZE="$1")
    search_briefly
    one "builds with $1" 1200 build_sanitized "$1" || return
    # shellcheck disable=SC2046
    CK_TIMEOUT_MULTIPLIER=4 check_programs "$1 " \
        $(sanitized_programs "$1")
    [ -z "$FULL" ] || one "$1 short run" 120 short_run "$directory/stillpoint"
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
export -f short_run try_installed try_program try_started_by_hand make_says programs_without sanitized_programs build_sanitized

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

part_models() {
    if [ -n "${FULL-}" ]; then tests/models.sh; else BRIEF=1 tests/models.sh; fi
}

part_numa() {
    if [ -n "${FULL-}" ]; then tests/numa/run.sh; else tests/numa/run.sh --short; fi
}

# make check-full only.
part_soak() {
    tests/soak.sh
}

# make check-full only.
part_disturbances() {
    tests/disturbances.sh
}

# shellcheck disable=SC2046
lint() { make -s -k "lint-$1" $([ -n "$FULL" ] || echo ANALYZE=0); }
export -f lint

build_lint() {
    ! command -v clang-tidy >/dev/null || lint tidy
}

part_lint() {
    local what tool
    for what in format:clang-format tidy:clang-tidy cppcheck:cppcheck; do
        tool=${what#*:}
        if command -v "$tool" >/dev/null; then
            one "$tool" 1500 lint "${what%:*}"
        else
            echo "ok $tool # skip it is not installed"
        fi
    done
    one 'every folder includes what it may' 10 tests/includes.sh
    one 'lib/ is fit for what replaces threads, memory or storage under it' 10 make -s lint-seam
    one 'comments name what exists, and partners that pair' 60 make -s lint-comments
}
