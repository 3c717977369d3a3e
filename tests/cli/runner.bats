# What the tortured process is made of.

load helper

@test "runner: nothing in it reads scenarios, writes results, draws or describes the machine" {
    # Of sources that are there: an object may be left of one that has moved.
    objects=()
    for source in "$ROOT"/torture/{scenario,result,plot,driver,host}/*.c "$ROOT"/torture/placement/*_draw.c; do
        source=${source#"$ROOT"/}
        objects+=("$CLI_BUILD/obj/${source%.c}.o")
    done
    nm --defined-only --format=posix "${objects[@]}" | awk '$2 ~ /^[TDRB]$/ && $1 != "main" { print $1 }' |
        sort -u >"$BATS_TEST_TMPDIR/others"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/others")" -ge 80 ]
    # What differs between runners is the flavor, which is in none of these.
    for runner in "$CLI_BUILD"/runner-{stillpoint,broken}; do
        nm --defined-only --format=posix "$runner" | awk '{ print $1 }' | sort -u |
            comm -12 - "$BATS_TEST_TMPDIR/others" | sed "s|^|${runner##*/} has |"
    done >"$BATS_TEST_TMPDIR/found"
    cat "$BATS_TEST_TMPDIR/found"
    [ ! -s "$BATS_TEST_TMPDIR/found" ]
}
