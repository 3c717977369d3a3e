# What the tortured process is made of.

load helper

@test "runner: nothing in it reads scenarios, writes results, draws or describes the machine" {
    # shellcheck disable=SC2046
    nm --defined-only --format=posix \
        $(find "$CLI_BUILD"/obj/torture/{scenario,result,plot,driver,host} -name '*.o') \
        "$CLI_BUILD"/obj/torture/placement/*_draw.o | awk '$2 ~ /^[TDRB]$/ && $1 != "main" { print $1 }' |
        sort -u >"$BATS_TEST_TMPDIR/others"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/others")" -ge 80 ]
    for runner in "$CLI_BUILD"/runner-*; do
        nm --defined-only --format=posix "$runner" | awk '{ print $1 }' | sort -u |
            comm -12 - "$BATS_TEST_TMPDIR/others" | sed "s|^|${runner##*/} has |"
    done >"$BATS_TEST_TMPDIR/found"
    cat "$BATS_TEST_TMPDIR/found"
    [ ! -s "$BATS_TEST_TMPDIR/found" ]
}
