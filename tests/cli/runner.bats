# What the tortured process is made of.

load helper

@test "runner: nothing in it reads scenarios, writes results, draws or describes the machine" {
    # Of sources that are there: an object may be left of one that has moved.
    for source in "$ROOT"/torture/{scenario,result,plot,driver,host}/*.c "$ROOT"/torture/placement/*_draw.c; do
        source=${source#"$ROOT"/}
        nm --defined-only --format=posix "$CLI_BUILD/obj/${source%.c}.o"
    done | awk '$2 ~ /^[TDRB]$/ && $1 != "main" { print $1 }' |
        sort -u >"$BATS_TEST_TMPDIR/others"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/others")" -ge 80 ]
    for runner in "$CLI_BUILD"/runner-*; do
        nm --defined-only --format=posix "$runner" | awk '{ print $1 }' | sort -u |
            comm -12 - "$BATS_TEST_TMPDIR/others" | sed "s|^|${runner##*/} has |"
    done >"$BATS_TEST_TMPDIR/found"
    cat "$BATS_TEST_TMPDIR/found"
    [ ! -s "$BATS_TEST_TMPDIR/found" ]
}
