#!/usr/bin/env bats
# A machine that gets in the way: what it takes does not count, and holds nothing up.
# What freezes a disk or a control group is in tests/disturbances.sh.

load helper

teardown() {
    [ -z "${DRIVER-}" ] || kill -CONT "$DRIVER" 2>/dev/null || :
    stop_all
    case $OUT in /dev/shm/*) rm -rf "$OUT" ;; esac
}

# The run's disturbances of a cause, added up.
lost_to() { result "[.runs[0].disturbances[] | select(.cause == \"$1\").seconds] | add // 0"; }

for_a_second() { # SIGNAL PID...
    local signal=$1
    shift
    kill -"$signal" "$@"
    sleep 1
    kill -CONT "$@"
}

does_not_count() { # CAUSE WORDS
    expect 2
    [ "$(result '.verdict.correctness + " " + .runs[0].verdict')" = 'inconclusive inconclusive' ]
    [ "$(result '.verdict.clean_seconds')" = 0 ]
    [ "$(result '.runs[0].lost_seconds <= .runs[0].seconds')" = true ]
    [[ $(result '.runs[0].missing[]') =~ [0-9.]+' s of '[0-9.]+' s do not count: '.*"$2"' for '[0-9.]+' s' ]]
    [ "$(jq -n "$(lost_to "$1") > 0.25")" = true ]
    is_valid_result
}

@test "a driver that is stopped ends no run late, and what it did not see does not count" {
    # In memory, so that events are seen at once whatever the disk does.
    OUT=$(mktemp -d /dev/shm/stillpoint-test-XXXXXX 2>/dev/null) || OUT=$BATS_TEST_TMPDIR/results
    begin "$(pipe)" --duration 5s --set rcu-pipe.readers=2
    kill -STOP "$DRIVER"
    until_gone "$RUNNER"
    kill -CONT "$DRIVER"
    end
    does_not_count driver-away 'the driver was away'
    has "$(result '.runs[0].missing[0]')" ' s (stopped)'
    # It stands in the verdict itself, and is all there is to say.
    has "$(tr -s ' \n' ' ' <<<"$output")" ' s (stopped). Nothing was violated in the rest. exit code 2'
}

@test "Ctrl-Z and fg, a runner that is stopped, and what stops both are told apart" {
    begin "$(pipe)" --duration 600s
    until_event 'select(.event == "interval")'
    for_a_second STOP "$DRIVER" # as Ctrl-Z, which the system drops where no shell waits for the group
    for_a_second STOP "$RUNNER"
    until_event 'select(.lost_s)'
    for_a_second STOP "$RUNNER" "$DRIVER"
    # What stood still is known when an interval has ended since.
    until_event "select(.event == \"interval\" and .t > $(events 'select(.event == "interval").t' | tail -n 1))"
    kill -INT "$DRIVER"
    end
    does_not_count driver-away 'the driver was away'
    does_not_count runner-still 'the runner stood still'
    does_not_count machine-still 'the machine stood still'
}

@test "a violation stays one, whatever was lost beside it" {
    begin "$(sync_only)" --flavor broken --set on_finding=continue
    kill -STOP "$DRIVER"
    until_gone "$RUNNER"
    kill -CONT "$DRIVER"
    end
    expect 1
    [ "$(result '.runs[0].verdict')" = violation ]
    has "$(result '.runs[0].missing[0]')" 'the driver was away'
}

@test "beside two processes that keep the CPUs busy nothing is lost" {
    local busy=()
    for i in 1 2; do timeout 60 sh -c 'while :; do :; done' 3>&- & busy+=($!); done
    run sp run "$(pipe)" --duration 2s --out "$OUT" --progress none
    kill "${busy[@]}" # not %1, which is the clock that limits the test
    expect 0
    [ "$(jq -n "$(lost_to runner-still) + $(lost_to driver-away)")" = 0 ]
}

@test "stderr that nobody reads holds nothing up" {
    local full="$BATS_TEST_TMPDIR/full.py"
    cat >"$full" <<'PYTHON'
import fcntl, os, subprocess, sys
unread, stderr = os.pipe()
fcntl.fcntl(stderr, fcntl.F_SETFL, os.O_NONBLOCK)
try:
    while True:
        os.write(stderr, b"x" * 4096)
except BlockingIOError:
    fcntl.fcntl(stderr, fcntl.F_SETFL, 0)
sys.exit(subprocess.run(sys.argv[1:], stderr=stderr, timeout=120).returncode)
PYTHON
    run env PATH=/nonexistent /usr/bin/python3 "$full" "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 2s \
        --progress tty --out "$OUT"
    expect 0
    has "$output" 'PASS'
    is_valid_result
    [ "$(lost_to terminal-blocked | jq '. > 0')" = true ]
    [ "$(lost_to driver-away)" = 0 ]
}

@test "latest is the newest that is whole: an older one that is salvaged does not take its place" {
    begin "$(pipe)" --duration 600s --quiet
    kill -KILL "$DRIVER"
    end
    older=$(newest)
    mv "$older" "$OUT/20200101T000000Z-pipe" && older=$OUT/20200101T000000Z-pipe
    [ ! -e "$OUT/latest" ]
    run sp salvage "$older"
    [ "$(readlink "$OUT/latest")" = "${older##*/}" ]
    sp run "$(pipe)" --out "$OUT" --quiet
    finished=$(readlink "$OUT/latest")
    [ "$finished" != "${older##*/}" ]
    rm "$older/result.json"
    run sp salvage "$older"
    [ "$(readlink "$OUT/latest")" = "$finished" ]
    # A link to what is gone, or not whole, is worth nothing.
    rm "$OUT/$finished/result.json" "$older/result.json"
    run sp salvage "$older"
    [ "$(readlink "$OUT/latest")" = "${older##*/}" ]
}
