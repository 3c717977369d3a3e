#!/bin/bash
# What a machine does to a run, and the verdict that must follow: `tests/disturbances.sh [NAME...]`; prints TAP.
#
# What freezes, limits or mounts happens in a control group and a mount namespace of its own. Each has a watcher
# that outlives the test, and thaws, unmounts and removes. What is not allowed here is skipped. The short ones
# that need no right are in tests/cli/disturbances.bats.
# The functions are called by name.
# shellcheck disable=SC2317,SC2034,SC2086,SC2001
set -u
cd "$(dirname "$0")/.." || exit 70
unset STILLPOINT_RUNNERS STILLPOINT_FENCE
program=${STILLPOINT:-$PWD/build/stillpoint}
names=(driver_stopped group_frozen runner_frozen quota disk_frozen power_cut)

# ---- Runs ----------------------------------------------------------------------------------------

work=${WORK:-$(mktemp -d)}
cat >"$work/pipe.json" <<'END'
{"name": "pipe", "duration": "30s", "warmup": "0s",
 "workloads": [{"type": "rcu-pipe", "readers": 1, "fake_updaters": 0}]}
END

# Started by a command that may be empty; returns when the run has begun. Sets out, driver.
begin() { # OUT DURATION [COMMAND...]
    local i
    out=$1
    "${@:3}" env PATH=/nonexistent "$program" run "$work/pipe.json" --duration "$2" --out "$1" \
        --progress none >"$work/said" 2>&1 &
    driver=$!
    for ((i = 0; i < 1200; i++)); do
        ! grep -qs '"event":"ready"' "$out"/*/events.jsonl || return 0
        sleep 0.05
    done
    echo 'the run did not begin' && cat "$work/said"
    return 1
}

end() {
    wait "$driver"
    code=$?
}

# Whether the run ended so, and its result holds this.
expect() { # CODE JQ
    [ "$code" = "$1" ] && jq -e "$2" "$out"/latest/result.json >/dev/null && return
    echo "exit code $code, expected $1; expected $2"
    cat "$work/said"
    jq -c '.runs[0].disturbances[]' "$out"/latest/result.json
    return 1
}
lost() { echo "([.runs[0].disturbances[] | select(.cause == \"$1\").seconds] | add // 0)"; }
inconclusive='.runs[0].verdict == "inconclusive" and .verdict.clean_seconds == 0
              and (.runs[0].findings | length) == 0'

# watch CLEANUP: is run when this shell is gone, whatever became of it.
watch() {
    setsid bash -c "while kill -0 $$; do sleep 0.2; done; $1" >/dev/null 2>&1 </dev/null &
}

# ---- Control groups ------------------------------------------------------------------------------

mounted() { # TYPE OPTION: where
    awk -v type="$1" -v option="$2" '$3 == type && ("," $4 ",") ~ "," option "," { print $2; exit }' /proc/self/mounts
}
own_group() { # CONTROLLER, or nothing for version 2
    awk -F: -v name="${1-}" '(name == "" && $1 == 0) || ("," $2 ",") ~ "," name "," && name != "" {
        sub("^[^:]*:[^:]*:", ""); print ($0 == "/" ? "" : $0); exit }' /proc/self/cgroup
}

# A new group in which a file can be written; sets group. Version 1 first: its controllers are not in version 2.
make_group() { # CONTROLLER FILE_OF_1 FILE_OF_2
    local mount
    mount=$(mounted cgroup "$1")
    group=$mount$(own_group "$1")/stillpoint-$$ file=$2
    [ -n "$mount" ] && mkdir "$group" 2>/dev/null && [ -w "$group/$file" ] && return
    mount=$(mounted cgroup2 rw)
    group=$mount$(own_group)/stillpoint-$$ file=$3
    [ -n "$mount" ] && mkdir "$group" 2>/dev/null && [ -w "$group/$file" ] && return
    rmdir "$group" 2>/dev/null
    return 1
}
in_group() { # COMMAND...
    # shellcheck disable=SC2016
    sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}
no_group() {
    local i
    for ((i = 0; i < 100; i++)); do
        rmdir "$group" 2>/dev/null && return
        sleep 0.1
    done
}

# ---- The disturbances: each says why it is skipped, or nothing and returns whether it passed -----

test_driver_stopped='a driver that is stopped for 10 s of 20 s: inconclusive'
driver_stopped() {
    begin "$work/driver" 20s || return
    kill -STOP "$driver"
    sleep 10
    kill -CONT "$driver"
    end
    expect 2 "$inconclusive and $(lost driver-away) > 8 and .runs[0].seconds < 25"
}

test_group_frozen='a control group that is frozen for 20 s of 30 s: inconclusive, and no stall'
group_frozen() {
    make_group freezer freezer.state cgroup.freeze || { echo 'skip: no control group can be frozen here' && return; }
    local freeze=FROZEN thaw=THAWED
    [ "$file" = freezer.state ] || freeze=1 thaw=0
    watch "echo $thaw >'$group/$file'; for p in \$(cat '$group/cgroup.procs'); do kill -KILL \$p; done
           for i in 1 2 3 4 5; do rmdir '$group' && break; sleep 1; done"
    begin "$work/group" 30s in_group || return
    echo $freeze >"$group/$file"
    sleep 20
    echo $thaw >"$group/$file"
    end
    no_group
    expect 2 "$inconclusive and $(lost machine-still) > 15"
}

test_runner_frozen='a runner that is frozen alone, for longer than the stall limit: inconclusive, and no stall'
runner_frozen() {
    make_group freezer freezer.state cgroup.freeze || { echo 'skip: no control group can be frozen here' && return; }
    local freeze=FROZEN thaw=THAWED runner
    [ "$file" = freezer.state ] || freeze=1 thaw=0
    watch "echo $thaw >'$group/$file'; for p in \$(cat '$group/cgroup.procs'); do kill -KILL \$p; done
           for i in 1 2 3 4 5; do rmdir '$group' && break; sleep 1; done"
    begin "$work/runner" 25s || return
    runner=$(jq -r 'select(.event == "ready").pid' "$out"/*/events.jsonl)
    echo "$runner" >"$group/cgroup.procs" || return
    echo $freeze >"$group/$file"
    sleep 15
    echo $thaw >"$group/$file"
    end
    no_group
    expect 2 "$inconclusive and $(lost runner-still) > 10
              and ([.runs[0].disturbances[] | select(.why == \"frozen\")] | length) > 0"
}

test_quota='a CPU quota of 5 %: inconclusive'
quota() {
    make_group cpu cpu.cfs_quota_us cpu.max || { echo 'skip: no control group can have a CPU quota here' && return; }
    watch "for p in \$(cat '$group/cgroup.procs'); do kill -KILL \$p; done
           for i in 1 2 3 4 5; do rmdir '$group' && break; sleep 1; done"
    if [ "$file" = cpu.max ]; then
        echo '5000 100000' >"$group/$file"
    else
        echo 100000 >"$group/cpu.cfs_period_us" && echo 5000 >"$group/$file"
    fi
    begin "$work/quota" 10s in_group || return
    end
    no_group
    # Beside others it waits for a CPU as well, and is throttled for less.
    expect 2 "$inconclusive and $(lost throttled) > 2 and $(lost machine-still) > 2"
}

# A disk of its own in memory: nobody else makes it slow. => In a mount namespace of our own.
mount_disk() {
    mkdir -p "$work/memory" "$work/disk" && mount -t tmpfs -o size=256m none "$work/memory" &&
        truncate -s 128M "$work/memory/image" && mkfs.ext4 -q "$work/memory/image" &&
        watch "fsfreeze -u '$work/disk'; umount '$work/disk' '$work/cut' '$work/memory'" &&
        mount -o loop "$work/memory/image" "$work/disk"
}

test_disk_frozen='a disk of results that is frozen for 20 s of 25 s holds nothing up: pass, with a note'
disk_frozen() {
    mount_disk || return
    begin "$work/disk/results" 25s || return
    fsfreeze -f "$work/disk"
    sleep 20
    fsfreeze -u "$work/disk"
    end
    expect 0 "$(lost disk-blocked) > 10 and $(lost driver-away) == 0 and .runs[0].seconds < 26
              and ([.runs[0].notes[] | select(test(\"the disk took no events\"))] | length) == 1"
}

intervals_in() { grep -c '"event":"interval"' "$1"/*/events.jsonl; }

test_power_cut='after a power cut salvage gets all but the last interval'
power_cut() {
    local i seen
    mount_disk || return
    begin "$work/disk/results" 600s || return
    for ((i = 0; i < 1200; i++)); do
        [ "$(intervals_in "$work/disk/results")" -lt 12 ] || break
        sleep 0.05
    done
    # What the disk holds at this moment; what only the file system knows is lost.
    seen=$(intervals_in "$work/disk/results")
    cp "$work/memory/image" "$work/memory/cut"
    kill -KILL "$driver"
    wait "$driver" 2>/dev/null
    mkdir -p "$work/cut" && mount -o loop "$work/memory/cut" "$work/cut" || return
    "$program" salvage "$work"/cut/results/*pipe >"$work/said" 2>&1
    code=$? out=$work/cut/results
    echo "$seen intervals were seen before the cut"
    expect 2 "(.runs[0].intervals | length) >= $((seen - 1)) and (.runs[0].latency | length) > 0"
}

# ---- One after the other -------------------------------------------------------------------------

may_mount() {
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount -t tmpfs none "$0" && truncate -s 1M "$0/image" && mkfs.ext4 -q "$0/image" &&
        mkdir "$0/disk" && mount -o loop "$0/image" "$0/disk"' "$work" >/dev/null 2>&1
}

one() { # NAME
    local what=test_$1 said status
    case $1 in
    disk_frozen | power_cut)
        may_mount || { echo "ok ${!what} # skip no loop device may be mounted here" && return; }
        said=$(WORK=$work unshare -m bash "$0" --here "$1" 2>&1)
        ;;
    *) said=$("$1" 2>&1) ;;
    esac
    status=$?
    case $status:$said in
    0:skip:*) echo "ok ${!what} # skip ${said#skip: }" ;;
    0:*) echo "ok ${!what}" ;;
    *) printf 'not ok %s\n' "${!what}" && sed 's/^/# /' <<<"$said" ;;
    esac
}

if [ "${1-}" = --here ]; then
    "$2"
    exit
fi
[ $# -gt 0 ] || set -- "${names[@]}"
for name; do one "$name"; done | tee "$work/tap"
! grep -q '^not ok' "$work/tap"
status=$?
rm -rf "$work"
exit $status
