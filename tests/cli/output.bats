#!/usr/bin/env bats
# Where results go, and when they cannot.

load helper

setup() { unshare -m true 2>/dev/null && MAY_MOUNT=1 || MAY_MOUNT=; }

@test "an output directory that cannot be made is one message and exit code 64" {
    touch "$BATS_TEST_TMPDIR/file"
    ln -s loop "$BATS_TEST_TMPDIR/loop"
    while IFS='|' read -r out message; do
        run --separate-stderr sp run "$(pipe)" --out "$out"
        expect 64
        says "$message"
        [ -z "$output" ]
    done <<EOF
$BATS_TEST_TMPDIR/file/x|$BATS_TEST_TMPDIR/file/x: cannot make the output directory: Not a directory; choose another with --out
$BATS_TEST_TMPDIR/loop/x|$BATS_TEST_TMPDIR/loop/x: cannot make the output directory: Too many levels of symbolic links; choose another with --out
/proc/nowhere|/proc/nowhere: cannot make the output directory: No such file or directory; choose another with --out
|--out: the name of a directory is empty
EOF
}

@test "an output directory on a read-only file system is one message and exit code 64" {
    [ "$MAY_MOUNT" ] || skip 'no right to make a mount namespace'
    mkdir "$OUT"
    run --separate-stderr unshare -m bash -c "mount --bind '$OUT' '$OUT' && mount -o remount,bind,ro '$OUT' &&
        PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --out '$OUT'"
    expect 64
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    [[ $stderr =~ ^"$OUT/"[0-9TZ]+"-pipe: cannot make the output directory: Read-only file system; choose another with --out"$ ]]
    left_nothing
}

@test "a disk that is full from the start is one message and exit code 64, and nothing is left" {
    [ "$MAY_MOUNT" ] || skip 'no right to make a mount namespace'
    mkdir "$OUT"
    run --separate-stderr unshare -m bash -c "mount -t tmpfs -o size=8k none '$OUT' && head -c 8k /dev/zero >'$OUT/fill'
        PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --out '$OUT'; code=\$?; ls -A '$OUT'; exit \$code"
    expect 64
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    has "$stderr" 'No space left on device'
    [ "$output" = fill ]
}

@test "a disk that fills up during the run leaves no result that looks whole" {
    [ "$MAY_MOUNT" ] || skip 'no right to make a mount namespace'
    mkdir "$OUT"
    run --separate-stderr unshare -m bash -c "mount -t tmpfs -o size=32k none '$OUT'
        PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --duration 700ms --set interval=10ms --out '$OUT' --progress none
        code=\$?; ls -A '$OUT' '$OUT'/*; exit \$code"
    expect 70
    has "$stderr" 'events.jsonl: cannot be written, events from here on are lost: write: No space left on device'
    has "$stderr" 'result.json: cannot be written: write: No space left on device'
    [ "$(grep -c . <<<"$stderr")" -le 2 ]
    lacks "$(grep -v stillpoint <<<"$output" | grep -vw 'cannot' | sed -n '/^'"${OUT//\//\\/}"'/,$p')" result.json
    lacks "$output" .result
    lacks "$output" latest
}

@test "a violation stays exit code 1 when its result cannot be written" {
    [ "$MAY_MOUNT" ] || skip 'no right to make a mount namespace'
    mkdir "$OUT"
    run --separate-stderr unshare -m bash -c "mount -t tmpfs -o size=16k none '$OUT'
        PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(sync_only)' --flavor broken --out '$OUT'"
    expect 1
    has "$stderr" 'result.json: cannot be written: write: No space left on device'
    has "$output" 'VIOLATION  rcu-pipe: '
}

@test "two runs within a second get directories of their own" {
    for i in 1 2 3; do sp run "$(pipe)" --duration 100ms --out "$OUT" --quiet; done
    [ "$(ls "$OUT" | grep -vc latest)" -eq 3 ]
    [ "$(find "$OUT" -name result.json | wc -l)" -eq 3 ]
}

@test "latest is replaced, and something else of that name is left alone" {
    mkdir -p "$OUT/latest/mine"
    run --separate-stderr sp run "$(pipe)" --out "$OUT" --quiet
    expect 0
    has "$stderr" "$OUT/latest: cannot be pointed at the result: "
    [ -d "$OUT/latest/mine" ]
    [ -z "$(ls -A "$OUT" | grep '^\.')" ]
    rm -r "$OUT/latest"
    ln -s nowhere "$OUT/latest"
    sp run "$(pipe)" --out "$OUT" --quiet
    [ -s "$OUT/latest/result.json" ]
}

@test "a closed or full standard output does not lose the result" {
    run --separate-stderr bash -c "PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --out '$OUT' --progress none >/dev/full"
    expect 70
    has "$stderr" 'stillpoint: standard output cannot be written'
    is_valid_result
    run --separate-stderr bash -c "PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --out '$OUT' --progress none >&-"
    expect 70
    is_valid_result
    run bash -c "PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(pipe)' --out '$OUT' --quiet <&- >&- 2>&-"
    expect 0
    is_valid_result
    # What goes to a closed standard error does not end up in a file that took its number.
    run bash -c "PATH=/nonexistent '$CLI_BUILD/stillpoint' run '$(sync_only)' --flavor broken --out '$OUT' --progress plain 2>&-"
    expect 1
    jq . "$(newest)/events.jsonl" >/dev/null
}

@test "what the code under test prints is in its log, not in the table" {
    MISBEHAVE=print run --separate-stderr sp run "$(harmless)" --out "$OUT" --progress none
    expect 0
    lacks "$output$stderr" 'said on'
    grep -q 'said on standard output' "$(newest)/runner-1.log"
    grep -q 'said on standard error' "$(newest)/runner-1.log"
}

@test "a runner that says nothing leaves no log" {
    sp run "$(harmless)" --out "$OUT" --quiet
    [ ! -e "$(newest)/runner-1.log" ]
}
