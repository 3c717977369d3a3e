#!/bin/bash
# Tortures for long: each scenario of configs/torture/ gets 30 s with each build, which its points share.
# `tests/soak.sh [NAME...]`; prints TAP.
#
# Each must pass, with everything that it requires reached. The builds are the plain one, one for each kind
# of sanitizer, and one more that SEED chooses; for each of them SEED chooses between membarrier and full
# fences, and it is the seed of the runs. In $KEPT/soak-SEED results are kept, and what passed there is not
# run again.
set -u
cd "$(dirname "$0")/.." || exit 70
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
# By itself it keeps nothing for another time: the tree may have changed.
kept=${KEPT:-$(mktemp -d)}/soak-$seed
mkdir -p "$kept" && kept=$(cd "$kept" && pwd) || exit 70
unset MAKEFLAGS MFLAGS MAKELEVEL STILLPOINT_RUNNERS
echo "# seed $seed"

always=('' 'SANITIZE=address,undefined' 'SANITIZE=thread')
sometimes=(DEBUG=1 PORTABLE=1 TWO_PHASE=1 CC=clang)

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

torture() { # SCENARIO OUT DURATION
    "$program" run "$1" --seed "$seed" --duration "$3" --progress none --out "$2"
}

soak() { # NAME [SETTING]
    local scenario=configs/torture/$1.json how=${2:-plain} fence='' test report points status
    [ "$(choose "$1 $how fence" 2)" = 0 ] || fence=full
    test="30 s of $1, ${2:-as it is}${fence:+, with full fences}"
    report=$kept/$1-${how//[=,]/-}
    if [ -e "$report.passed" ]; then
        cat "$report.passed"
        return
    fi
    if ! build "${2-}"; then
        echo "not ok $test: ${2:-it} does not build"
        tail -n 20 "$kept/build.log" | sed 's/^/# /'
        return
    fi
    points=$("$program" run "$scenario" --dry-run 2>/dev/null | sed -n '1s/ .*//p')
    rm -rf "$report"
    STILLPOINT_FENCE=$fence torture "$scenario" "$report" "$((30000 / ${points:-1}))ms" >"$report.log" 2>&1 </dev/null
    status=$?
    # So many points that their shares were too short to reach what is required: for each as long as for one.
    if [ $status -eq 2 ] && [ "${points:-1}" -gt 1 ]; then
        STILLPOINT_FENCE=$fence torture "$scenario" "$report" 30s >"$report.log" 2>&1 </dev/null
        status=$?
        test+=' a point'
    fi
    if [ $status -eq 0 ]; then
        echo "ok $test" | tee "$report.passed"
    else
        echo "not ok $test"
        tail -n 40 "$report.log" | sed 's/^/# /'
        echo "# exit code $status; results in $report"
    fi
}

# Build by build, and the plain one first, so that what is found at all is found early.
{
    for how in "${always[@]}"; do
        for name in "${names[@]}"; do soak "$name" "$how"; done
    done
    for ((i = 0; i < ${#sometimes[@]}; i++)); do
        for name in "${names[@]}"; do
            [ "$(choose "$name build" ${#sometimes[@]})" != $i ] || soak "$name" "${sometimes[i]}"
        done
    done
} | tee "$kept/tap"
! grep -q '^not ok' "$kept/tap"
