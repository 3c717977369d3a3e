#!/bin/bash
# Runs every unit test program and every bats file again and again: half of the times by themselves, half beside two
# busy processes. What fails once is no test to rely on.
#
#   tests/repeat.sh [-n RUNS] [-j JOBS] [-t SECONDS] [-l SECONDS] [VARIABLE=VALUE...] [NAME...]
#   tests/repeat.sh --status [VARIABLE=VALUE...] [NAME...]
#
# -n: of each, 50; -j: how many at a time, two a CPU; -t: how long this sitting may take, an hour; -l: how long a run
# may take, 600 s: a hang is a failure. The next sitting goes on where this one ends: results are kept by commit, in BUILD/repeat/COMMIT, a line
# for each run in NAME.quiet and NAME.busy, and the output of each failure in a file that the line names.
# Variables are make's, as in SANITIZE=thread, where there are no bats files. A name is test_rcu or signals.bats.
# Exit code: 0, none failed; 1, some did; 64, usage; 70, it does not build; 75, another instance runs here.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 70
runs=50 jobs=$((2 * $(nproc))) budget=3600 limit=600 status_only='' settings=() wanted=()

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 64
}
while [ $# -gt 0 ]; do
    case $1 in
    -n | -j | -t | -l)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage
        case $1 in -n) runs=$2 ;; -j) jobs=$2 ;; -t) budget=$2 ;; -l) limit=$2 ;; esac
        shift
        ;;
    --status) status_only=1 ;;
    [A-Z]*=*) settings+=("$1") ;;
    -*) usage ;;
    *) wanted+=("$1") ;;
    esac
    shift
done

cd "$root" || exit 70
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
make_says() { make -s --eval="print: ; @echo \$($1)" "${settings[@]}" print; }
BUILD=$root/$(make_says BUILD) || exit 70
commit=$(git rev-parse --short=12 HEAD) || exit 70
# And what is not committed, new files too.
if [ -n "$(git status --porcelain)" ]; then
    commit+=-$({ git diff HEAD; git ls-files -o --exclude-standard -z | xargs -0r cat; } |
        git hash-object --stdin | head -c 8)
fi
results=$BUILD/repeat/$commit
export ROOT=$root BUILD STILLPOINT=$BUILD/stillpoint LC_ALL=C PATH=/usr/bin:$PATH
export CK_DEFAULT_TIMEOUT=120 CK_VERBOSITY=normal BATS_TEST_TIMEOUT=600

names=()
# What takes longest first: a round ends with what is short.
# shellcheck disable=SC2012
for file in $(ls -S tests/cli/*.bats) tests/unit/test_*.c; do
    name=$(basename "$file" .c)
    [[ $name != *.bats || $BUILD = "$root/build" ]] || continue # which test the default build only
    [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]] || names+=("$name")
done
if [ ${#wanted[@]} -gt 0 ] && [ ${#names[@]} -ne ${#wanted[@]} ]; then
    echo "tests/repeat.sh: one of these is not the name of a test: ${wanted[*]}" >&2
    exit 64
fi

count() { cat "$results/$1" 2>/dev/null | grep -c "${2-}"; } # FILE [PATTERN]: so many lines

show_status() {
    local name quiet busy failed any=0
    echo "$results"
    printf '  %-28s %6s %6s %7s\n' program quiet busy failed
    for name in "${names[@]}"; do
        quiet=$(count "$name.quiet") busy=$(count "$name.busy")
        failed=$(($(count "$name.quiet" ^not) + $(count "$name.busy" ^not)))
        printf '  %-28s %6d %6d %7d\n' "$name" "$quiet" "$busy" "$failed"
        grep -hs ^not "$results/$name".{quiet,busy} | sed 's/^/      /'
        any=$((any + failed))
    done
    return $((any > 0))
}

# Killed when the script ends, by their numbers; those that run are each a group of its own.
busy=()
declare -A running=() log_of=() started=() # by number: NAME.quiet or NAME.busy
clean_up() {
    [ ${#busy[@]} -eq 0 ] || kill "${busy[@]}"
    for pid in "${!running[@]}"; do kill -- "-$pid" || kill "$pid"; done
    busy=() running=()
    [ -z "${CLI_PREPARED-}" ] || rm -rf "$CLI_PREPARED"
} 2>/dev/null
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

start() { # NAME quiet|busy
    local log command=("$BUILD/tests/$1")
    log=$results/$1.$2.$(($(count "$1.$2") + 1)).log
    [[ $1 != *.bats ]] || command=(bats --formatter tap --timing "tests/cli/$1")
    timeout -k 10 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null 9>&- &
    running[$!]=$1.$2 log_of[$!]=$log started[$!]=$EPOCHREALTIME
}

# Waits for one of them, and keeps what became of it.
reap() {
    local pid code log
    wait -n -p pid "${!running[@]}"
    code=$? log=${log_of[$pid]}
    case $code in
    0) rm "$log" && echo ok ;;
    124 | 137) echo "not ok: over $limit s: $log" ;;
    *) echo "not ok: exit code $code: $log" ;;
    esac | awk "{ printf \"%s %.1f s\\n\", \$0, $EPOCHREALTIME - ${started[$pid]} }" >>"$results/${running[$pid]}"
    unset "running[$pid]"
}

run_round() { # NUMBER
    local how=quiet
    [ $(($1 % 2)) -eq 1 ] || how=busy
    for name in "${names[@]}"; do
        [ "$SECONDS" -lt "$budget" ] || break
        [ "$(count "$name.$how")" -lt $((($1 + 1) / 2)) ] || continue
        if [ $how = busy ] && [ ${#busy[@]} -eq 0 ]; then
            for _ in 1 2; do
                while :; do :; done 9>&- &
                busy+=($!)
            done
        fi
        while [ ${#running[@]} -ge "$jobs" ]; do reap; done
        start "$name" $how
    done
    while [ ${#running[@]} -gt 0 ]; do reap; done
    [ ${#busy[@]} -eq 0 ] || kill "${busy[@]}"
    busy=()
}

if [ -z "$status_only" ]; then
    mkdir -p "$results" && exec 9>"$results/lock" || exit 70
    flock -n 9 || { echo "tests/repeat.sh: another instance writes to $results" >&2; exit 75; }
    make -s "${settings[@]}" all tests 9>&- || exit 70
    SECONDS=0
    if [[ ${names[*]} == *.bats* ]]; then # the build that they share
        export CLI_PREPARED=$results/prepared
        tests/cli/prepare.sh "$CLI_PREPARED" >"$results/prepare.log" 2>&1 9>&- || exit 70
    fi
    # In rounds, so that each sitting adds some of everything.
    for ((round = 1; round <= runs; round++)); do
        [ "$SECONDS" -lt "$budget" ] || break
        run_round "$round"
    done
fi
show_status
