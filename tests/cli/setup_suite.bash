# Once for all files: a build of their own (prepare.sh). Where CLI_PREPARED names one, that is copied.

setup_suite() {
    export LC_ALL=C
    # Those of `make`, unless tests/run.sh has others.
    export ROOT=${ROOT:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
    export BUILD=${BUILD:-$ROOT/build}
    export STILLPOINT=${STILLPOINT:-$BUILD/stillpoint}
    export CLI_BUILD=$BATS_SUITE_TMPDIR/build
    unset STILLPOINT_FENCE STILLPOINT_RUNNERS NO_COLOR MAKEFLAGS MAKELEVEL
    # What is copied is tested as it is, even when a source has become newer meanwhile.
    export CLI_OLD="-o $CLI_BUILD/harness.a -o $CLI_BUILD/stillpoint -o $CLI_BUILD/obj/torture/runner/runner_main.o"
    # The flags must be those of the build, or make builds everything again.
    export CLI_WERROR=
    grep -q -e -Werror "$BUILD/flags" && CLI_WERROR=1
    ln -s "$ROOT/plots" "$BATS_SUITE_TMPDIR/plots" # found beside the build, as in the tree
    if [ -n "${CLI_PREPARED-}" ]; then
        cp -a "$CLI_PREPARED" "$CLI_BUILD"
    else
        "$BATS_TEST_DIRNAME/prepare.sh" "$CLI_BUILD" >"$BATS_SUITE_TMPDIR/make.log" 2>&1 || {
            cat "$BATS_SUITE_TMPDIR/make.log" >&2
            return 1
        }
    fi
}
