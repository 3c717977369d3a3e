# Once for all files: a copy of the build that tests may add flavors to, and a broken one in it.

setup_suite() {
    export LC_ALL=C
    export CLI_BUILD=$BATS_SUITE_TMPDIR/build
    unset STILLPOINT_FENCE STILLPOINT_RUNNERS NO_COLOR MAKEFLAGS MAKELEVEL
    # What is copied is tested as it is, even when a source has become newer meanwhile.
    export CLI_OLD="-o $CLI_BUILD/engine.a -o $CLI_BUILD/stillpoint -o $CLI_BUILD/obj/torture/runner/runner_main.o"
    mkdir -p "$CLI_BUILD" || return 1
    ln -s "$ROOT/plots" "$BATS_SUITE_TMPDIR/plots" # found beside the build, as in the tree
    cp -a "$BUILD"/{obj,flavor-null,engine.a,libstillpoint.a,stillpoint,flags,host-defines} \
        "$BUILD"/runner-* "$CLI_BUILD" || return 1
    # The flags must be those of the build, or make builds everything again.
    export CLI_WERROR=
    grep -q -e -Werror "$BUILD/flags" && CLI_WERROR=1
    # shellcheck disable=SC2086
    make -s -C "$ROOT" BUILD="$CLI_BUILD" WERROR=$CLI_WERROR $CLI_OLD flavor NAME=broken CFLAGS_FLAVOR=-O1 \
        HEADER="$BATS_TEST_DIRNAME/broken.h" >"$BATS_SUITE_TMPDIR/make.log" 2>&1 || {
        cat "$BATS_SUITE_TMPDIR/make.log" >&2
        return 1
    }
}
