#!/usr/bin/env bats
# Every check has a seeded fault of its own; whether the check finds it is for tests/faults.sh.

load helper

setup() {
    ROOT=${ROOT:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
    cd "$ROOT" || return
}

# Those of the workloads, from the program, and those of the driver, which docs/results.md alone has.
checks() {
    {
        "$CLI_BUILD/stillpoint" list --markdown | sed -n 's/^Checks: //p' | grep -oE '`[a-z-]+`'
        sed -n '/^| check | found by | says |$/,/^$/p' docs/results.md | grep -oE '^\| `[a-z-]+`'
    } | tr -d '|` ' | sort -u
}

# checks_of_faults PATCH...: a line for each, what its header has in "Check", folded lines too.
checks_of_faults() {
    awk 'FNR == 1 { header = 1; on = 0; if (NR > 1) print "" }
         /^--- / { header = 0 }
         header && /^[^ \t]/ { on = sub(/^Check:/, "") }
         header && on { printf "%s ", $0 }
         END { print "" }' "$@"
}

# Those that a fault names alone: where it names more, another of them may be the one that finds it.
checks_with_fault() {
    checks_of_faults "$@" | awk 'NF == 1 { print $1 }' | sort -u
}

@test "faults: every check has one" {
    checks >"$BATS_TEST_TMPDIR/checks"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/checks")" -ge 20 ]
    grep -qx stall "$BATS_TEST_TMPDIR/checks"
    run comm -23 "$BATS_TEST_TMPDIR/checks" <(checks_with_fault torture/faults/*.patch)
    [ -z "$output" ] || { echo "no patch in torture/faults has only this check: $output" && false; }
}

@test "faults: a check without one is noticed" {
    local patches
    mapfile -t patches < <(grep -Lx 'Check: publish-order' torture/faults/*.patch)
    run comm -23 <(checks) <(checks_with_fault "${patches[@]}")
    grep -qx publish-order <<<"$output"
}

@test "faults: they name no check that there is not" {
    run comm -13 <(checks) \
        <(checks_of_faults torture/faults/*.patch | tr -s ' ' '\n' | grep . | sort -u)
    [ -z "$output" ] || { echo "no such check: $output" && false; }
}
