#!/bin/bash
# Searches each model of tests/models/ completely with spin, and finds each mutation of it.
# `tests/models.sh [NAME...]`; prints TAP. KEEP=DIRECTORY keeps what spin and its searches wrote;
# BRIEF=1 searches each model as it is, and nothing else.
#
# The comment at the top of tests/models/NAME.pml says in lines that begin with these words:
#   VARIANT DEFINE: what    the same with -DDEFINE is searched as well, and passes
#   MUTATION DEFINE: what   with -DDEFINE there is an error, and it is found
#   PROGRESS: what          there is no cycle without a progress label
# A search of states finds deadlocks and assertions; one of cycles what goes round for nothing.
set -u
cd "$(dirname "$0")/.." || exit 70
models=$PWD/tests/models
out=${KEEP:-$(mktemp -d)}
[ -n "${KEEP-}" ] || trap 'rm -rf "$out"' EXIT
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 70

if ! command -v spin >/dev/null; then
    echo 'ok models # skip spin is not installed'
    exit 0
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for model in "$models"/*.pml; do
        names+=("$(basename "$model" .pml)")
    done
fi

words() { # KIND NAME: the defines of these lines
    sed -n "/\*\//q; s/^ \* $1 \([A-Z0-9_]*\):.*/\1/p" "$models/$2.pml"
}

# search NAME DEFINE KIND OPTIMIZE SIZES: its output, and what explains an error, is in $log. 0: all
# was searched and nothing found; 1: an error was found; 2: neither.
search() {
    local name=$1 define=$2 kind=$3 how=-DSAFETY run=$5 directory
    directory=$out/$name-${define:-as-it-is}-$kind log=$directory/log
    mkdir -p "$directory" && cd "$directory" || return 2
    rm -f ./*.trail
    if [ "$kind" = cycles ]; then how='-DNP -DNOFAIR' run+=' -l'; fi
    # shellcheck disable=SC2086
    if ! { spin ${define:+-D"$define"} -a "$models/$name.pml" &&
        "${CC:-gcc}" -w "$4" $how -DCOLLAPSE -DMEMLIM=1000 -o pan pan.c; } \
        >"$log" 2>&1; then
        return 2
    fi
    # shellcheck disable=SC2086
    timeout -k 5 200 ./pan $run >"$log" 2>&1 </dev/null
    if [ -e "$name.pml.trail" ]; then
        spin -p -g -k "$name.pml.trail" ${define:+-D"$define"} "$models/$name.pml" 2>&1 |
            tee trail | tail -n 60 >>"$log"
        return 1
    fi
    # Without "Search not completed", and without "max search depth too small".
    if grep -q 'errors: 0$' "$log" && ! grep -qi 'not completed\|too small\|out of memory' "$log"; then
        return 0
    fi
    return 2
}

not_ok() { # TEST
    echo "not ok $1"
    tail -n 70 "$log" | sed 's/^/# /'
}

try_clean() { # NAME DEFINE KIND
    local test="model $1${2:+ $2}" log
    if [ "$3" = cycles ]; then test+=' goes round for something'; else test+=' has no error'; fi
    if ! search "$1" "$2" "$3" -O1 "-m1000000 -w22"; then
        not_ok "$test"
    else
        echo "ok $test"
        sed -n 's/^ *\([0-9]*\) states, stored.*/# \1 states/p' "$log"
    fi
}

# Most are found at once, so the compiler takes longer than the search.
try_mutation() { # NAME DEFINE
    local test="model $1 with $2 has an error that is found" log kind
    for kind in states cycles; do
        [ $kind = states ] || grep -q '^ \* PROGRESS: ' "$models/$1.pml" || break
        search "$1" "$2" $kind -O0 "-m300000 -w20"
        case $? in
        1)
            echo "ok $test"
            sed -n 's/^pan:[0-9]*: \(.*\)/# \1/p' "$log"
            return
            ;;
        2) break ;;
        esac
    done
    not_ok "$test"
}

jobs=0
try() { # FUNCTION ARGUMENT...
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    jobs=$((jobs + 1))
    "$@" >"$out/report-$jobs" &
}

for name in "${names[@]}"; do
    try try_clean "$name" '' states
    [ -z "${BRIEF-}" ] || continue
    for define in $(words VARIANT "$name"); do try try_clean "$name" "$define" states; done
    if grep -q '^ \* PROGRESS: ' "$models/$name.pml"; then try try_clean "$name" '' cycles; fi
    for define in $(words MUTATION "$name"); do try try_mutation "$name" "$define"; done
done
wait
for ((job = 1; job <= jobs; job++)); do cat "$out/report-$job"; done | tee "$out/tap"
! grep -q '^not ok' "$out/tap"
