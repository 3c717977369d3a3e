#!/bin/bash
# Tortures for long: nights of the scenarios of configs/torture/, each of which has turns of 30 s with each build.
# `tests/soak.sh [NAME...]`; prints TAP.
#
# Each must pass, with everything that it requires reached. The builds are the plain one, one with sanitizers, of which
# SEED chooses the kind, and for half of the scenarios, which it chooses, one more that it chooses; for each of them SEED
# chooses between membarrier and full fences, and it is the seed of the nights. In $KEPT/soak-SEED results are kept: a night that was over is
# not run again, and one that was cut short goes on.
set -u
cd "$(dirname "$0")/.." || exit 70
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
# By itself it keeps nothing for another time: the tree may have changed.
kept=${KEPT:-$(mktemp -d)}/soak-$seed
mkdir -p "$kept" && kept=$(cd "$kept" && pwd) || exit 70
unset MAKEFLAGS MFLAGS MAKELEVEL STILLPOINT_RUNNERS
echo "# seed $seed"

sanitizers=('SANITIZE=address,undefined' 'SANITIZE=thread')
sometimes=(DEBUG=1 PORTABLE=1 TWO_PHASE=1 CC=clang)
# In a night: what starting and ending runs may take of it leaves no time for a second turn.
few=8

names=("$@")
[ ${#names[@]} -gt 0 ] || for scenario in configs/torture/*.json; do
    names+=("$(basename "$scenario" .json)")
done

choose() { # WORD NUMBER: one of as many, from the seed
    local sum
    sum=$(printf '%s %s' "$seed" "$1" | sha256sum | cut -c1-12)
    echo $((0x$sum % $2))
}

built=
build() { # [SETTING]: sets program
    # shellcheck disable=SC2016
    program=$(make -s --eval='print: ; @echo $(BUILD)' ${1:+"$1"} print)/stillpoint
    case "$built" in *" ${1:-plain} "*) return ;; esac
    make -s ${1:+"$1"} all >"$kept/build.log" 2>&1 || return
    built+=" ${1:-plain} "
}

# night DIRECTORY OPTION... -- NAME...: a night of these in DIRECTORY, which has one at most. Sets summary.
night() {
    local directory=$1 options=() set seconds before
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    mkdir -p "$directory"
    set=$directory/set.json
    before=$(find "$directory" -mindepth 2 -maxdepth 2 -name night.json -printf '%h\n' | head -n 1)
    summary=$before/summary.json
    [ -z "$before" ] || [ ! -e "$summary" ] || return 0
    if [ -n "$before" ] && "$program" run --resume "$before" --quiet >"$directory/log" 2>&1; then return; fi
    [ -z "$before" ] || [ ! -e "$summary" ] || return 0
    rm -rf "$directory"/2*
    printf '%s\n' "$@" | jq -R "\"$PWD/configs/torture/\" + . + \".json\"" |
        jq -s '{name: "soak", turn: "30s", set: {interval: "10s"}, scenarios: .}' >"$set"
    # A turn of each, and what starting and ending runs takes.
    seconds=$("$program" run "$set" --for 168h --dry-run "${options[@]}" 2>/dev/null | awk '
        NR > 1 { for (i = 4; i < NF; i++) sum += $i * ($(i + 1) == "s" ? 1 : $(i + 1) == "min" ? 60 : 0) }
        END { print int(1.12 * sum) + 1 }')
    "$program" run "$set" --for "${seconds}s" --seed "$seed" "${options[@]}" --out "$directory" \
        >"$directory/log" 2>&1 </dev/null
    summary=$(echo "$directory"/2*)/summary.json
}

verdict_of() { # NAME: in the summary
    jq -r --arg path "$PWD/configs/torture/$1.json" '.scenarios[] | select(.path == $path).verdict' "$summary" 2>/dev/null
}

# soak FENCE SETTING NAME...: with membarrier ("") or full fences; with these KVM is kicked by a signal mask.
soak() {
    local fence=$1 setting=$2 how=${2:-plain} report name again=()
    local -x STILLPOINT_FENCE=$1 STILLPOINT_KVM_KICK=${1:+signal-mask}
    shift 2
    [ $# -gt 0 ] || return
    [ $# -le $few ] || soak "$fence" "$setting" "${@:few+1}"
    set -- "${@:1:few}"
    report=$kept/${how//[=,]/-}${fence:+-fence-$fence}-from-$1
    if ! build "$setting"; then
        for name; do echo "not ok $name, ${setting:-as it is}: does not build"; done
        tail -n 20 "$kept/build.log" | sed 's/^/# /'
        return
    fi
    night "$report" -- "$@"
    for name; do
        [ "$(verdict_of "$name")" != inconclusive ] || again+=("$name")
    done
    for name; do
        # Many runs may be too short for what is required when they share a turn: each as long as that.
        case " ${again[*]} " in *" $name "*) continue ;; esac
        tell "$name" "$setting" "$fence" "$report"
    done
    [ ${#again[@]} -gt 0 ] || return
    night "$report-longer" --duration 30s -- "${again[@]}"
    for name in "${again[@]}"; do tell "$name" "$setting" "$fence" "$report-longer"; done
}

tell() { # NAME SETTING FENCE REPORT
    local verdict
    verdict=$(verdict_of "$1")
    case $verdict in
    pass | measured) echo "ok $1, ${2:-as it is}${3:+, with full fences}" ;;
    skipped) echo "ok $1, ${2:-as it is}${3:+, with full fences} # skip nothing of it could run here" ;;
    *)
        echo "not ok $1, ${2:-as it is}${3:+, with full fences}: ${verdict:-no summary}"
        tail -n 40 "$4/log" | sed 's/^/# /'
        echo "# results in $4"
        ;;
    esac
}

# of FENCE SETTING NAME...: those for which the seed chooses this fence with this build.
of() {
    local name chosen
    for name in "${@:3}"; do
        chosen=
        [ "$(choose "$name ${2:-plain} fence" 2)" = 0 ] || chosen=full
        [ "$chosen" != "$1" ] || echo "$name"
    done
}

both_fences() { # SETTING NAME...
    # shellcheck disable=SC2046
    soak '' "$1" $(of '' "$@")
    # shellcheck disable=SC2046
    soak full "$1" $(of full "$@")
}

chosen_for() { # SETTING WORD OF NUMBER: those scenarios for which the seed chooses this number
    local name chosen=()
    for name in "${names[@]}"; do
        [ "$(choose "$name $2" "$3")" != "$4" ] || chosen+=("$name")
    done
    [ ${#chosen[@]} -eq 0 ] || both_fences "$1" "${chosen[@]}"
}

# Build by build, and the plain one first, so that what is found at all is found early.
{
    both_fences '' "${names[@]}"
    for ((i = 0; i < ${#sanitizers[@]}; i++)); do chosen_for "${sanitizers[i]}" sanitizer ${#sanitizers[@]} "$i"; done
    for ((i = 0; i < ${#sometimes[@]}; i++)); do chosen_for "${sometimes[i]}" build $((2 * ${#sometimes[@]})) "$i"; done
} | tee "$kept/tap"
! grep -q '^not ok' "$kept/tap"
