#!/usr/bin/env bats
# Limits that a run hits: the machine's doing, and inconclusive.

load helper

# Root is exempt from the limit of processes, and other programs of a user count as well: a user of our own.
setup() {
    [ "$(id -u)" -eq 0 ] || skip 'only root can become another user, whose limits are all its own'
    command -v setpriv >/dev/null || skip 'setpriv (util-linux) is missing'
    OUT=$(mktemp -d)
    USER_ID=$((200000 + $$ % 100000))
    chmod 777 "$OUT"
    mkdir "$OUT/bin" # the suite's own is for its user only
    cp "$CLI_BUILD/stillpoint" "$CLI_BUILD/runner-stillpoint" "$OUT/bin"
    cp -r configs/torture "$OUT"
    cd "$OUT"
}

teardown() {
    cd "$ROOT"
    rm -rf "$OUT"
}

newest() { ls -d "$OUT"/results/*/ | grep -v latest; }

# limited 'ulimit -u 12' ARGUMENT...: `stillpoint run` with this limit; its scenario is read by that user.
limited() {
    local limit=$1
    shift
    run --separate-stderr setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
        env PATH=/nonexistent /bin/bash -c "$limit"'; exec "$@"' limited bin/stillpoint run "$@" \
        --out results --progress none
}

# The last run blames the machine, in one reason that begins so.
blames_the_machine() {
    expect 2
    [ "$(result .verdict.correctness)" = inconclusive ]
    [ "$(result '[.runs[].findings | length] | add')" -eq 0 ]
    has "$(result '.verdict.reasons | join("; ")')" "$1"
    is_valid_result
}

@test "too few processes for the threads: the call, and what to do" {
    limited 'ulimit -u 12' torture/rcu.json --duration 1s
    blames_the_machine 'cannot be started: pthread_create: Resource temporarily unavailable; use fewer threads, or raise the limit of processes (ulimit -u), or of memory (ulimit -v)'
    [ "$(result '.verdict.reasons | length')" -eq 1 ]
}

@test "too few processes for what comes and goes in a run" {
    limited 'ulimit -u 37' torture/rcu.json --duration 1s
    blames_the_machine 'pthread_create was refused '
    has "$(result '.verdict.reasons | join("; ")')" 'fork was refused '
}

@test "too few processes for a child's threads is not the child's failure" {
    limited 'ulimit -u 13' torture/fork.json --duration 1s --set rcu-fork.forkers=1
    blames_the_machine 'pthread_create was refused '
    lacks "$output" VIOLATION
}

@test "too few processes for the library's own thread" {
    # The driver with its two writers, and the runner; the library's first thread is too many.
    limited 'ulimit -u 4' torture/callbacks.json --duration 1s --set sweep={}
    blames_the_machine "the runner gave up when the system refused it something: stillpoint: a thread of the library's cannot be started"
}

@test "too few processes for a runner at all" {
    limited 'ulimit -u 1' torture/poll.json
    expect 2
    has "$stderr" 'posix_spawn: Resource temporarily unavailable; use fewer threads, or raise the limit of processes (ulimit -u)'
}

@test "no signal may be pending: a kick that is refused is not a kick that is lost" {
    limited 'ulimit -i 0' torture/kick.json --duration 1s --set sweep={} --set kick.accel=signal
    blames_the_machine 'tgkill: Resource temporarily unavailable; raise the limit of pending signals (ulimit -i)'
}

@test "too few descriptors to begin with" {
    for most in 15 20; do
        limited "ulimit -n $most" torture/lost-wake-up.json --duration 1s
        blames_the_machine 'could not be started: cannot prepare a run'
        has "$(result '.verdict.reasons | join("; ")')" 'Too many open files; raise the limit of open files (ulimit -n)'
        rm -r "$OUT/results"
    done
}

@test "files may not be as large as what the runner shares" {
    limited 'ulimit -f 100' torture/lost-wake-up.json --duration 1s
    blames_the_machine 'of shared memory: ftruncate: File too large; raise the limit of the size of files (ulimit -f)'
}

@test "files may not be as large as the driver's" {
    limited 'ulimit -f 1' torture/lost-wake-up.json --duration 1s
    expect 2
    has "$stderr" 'scenario.json: cannot be written: write: File too large; raise the limit of the size of files (ulimit -f)'
}
