#!/usr/bin/env bats
# Poor surroundings: one CPU, no /proc, strange signals, strange variables.

load helper

teardown() { stop_all; }

# The first of those that the tests may use.
on_one_cpu() {
    taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$@"
}

@test "one CPU is enough" {
    run --separate-stderr on_one_cpu env PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 600ms \
        --out "$OUT" --progress none
    expect 0
    [ "$(result .host.cpus_allowed)" -eq 1 ]
    [ "$(result '[.runs[0].threads[].cpu] | unique | length')" -eq 1 ]
    has "$output" '1 CPU,'
    is_valid_result
}

@test "on one CPU no leader spins" {
    # What spinning is for is to see a running reader come by, without any fence. On one CPU a leader
    # that runs has all others stopped, so it is to fence and to sleep, whatever time it may spin.
    run on_one_cpu env PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$(pipe)" --duration 600ms \
        --set library.spin=1s --set library.gp_policy=adaptive --out "$OUT" --quiet
    expect 0
    [ "$(result '.runs[0].library.gps > 0')" = true ]
    [ "$(result '.runs[0].library | .heavy_fences > 0 and .spins == 0')" = true ]
}

@test "no variable of the environment is needed" {
    cd "$BATS_TEST_TMPDIR"
    run env -i "$CLI_BUILD/stillpoint" run "$(pipe)" --out results --quiet
    expect 0
    run env -i LANG=de_DE.UTF-8 LC_ALL=tr_TR.UTF-8 "$CLI_BUILD/stillpoint" run "$(pipe)" --out results --quiet
    expect 0
    is_valid_result
}

@test "without /proc and /sys it still runs" {
    unshare -m true 2>/dev/null || skip 'no right to make a mount namespace'
    run --separate-stderr unshare -m bash -c "mount -t tmpfs none /sys && mount -t tmpfs none /proc &&
        cd '$CLI_BUILD' && PATH=/nonexistent exec ./stillpoint run '$(pipe)' --out '$OUT' --progress none"
    expect 0
    is_valid_result
}

@test "the threads of a runner have no signal blocked or ignored that the caller had" {
    harmless >/dev/null
    MISBEHAVE=signals run /usr/bin/python3 -c "
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])" "$CLI_BUILD/stillpoint" run "$BATS_TEST_TMPDIR/harmless.json" --out "$OUT" --quiet
    expect 0
}

@test "a caller that ignores the end of its children does not keep a run from ending" {
    run timeout 60 env --ignore-signal=CHLD PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$(pipe)" --out "$OUT" --quiet
    expect 0
}

@test "a runner that dies before it begins is a crash with its last words" {
    # Not through the description, which would be a refusal: only `--run` dies.
    cat >"$BATS_TEST_TMPDIR/runner-late" <<EOF
#!/bin/sh
[ "\$1" = --describe ] && exec "$CLI_BUILD/runner-broken" --describe
echo "a last word" >&2
kill -ABRT \$\$
EOF
    chmod +x "$BATS_TEST_TMPDIR/runner-late"
    STILLPOINT_RUNNERS=$BATS_TEST_TMPDIR run --separate-stderr sp run "$(harmless)" --flavor late --out "$OUT" --progress none
    expect 1
    [ "$(result '.runs[0].findings[0].message')" = 'The runner was killed by signal 6 (Aborted).' ]
    [ "$(result '.runs[0].findings[0].output')" = 'a last word' ]
    has "$output" "the runner's last words"
    is_valid_result
}

@test "a runner that cannot say what it is, is refused with the reason" {
    for body in 'echo garbage' 'exit 3' 'kill -KILL $$' 'echo []'; do
        printf '#!/bin/sh\n%s\n' "$body" >"$BATS_TEST_TMPDIR/runner-odd"
        chmod +x "$BATS_TEST_TMPDIR/runner-odd"
        STILLPOINT_RUNNERS=$BATS_TEST_TMPDIR run --separate-stderr sp run "$(harmless)" --flavor odd --out "$OUT"
        expect 64
        [ "$(wc -l <<<"$stderr")" -eq 1 ]
        has "$stderr" "/runner-odd --describe: "
        left_nothing
    done
}

@test "an interruption before the run began is no pass" {
    cat >"$BATS_TEST_TMPDIR/runner-slow" <<EOF
#!/bin/sh
[ "\$1" = --describe ] && exec "$CLI_BUILD/runner-broken" --describe
exec sleep 60
EOF
    chmod +x "$BATS_TEST_TMPDIR/runner-slow"
    harmless >/dev/null
    STILLPOINT_RUNNERS=$BATS_TEST_TMPDIR "$CLI_BUILD/stillpoint" run "$BATS_TEST_TMPDIR/harmless.json" --flavor slow \
        --out "$OUT" --quiet 3>&- &
    DRIVER=$!
    for ((i = 0; i < 600; i++)); do
        grep -qs '"event":"run"' "$OUT"/*/events.jsonl && break
        sleep 0.05
    done
    kill -INT "$DRIVER"
    status=0
    wait "$DRIVER" || status=$?
    [ "$status" -eq 2 ]
    has "$(result '.verdict.reasons | join("; ")')" 'ended before it began'
    is_valid_result
}

@test "a directory of runners that there is not is refused" {
    STILLPOINT_RUNNERS=$CLI_BUILD:build/faults/nonesuch run --separate-stderr sp run "$(harmless)" --out "$OUT"
    expect 64
    has "$stderr" 'STILLPOINT_RUNNERS: there is no directory "build/faults/nonesuch"'
}

@test "what the machine does not give is no violation" {
    [ -w /dev/kvm ] || skip "/dev/kvm is missing or not for this user"
    few_files() {
        ulimit -n 24
        sp run configs/torture/kick.json --set sweep={} --set kick.accel=kvm --set kick.vcpus=32 \
            --duration 1s --out "$OUT" --quiet
    }
    run few_files
    expect 2
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
    has "$(result '.verdict.reasons | join("; ")')" \
        'kick: a vCPU of accelerator kvm cannot run: Too many open files; use fewer "vcpus", or another "accel"'
    is_valid_result
}

@test "hundreds of threads are no trouble" {
    run sp run "$(pipe)" --set rcu-pipe.readers=400 --set stall_limit=60s --out "$OUT" --quiet
    # Beside other processes the driver may be late, which makes the run inconclusive.
    [ "$status" -eq 0 ] || expect 2
    [ "$(result '.runs[0].findings | length')" -eq 0 ]
    [ "$(result '.runs[0].threads | length')" -eq 404 ]
}

@test "a stall limit of an hour and an interval of an hour do no harm" {
    run sp run "$(pipe)" --set stall_limit=1h --set interval=1h --duration 100ms --out "$OUT" --quiet
    expect 0
    is_valid_result
}

@test "variables that change a run are in the result and in the head of its table" {
    STILLPOINT_FENCE=full HWLOC_XMLFILE='' run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    expect 0
    [[ ${lines[2]} == '  STILLPOINT_FENCE=full' ]]
    [ "$(result '.environment | del(.LD_LIBRARY_PATH) | tojson')" = '{"STILLPOINT_FENCE":"full"}' ]
    is_valid_result
    rm "$(newest)/result.json"
    run --separate-stderr sp salvage "$(newest)"
    [ "$(result '.environment.STILLPOINT_FENCE')" = full ]
}

@test "a value of a variable that nothing knows is refused before anything runs" {
    for setting in STILLPOINT_FENCE=ful STILLPOINT_FENCE=Full STILLPOINT_KVM_KICK=signal STILLPOINT_KVM_GUEST=reall; do
        for command in run validate; do
            run --separate-stderr env "$setting" "$CLI_BUILD/stillpoint" $command "$(pipe)"
            expect 64
            has "$stderr" "$setting: unknown value; known: "
        done
    done
}

@test "with a topology of another machine no thread claims a CPU, and the host is this one" {
    HWLOC_SYNTHETIC='numa:4 core:2 pu:1' run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    expect 0
    [ "$(result '[.runs[].threads[] | .cpu, .node] | unique == [-1]')" = true ]
    [ "$(result '.host.numa_nodes')" -eq "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)" ]
    lacks "$(result .host.topology)" 'numa:4'
    [ "$(result '[.runs[].threads[].ran_on | length] | unique == [2]')" = true ]
    [ "$(result ".host.cpus as \$n | [.runs[].threads[].ran_on[]] | max < \$n")" = true ]
    has "$(tr -s '\n ' ' ' <<<"$output")" "Note: the topology that hwloc was told to show is not this machine's"
    is_valid_result
}

@test "a thread that ran elsewhere than it was sent is named" {
    # Without a binding that holds: sched_setaffinity() of the runner's threads does nothing.
    cat >"$BATS_TEST_TMPDIR/loose.c" <<'C'
#define _GNU_SOURCE
#include <sched.h>
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) { (void)pid, (void)size, (void)set; return 0; }
int pthread_setaffinity_np(unsigned long t, size_t size, const cpu_set_t *set) { (void)t, (void)size, (void)set; return 0; }
int sched_getcpu(void) { return 777; }
C
    ${CC:-cc} -shared -fPIC -o "$BATS_TEST_TMPDIR/loose.so" "$BATS_TEST_TMPDIR/loose.c"
    LD_PRELOAD=$BATS_TEST_TMPDIR/loose.so run --separate-stderr sp run "$(pipe)" --out "$OUT" --progress none
    expect 0
    [ "$(result '[.runs[].threads[].ran_on] | unique == [[777, 777]]')" = true ]
    has "$(result '.runs[0].notes | join(" ")')" 'reader-0 was sent to CPU'
    has "$(result '.runs[0].notes | join(" ")')" 'and ran on CPU 777'
}

@test "a thread that is no longer bound when it ends is named" {
    local task cpus
    cpus=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
    [[ $cpus = *[-,]* ]] || skip 'on one CPU a thread that is bound and one that is not are the same'
    begin "$(pipe)" --duration 600s
    for task in "/proc/$RUNNER"/task/*; do
        [ "$(<"$task/comm")" != reader-0 ] || taskset -pc "$cpus" "${task##*/}"
    done
    kill -INT "$DRIVER"
    end
    expect 0
    [[ $(result '.runs[0].notes | join(" ")') =~ reader-0\ was\ sent\ to\ CPU\ [0-9]+.*,\ and\ was\ no\ longer\ bound ]]
    lacks "$(result '.runs[0].notes | join(" ")')" ' more of '
}
