#!/bin/bash
# Every seeded fault must be found by the check that its header names, and by the library as it is the
# same scenarios must be passed. `tests/faults.sh [NAME...]`; prints TAP.
#
# The header of torture/faults/NAME.patch: Title, Mechanism, Seen in, Scenario (a path, and settings as
# after --set), Check (any of these names), Needs, and sometimes Build. docs/adding-a-fault.md explains
# them.
set -u
cd "$(dirname "$0")/.." || exit 70
BUILD=${BUILD:-build}
stillpoint=$BUILD/stillpoint
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for patch in torture/faults/*.patch; do
        names+=("$(basename "$patch" .patch)")
    done
fi

field() { # FIELD NAME: the text of a header field, folded lines joined
    awk -v field="$1:" '
        /^--- / { exit }
        index($0, field) == 1 { found = 1; sub(/^[^:]*: */, ""); printf "%s", $0; next }
        found && /^[ \t]/ { sub(/^[ \t]+/, " "); printf "%s", $0; next }
        found { exit }' "torture/faults/$2.patch"
}

not_ok() { # NAME FILE: says what went wrong
    echo "not ok $1"
    if [ "$(wc -l <"$2")" -gt 60 ]; then
        head -n 25 "$2"
        echo ...
        tail -n 30 "$2"
    else
        cat "$2"
    fi | sed 's/^/# /'
}

# run LOG SCENARIO [KEY=VALUE...] [-- OPTION...]: the exit code of the run; its result is in $result.
run() {
    local log=$1 scenario=$2 settings=()
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        settings+=(--set "$1")
        shift
    done
    shift
    rm -rf "$log.results"
    result=$log.results/latest/result.json
    # Without gnuplot, which it finds by PATH: nobody looks at pictures of these.
    timeout -k 5 100 env PATH= "$stillpoint" run "$scenario" "${settings[@]}" "$@" --fail-fast \
        --progress none --out "$log.results" >"$log" 2>&1 </dev/null
}

try_fault() {
    local name=$1 log=$out/fault-$1 check
    for check in Title Mechanism 'Seen in' Scenario Check Needs; do
        if [ -z "$(field "$check" "$name")" ]; then
            echo "torture/faults/$name.patch: has no \"$check:\" in its header" >"$log"
            not_ok "fault $name is described" "$log"
            return
        fi
    done
    if [[ $(field Needs "$name") == *"two CPUs"* && $(nproc) -lt 2 ]]; then
        echo "ok fault $name # skip it needs two CPUs"
        return
    fi
    if [[ $(field Needs "$name") == *KVM* && ! -w /dev/kvm ]]; then
        echo "ok fault $name # skip it needs KVM, and /dev/kvm is missing or not for this user"
        return
    fi
    if [ -z "$all_are_built" ] && ! make -s fault NAME="$name" BUILD="$BUILD" >"$log" 2>&1; then
        not_ok "fault $name applies to lib/ and builds" "$log"
        return
    fi
    find_fault "$name" "$log" || mv "$log" "$out/missed-$name"
}

find_fault() { # NAME LOG [-- OPTION...]
    local name=$1 log=$2 check found status words
    shift 2
    read -ra words <<<"$(field Scenario "$name")"
    STILLPOINT_RUNNERS=$BUILD/faults/$name run "$log" "${words[@]}" "$@"
    status=$?
    found=$(jq -r '[.runs[].findings[]] | min_by(.first_s) // empty | "\(.check) \(.first_s)"' \
        "$result" 2>/dev/null)
    for check in $(field Check "$name"); do
        if [ $status -eq 1 ] && [ "${found%% *}" = "$check" ]; then
            printf 'ok fault %s is found by %s\n' "$name" "$check"
            printf '# after %.2f s\n' "${found##* }"
            return
        fi
    done
    echo "expected exit code 1 and check $(field Check "$name"), got exit code $status and" \
        "\"${found:-no finding}\"" >>"$log"
    return 1
}

# Hundredths of a second for which CPUs were busy: all of them, and with what this shell has started.
busy_ticks() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat; }
# Into $ticks: in a process of its own, as $() makes one, times would begin at 0.
own_ticks() {
    local file=$out/times-$BASHPID
    times >"$file"
    ticks=$(awk -F'[ms ]' 'NR == 2 { printf "%d", ($1 * 60 + $2 + $4 * 60 + $5) * 100 }' "$file")
}

# A window of nanoseconds is met by luck, and other programs on the machine take luck away: what was missed
# is looked for once more, alone and for longer. TAP says so, and what the first try ended with. A race that needs
# two CPUs and did not have them is skipped.
try_missed() { # NAME
    local name=$1 log=$out/missed-$1 others ticks started=$EPOCHREALTIME
    sed -n '$s/^/# first try: /p' "$log"
    own_ticks
    others=$(($(busy_ticks) - ticks))
    find_fault "$name" "$log" -- --duration 60s && return
    own_ticks
    others=$(($(busy_ticks) - ticks - others))
    others=$(awk "BEGIN { printf \"%.1f\", $others / 100 / ($EPOCHREALTIME - $started) }")
    if [[ $(field Needs "$name") == *"two CPUs"* ]] && awk "BEGIN { exit !($others >= 0.5) }"; then
        echo "ok fault $name # skip it needs two CPUs, and other processes took $others of them"
    else
        not_ok "fault $name is found" "$log"
    fi
}

try_all() { # FUNCTION AT_ONCE: for each line of stdin
    local line job=0
    while read -r line; do
        while [ "$(jobs -rp | wc -l)" -ge "$2" ]; do wait -n; done
        "$1" "$line" >"$out/report-$1-$job" &
        job=$((job + 1))
    done
    wait
    for ((line = 0; line < job; line++)); do cat "$out/report-$1-$line"; done | tee -a "$out/tap"
}

# What was not reached in so short a time is no alarm.
try_clean() { # SCENARIO [KEY=VALUE...]
    local words log
    log=$(mktemp -p "$out" clean-XXXXXX)
    read -ra words <<<"$1"
    run "$log" "${words[@]}" -- --duration "$clean"
    case $? in
    0 | 2) echo "ok no false alarm in $1" ;;
    77) echo "ok no false alarm in $1 # skip $(jq -r '.runs[0].skip' "$result")" ;;
    *) not_ok "no false alarm in $1" "$log" ;;
    esac
}

unset MAKEFLAGS MFLAGS MAKELEVEL
# All in one make; when one does not build, each by itself says so.
all_are_built=
if make -s fault NAME="${names[*]}" BUILD="$BUILD" >"$out/make.log" 2>&1; then all_are_built=yes; fi
# Four at a time of those that may end in a stall, as they mostly wait, and two of others. Races need both CPUs
# for themselves; they come last, when what tests/run.sh builds ahead is built.
races=() stalls=() others=()
for name in "${names[@]}"; do
    if [[ $(field Needs "$name") == *"two CPUs"* ]]; then
        races+=("$name")
    elif [[ $(field Check "$name") == *stall* ]]; then
        stalls+=("$name")
    else
        others+=("$name")
    fi
done
[ ${#stalls[@]} -eq 0 ] || printf '%s\n' "${stalls[@]}" | try_all try_fault 4
[ ${#others[@]} -eq 0 ] || printf '%s\n' "${others[@]}" | try_all try_fault 2
[ ${#races[@]} -eq 0 ] || printf '%s\n' "${races[@]}" | try_all try_fault 1
for name in "${names[@]}"; do
    [ ! -e "$out/missed-$name" ] || echo "$name"
done | try_all try_missed 1
# Without what only shortens or lengthens the search, and so each once; FULL=1: in every variant, else
# as they are but for fences and flavor.
if [ -n "${FULL-}" ]; then
    drop='stall_limit\|duration' clean=1s
else
    drop='[a-eg-z][^ =]*' clean=100ms
fi
for name in "${names[@]}"; do
    field Scenario "$name"
    echo
done | sed "s/ \($drop\)=[^ ]*//g" | sort -u | try_all try_clean 2
! grep -q '^not ok' "$out/tap"
