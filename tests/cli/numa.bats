#!/usr/bin/env bats
# How a boot of tests/numa/ is judged, by a QEMU that is none: it leaves what a guest would have. The guests themselves
# are in the part `numa`.

load helper

setup() {
    export KERNEL=none PATH=$BATS_TEST_TMPDIR/bin:$PATH
    guest=$BATS_TEST_TMPDIR/guest
    mkdir -p "$BATS_TEST_TMPDIR/bin" "$guest"
    cat >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64" <<END
#!/bin/sh
echo 'a line of the console' >>"$guest/console"
. "$BATS_TEST_TMPDIR/does"
END
    chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
    printf '1..2\nok one\n# a figure\n' >"$BATS_TEST_TMPDIR/tap"
    echo 'ok two # skip no reason' >>"$BATS_TEST_TMPDIR/tap"
    mkdir "$BATS_TEST_TMPDIR/files" && echo kept >"$BATS_TEST_TMPDIR/files/result.json"
    tar -cz -C "$BATS_TEST_TMPDIR/files" -f "$BATS_TEST_TMPDIR/kept.tar.gz" .
}

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

# All that a guest sends.
port() {
    cat "$BATS_TEST_TMPDIR/tap"
    echo "=== said $(sum "$BATS_TEST_TMPDIR/tap")"
    base64 "$BATS_TEST_TMPDIR/kept.tar.gz"
    echo "=== kept $(sum "$BATS_TEST_TMPDIR/kept.tar.gz")"
    echo "=== end $(grep -c '^ok ' "$BATS_TEST_TMPDIR/tap") $(grep -c '^not ok ' "$BATS_TEST_TMPDIR/tap")"
}

# boots CODE [SECONDS]: with what stdin sends as its port.
boots() {
    cat >"$BATS_TEST_TMPDIR/port"
    echo "cp '$BATS_TEST_TMPDIR/port' '$guest/port'; exit $1" >"$BATS_TEST_TMPDIR/does"
    run --separate-stderr "$ROOT/tests/numa/boot.sh" four "$guest" "${2-60}"
}

is_bad() { # WORDS
    expect 1
    has "$output" "not ok numa four: $1"
    has "$output" '# a line of the console'
}

@test "a guest in which all passed says so by its code, its last line and its sums" {
    boots 33 < <(port)
    expect 0
    has "$output" 'ok numa four: one'
    has "$output" '# a figure'
    has "$output" 'ok numa four: two # skip no reason'
    lacks "$output" 'not ok'
}

@test "a check that failed is told, and what it kept is unpacked" {
    sed -i 's/^ok one/not &/' "$BATS_TEST_TMPDIR/tap"
    boots 35 < <(port)
    expect 1
    has "$output" 'not ok numa four: one'
    [ "$(cat "$guest/kept/result.json")" = kept ]
    [ "$(grep -c '^not ok' <<<"$output")" = 1 ]
}

@test "one sign alone is not enough" {
    boots 33 < <(port | sed '$d')
    is_bad 'the guest said 2 passed and 0 failed, and at its end "=== kept '
    boots 0 < <(port)
    is_bad "QEMU ended with code 0, and not by the guest's hand"
    boots 35 < <(port)
    is_bad 'no check failed, and QEMU ended with code 35'
    sed -i 's/^ok one/not &/' "$BATS_TEST_TMPDIR/tap"
    boots 33 < <(port)
    is_bad '1 checks failed, and QEMU ended with code 33'
    boots 1 </dev/null
    is_bad "QEMU ended with code 1, and not by the guest's hand"
}

@test "output that is lost is noticed" {
    boots 33 < <(port | sed '/^# a figure/d')
    is_bad 'some of what the guest said is lost'
    boots 33 < <(port | sed '/^ok one/d')
    is_bad 'the guest said 1 passed and 0 failed, and at its end "=== end 2 0"'
    boots 33 < <(port | sed '/^=== said/,/^=== kept/{/^===/!d}')
    is_bad 'some of the files that the guest kept is lost'
    sed -i 's/^1\.\.2/1..3/' "$BATS_TEST_TMPDIR/tap"
    boots 33 < <(port)
    is_bad 'of 3 checks 2 were run'
}

@test "a guest that hangs or panics is a failure" {
    echo 'exec sleep 60' >"$BATS_TEST_TMPDIR/does"
    run --separate-stderr "$ROOT/tests/numa/boot.sh" four "$guest" 1
    is_bad 'the guest did not end within 1 s'
    echo "echo 'Kernel panic - not syncing' >>'$guest/console'; exit 0" >"$BATS_TEST_TMPDIR/does"
    run --separate-stderr "$ROOT/tests/numa/boot.sh" odd "$guest" 60
    expect 1
    has "$output" 'not ok numa odd: the kernel of the guest panicked'
    has "$output" '# Kernel panic'
}

@test "outside of that guest nothing changes CPUs" {
    grep -q 'stillpoint\.numa=' /proc/cmdline && skip 'this is that guest'
    [ -e /sys/devices/system/node/has_cpu ] || skip 'this kernel knows no NUMA nodes'
    before=$(cat /sys/devices/system/cpu/online)
    STILLPOINT=/nonexistent run --separate-stderr "$ROOT/tests/numa/suite.sh" hot_unplug cpuset_shrinks
    expect 0
    [ "$(grep -c '# skip changes CPUs or cpusets' <<<"$output")" = 2 ]
    [ "$before" = "$(cat /sys/devices/system/cpu/online)" ]
}
