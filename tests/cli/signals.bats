#!/usr/bin/env bats
# Interruptions, crashes and hangs: the result still appears.

load helper

teardown() { stop_all; }

# Two runs of a minute; returns when the first has measured something.
long() {
    pipe '"repeat": 2' >/dev/null
    begin "$BATS_TEST_TMPDIR/pipe.json" --duration 60s --set interval=50ms "$@"
    until_event 'select(.event == "interval" and (.latency["gp.total"].count // 0) > 0)'
}

# What was measured until then is there.
kept_measurements() {
    [ "$(result '.runs[0].counters["rcu-pipe"].reads > 0')" = true ]
    [ "$(result '.runs[0].latency["gp.total"].count > 0')" = true ]
    [ "$(result '.runs[0].intervals | length > 0')" = true ]
    is_valid_result
}

for_signal() {
    long
    kill -"$1" "$DRIVER"
    end
    expect 2
    [[ $(result '.verdict.reasons[0]') =~ ^interrupted\ during\ run\ 1\ of\ 2,\ after\ [0-9.]+\ s\ of\ 60.0\ s$ ]]
    [ "$(result '.verdict.reasons[1]')" = 'not run: stillpoint #2' ]
    [ "$(result '.verdict.reasons | length')" -eq 2 ]
    [ "$(result '.verdict.correctness + " " + .runs[0].verdict')" = 'inconclusive pass' ]
    [ "$(result '.runs | length')" -eq 1 ]
    [ "$(result '.verdict.clean_seconds > 0')" = true ]
    has "$output" 'interrupted during run 1 of 2'
    kept_measurements
    until_gone "$RUNNER"
}

@test "SIGINT ends the run with a valid result" { for_signal INT; }
@test "SIGTERM ends the run with a valid result" { for_signal TERM; }
@test "SIGHUP ends the run with a valid result" { for_signal HUP; }

@test "nohup keeps SIGHUP away" {
    with_signals+=(--ignore-signal=HUP)
    long
    measured=$(events 'select(.event == "interval").t' | tail -n 1)
    kill -HUP "$DRIVER"
    # One that obeys measures nothing more.
    until_event "select(.event == \"interval\" and .t > $measured + 0.5)"
    kill -INT "$DRIVER"
    end
    expect 2
    has "$(result '.verdict.reasons[0]')" 'interrupted during run 1 of 2,'
    kept_measurements
}

@test "an interrupted run that did not reach what is required is inconclusive" {
    pipe '"require": {"reads": 1000000000000}' >/dev/null
    begin "$BATS_TEST_TMPDIR/pipe.json" --duration 60s
    kill -INT "$DRIVER"
    end
    expect 2
    is_valid_result
}

@test "two interruptions end it at once" {
    long
    kill -STOP "$DRIVER" # so that it has both before it can act on the first; of two of a kind one would be lost
    kill -TERM "$DRIVER"
    kill -INT "$DRIVER"
    kill -CONT "$DRIVER"
    end
    [ "$status" -eq 130 ] || expect 143
    has "$stderr" "stillpoint: ended at once, without a result; what there is: $CLI_BUILD/stillpoint salvage $OUT/"
    [ ! -e "$(newest)/result.json" ]
    until_gone "$RUNNER"
    run sp salvage "$(newest)"
    expect 2
}

@test "the runner ignores what is meant for the driver" {
    long
    kill -INT "$RUNNER"
    kill -TERM "$RUNNER"
    kill -HUP "$RUNNER"
    seen=$(events 'select(.event == "interval").t' | tail -n 1)
    until_event "select(.event == \"interval\" and .t > $seen + 0.2)"
    kill -TERM "$DRIVER"
    end
    expect 2
}

@test "SIGUSR1 shows statistics and all stacks, and the run goes on" {
    long
    kill -USR1 "$DRIVER"
    for ((i = 0; i < 600; i++)); do
        grep -q '^  stacks' "$BATS_TEST_TMPDIR/stderr" && break
        sleep 0.05
    done
    seen=$(events 'select(.event == "interval").t' | tail -n 1)
    until_event "select(.event == \"interval\" and .t > $seen)"
    kill -INT "$DRIVER"
    end
    expect 2
    [[ $stderr =~ 'run 1 of 2, after '[0-9.]+' s' ]]
    [[ $stderr =~ reads\ +[0-9] ]]
    [[ $stderr =~ gps\ +[0-9] ]]
    for thread in reader-0 quiet-reader-0 sync-updater-0 expedited-updater-0 call-rcu-updater-0; do
        has "$stderr" "    $thread"
    done
    [[ $stderr =~ thread_main\+0x[0-9a-f]+\ \(torture/runner/runner.c:[0-9]+\) ]]
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
}

@test "a single run may be interrupted: what it did is a pass, beside what was asked for" {
    long --set repeat=1
    kill -INT "$DRIVER"
    end
    expect 0
    [[ $(result '.verdict.reasons[0]') =~ ^interrupted\ after\ [0-9.]+\ s\ of\ 60.0\ s$ ]]
    [ "$(result '.verdict.reasons | length')" -eq 1 ]
    kept_measurements
}

@test "a runner killed from outside is no violation: the code under test does not send SIGKILL" {
    long --set repeat=1
    kill -KILL "$RUNNER"
    end
    expect 2
    has "$output" 'the runner was killed from outside (SIGKILL) after '
    [ "$(result '.verdict.correctness')" = inconclusive ]
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
    [ "$(result '.verdict.clean_seconds')" = 0 ]
    [ "$(result '.runs[0].exit.signal')" -eq 9 ]
    kept_measurements
}

@test "a runner stopped from outside stalls nobody: inconclusive, with how long and what to do" {
    long --set repeat=1 --set duration=6s --set stall_limit=1s
    kill -STOP "$RUNNER"
    until_halted() { # longer than the stall limit, by the driver's own clock
        seen=$(events 'select(.event == "interval").t' | tail -n 1)
        until_event "select(.event == \"interval\" and .t > ${seen:-0} + 2)"
    }
    until_halted
    kill -CONT "$RUNNER"
    end
    expect 2
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
    [[ $(result '.verdict.reasons[0]') =~ ^'the runner was stopped from outside (signal 19, Stopped (signal)) after '[0-9.]+' s, for '[0-9.]+' s: not by Stillpoint; find out who ' ]]
    kept_measurements
    is_valid_result
}

@test "a runner that stays stopped is ended after its time, and inconclusive" {
    long --set repeat=1 --set duration=5s # beside busy processes the run goes on while this gets to it
    kill -STOP "$RUNNER"
    end
    expect 2
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
    has "$(result '.verdict.reasons[0]')" ' and to its end: not by Stillpoint'
    until_gone "$RUNNER"
}

@test "a runner that is sent SIGSEGV leaves a result with a crash and a stack, and exit code 1" {
    long --set repeat=1
    kill -SEGV "$RUNNER"
    end
    expect 1
    [ "$(result '.runs[0].findings[0].check')" = crash ]
    [[ $(result '.runs[0].findings[0].message') =~ ^'The runner was ended by a signal from process '[0-9]+': Segmentation fault.'$ ]]
    [ "$(result '.runs[0].findings[0].stacks[0].stack | length > 0')" = true ]
    [ "$(result '.runs[0].exit.signal')" -eq 11 ]
    kept_measurements
}

@test "a reader that reaches what is not there is an early reuse, with its stack" {
    MISBEHAVE=segv run sp run "$(NAME=s sync_only)" --flavor broken --set rcu-pipe.sync_updaters=1 --out "$OUT" --quiet
    expect 1
    [ "$(result '[.runs[0].findings[] | select(.stacks)][0].check')" = early-reuse ]
    [[ $(result '[.runs[0].findings[] | select(.stacks)][0].message') =~ 'reader-'[0-9]' crashed inside a read section, at address 0x8 (Segmentation fault)' ]]
    has "$(result '[.runs[0].findings[] | select(.stacks)][0].stacks[0].stack')" thread_main
    is_valid_result
}

@test "an abort is a crash that names the thread" {
    MISBEHAVE=abort run sp run "$(NAME=s sync_only)" --flavor broken --out "$OUT" --quiet
    expect 1
    result '[.runs[0].findings[].message] | join(" ")' | grep -E 'reader-[0-9] aborted\.'
    is_valid_result
}

@test "an abort with an error that the machine did not give is a crash" {
    MISBEHAVE=again run sp run "$(NAME=s sync_only)" --flavor broken --out "$OUT" --quiet
    expect 1
    has "$(result '[.runs[0].findings[] | select(.check == "crash")][0].output')" 'broken: trylock: Resource temporarily unavailable'
}

@test "an abort with an error that the machine gave is the machine's doing" {
    run env MISBEHAVE=full bash -c 'ulimit -n 100; exec "$@"' full "$CLI_BUILD/stillpoint" run "$(NAME=s sync_only)" \
        --flavor broken --out "$OUT" --quiet
    expect 2
    has "$(result '.verdict.reasons[0]')" 'the runner gave up when the system refused it something: broken: open: Too many open files; raise the limit of open files (ulimit -n)'
}

@test "a runner that just ends is a crash" {
    MISBEHAVE=exit run --separate-stderr sp run "$(harmless)" --out "$OUT" --quiet
    expect 1
    [ "$(result '.runs[0].findings[0].message')" = 'The runner ended with exit code 5.' ]
    is_valid_result
}

@test "threads that are stuck for ever are a stall that shows where" {
    NAME=s sync_only >/dev/null
    MISBEHAVE=stuck run sp run "$BATS_TEST_TMPDIR/s.json" --flavor broken --duration 60s \
        --set stall_limit=300ms --out "$OUT"
    expect 1
    [ "$(result '.runs[0].findings[0].check')" = stall ]
    [ "$(result '[.runs[0].findings[0].stacks[].stack | contains("stay_for_ever")] | any')" = true ]
    has "$output" stay_for_ever
    [ "$(result '.runs[0].counters["rcu-pipe"].reads > 0')" = true ]
    is_valid_result
}

@test "a run that is shorter than its stall limit does not end on a thread that is stuck" {
    NAME=s sync_only >/dev/null
    MISBEHAVE=stuck run sp run "$BATS_TEST_TMPDIR/s.json" --flavor broken --duration 1s --out "$OUT" --quiet
    expect 1
    [ "$(result '.runs[0].stall_limit')" = 5 ]
    [ "$(result '[.runs[0].findings[] | select(.check == "stall")] | length')" -eq 1 ]
    [[ $(result '.runs[0].findings[0].message') =~ ' by the wall clock (limit 5.0 s' ]]
    lacks "$(result '.runs[0].findings[0].message')" 'told to end'
    is_valid_result
}

@test "nor where nobody looks when its time is over" {
    NAME=s sync_only >/dev/null
    MISBEHAVE=stuck begin "$BATS_TEST_TMPDIR/s.json" --flavor broken --duration 1s --set stall_limit=3s \
        --set interval=50ms --quiet
    until_event 'select(.event == "interval" and .t > 0.7)'
    kill -STOP "$DRIVER"
    sleep 1.5
    kill -CONT "$DRIVER"
    end
    expect 1
    [ "$(result '[.runs[0].findings[] | select(.check == "stall")] | length')" -eq 1 ]
    lacks "$(result '.runs[0].findings[0].message')" 'told to end'
}

# A reader gets no CPU for 4 s, inside a section, or is kept in the kernel, and an updater waits for it.
# held_up starved|kept LIMIT DURATION
held_up() {
    [ "$1" = kept ] || chrt -d -T 20000000 -D 4000000000 -P 4000000000 0 true 2>/dev/null ||
        skip 'needs the right to starve a thread'
    MISBEHAVE=$1 run sp run "$(scenario held '{"name": "held", "duration": "'"$3"'", "warmup": "0s",
        "flavor": "broken", "stall_limit": "'"$2"'", "placement": {"policy": "none"},
        "workloads": [{"type": "gp-latency", "readers": 1, "callers": 1}]}')" --out "$OUT" --quiet
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
}

@test "an updater that waits for a reader without a CPU is not stalled: the run goes on with both" {
    held_up starved 2s 1s
    expect 0
    [ "$(result '.runs[0].seconds > 2')" = true ]
}

@test "where a reader has no CPU for twice the limit the run is inconclusive, and says who" {
    held_up starved 1s 20s # in which it comes to that, however late it begins
    expect 2
    reason=$(result '.verdict.reasons[0]')
    [[ $reason =~ ^latency-(reader|caller)-0' made no progress for '[0-9.]+' s by the wall clock (limit 1.0 s; ' ]]
    [[ $reason =~ 'latency-reader-0 could run and had no CPU for '[0-9.]+' s' ]]
    has "$reason" '), and that is no fault of the code under test: find out what keeps latency-reader-0 without a CPU ('
    is_valid_result
}

@test "nor is a reader stalled that the kernel keeps, or who waits for it" {
    held_up kept 2s 1s
    expect 0
    [ "$(result '.runs[0].seconds > 2')" = true ]
    rm -r "$OUT"
    held_up kept 1s 20s
    expect 2
    reason=$(result '.verdict.reasons[0]')
    [[ $reason =~ 'latency-reader-0 was kept in the kernel for '[0-9.]+' s' ]]
    has "$reason" '), and that is no fault of the code under test: find out what keeps latency-reader-0 in the kernel ('
    is_valid_result
}

@test "a child that the code under test leaves behind holds nothing up" {
    MISBEHAVE=child run sp run "$(harmless)" --out "$OUT" --quiet 3>&-
    expect 0
    is_valid_result
    # It lived until now, in the runner's process group.
    kill -KILL -- "-$(events 'select(.event == "ready").pid')"
}

@test "when the driver is killed, its runner dies too, and salvage rebuilds a result" {
    long
    kill -KILL "$DRIVER"
    end
    expect 137
    until_gone "$RUNNER"
    directory=$(newest)
    [ ! -e "$directory/result.json" ]
    run --separate-stderr sp salvage "$directory"
    expect 2
    has "$output" 'INCONCLUSIVE'
    [ "$(result '.runs[0].verdict')" = inconclusive ]
    has "$(result '.verdict.reasons | join("; ")')" 'salvaged from events.jsonl'
    kept_measurements
    # There is nothing to salvage twice.
    run --separate-stderr sp salvage "$directory"
    expect 64
    says "${directory}/result.json: exists already: there is nothing to salvage"
}

@test "salvage tolerates a torn last line" {
    long
    kill -KILL "$DRIVER"
    end
    events=$(newest)/events.jsonl
    truncate -s -7 "$events"
    run sp salvage "$events"
    expect 2
    has "$(result '.verdict.reasons | join("; ")')" '1 torn line of events left out'
    is_valid_result
}

@test "salvage keeps a finding, and its exit code" {
    sp run "$(sync_only)" --flavor broken --out "$OUT" --quiet || true
    rm "$(newest)/result.json"
    sed -i '/"event":"run-end"/d' "$(newest)/events.jsonl"
    run sp salvage "$(newest)"
    expect 1
    has "$output" 'VIOLATION  rcu-pipe: '
    is_valid_result
}

@test "salvage of a finished run gives the runs that the result had" {
    sp run "$(pipe)" --out "$OUT" --quiet
    mv "$(newest)/result.json" "$BATS_TEST_TMPDIR/result.json"
    run sp salvage "$(newest)"
    expect 0
    diff <(jq -S .runs "$BATS_TEST_TMPDIR/result.json") <(jq -S .runs "$(newest)/result.json")
}

@test "salvage says what is wrong with garbage" {
    mkdir "$OUT"
    run --separate-stderr sp salvage "$OUT"
    expect 64
    says "$OUT/events.jsonl: No such file or directory; name a directory that \`stillpoint run\` made"
    head -c 10000 /dev/urandom >"$OUT/events.jsonl"
    run --separate-stderr sp salvage "$OUT"
    expect 64
    says "$OUT/events.jsonl: holds no invocation event: nothing can be rebuilt"
    echo '{"event": "invocation"}' >"$OUT/events.jsonl"
    run --separate-stderr sp salvage "$OUT"
    expect 64
    says "$OUT/events.jsonl: its invocation event is not whole: nothing can be rebuilt"
    printf '%s\n' '{"event": "run"}' '{"event": "interval", "latency": 3}' '{"event": "finding"}' '{"event": "run-end"}' \
        '[]' '{"event": 7}' >"$OUT/events.jsonl"
    run --separate-stderr sp salvage "$OUT"
    expect 64
    [ ! -e "$OUT/result.json" ]
}
