#!/bin/bash
# Builds another revision beside this tree, runs both by turns, and compares them.
#
#   scripts/compare.sh [-o DIR] BASE [SCENARIO [PAIRS [aa]]]
#
# BASE: a revision of this repository. SCENARIO: configs/bench/compare.json; PAIRS: 13, of which the first is
# dropped. With aa BASE is run twice in each turn, which shows how much two runs of the same build differ.
# Results go to DIR/{base,new,same}; DIR: results/compare-TIME. Exit code: that of `stillpoint compare`; 64, usage; 70, it
# does not build.
set -u
cd "$(dirname "$0")/.." || exit 70
root=$PWD
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES STILLPOINT_RUNNERS

refuse() {
    echo "make compare: $1" >&2
    exit 64
}
out=
if [ "${1-}" = -o ]; then
    [ -n "${2-}" ] || refuse '-o: expected a directory'
    out=$2
    shift 2
fi
base=${1-} scenario=${2:-configs/bench/compare.json} pairs=${3:-13} aa=
case ${4-} in '' | 0 | no) ;; *) aa=same ;; esac
[ -n "$base" ] || refuse 'which revision? BASE=HEAD~1, BASE=main, BASE=v1.0'
commit=$(git rev-parse --quiet --verify "$base^{commit}") ||
    refuse "BASE=$base: is no revision of this repository; \`git log\` lists them"
[[ $pairs =~ ^[1-9][0-9]*$ ]] || refuse "PAIRS=$pairs: expected a number, 10 or more"
scenario=$(realpath -e "$scenario") || exit 64

build_of() { echo "$1/$(make -s -C "$1" --eval='print: ; @echo $(BUILD)' print)"; } # TREE
# A work tree of its own, which stays: the next comparison with this revision builds nothing.
tree=$root/build/compare/${commit:0:12}
if [ ! -e "$tree/Makefile" ]; then
    git worktree prune
    git worktree add --quiet --detach --force "$tree" "$commit" || exit 70
fi
for side in "$tree" "$root"; do
    echo "building $(git -C "$side" describe --always --dirty)"
    if ! make -s -C "$side" all >"$root/build/compare/build.log" 2>&1; then
        tail -n 20 "$root/build/compare/build.log" >&2
        echo "make compare: $side does not build; all of it is in build/compare/build.log" >&2
        exit 70
    fi
done
declare -A program=([base]=$(build_of "$tree")/stillpoint [new]=$(build_of "$root")/stillpoint)
program[same]=${program[base]}

out=${out:-results/compare-$(date -u +%Y%m%dT%H%M%SZ)}
mkdir -p "$out" || exit 64
if [ -e "$out/base" ] || [ -e "$out/new" ]; then refuse "$out: has results of a comparison; choose another directory"; fi
# A run that was interrupted has ended well, and would count.
trap 'exit 130' INT TERM HUP
# Each stands as often before the others as behind them.
turn() { # NUMBER
    local order="base $aa new"
    [ $(($1 % 2)) -eq 1 ] || order="new $aa base"
    for side in $order; do
        "${program[$side]}" run "$scenario" --seed "$1" --out "$out/$side" --quiet --no-plot >"$out/log" 2>&1 </dev/null
        case $? in
        0 | 2 | 3) ;;
        *)
            cat "$out/log" >&2
            echo "make compare: a run of $side failed; its results are in $out/$side" >&2
            return 70
            ;;
        esac
    done
}
for ((i = 1; i <= pairs; i++)); do
    [ ! -t 1 ] || printf '\rpair %d of %d ' "$i" "$pairs"
    turn "$i" || exit
done
[ ! -t 1 ] || printf '\r\033[K'
rm -f "$out/log"
# The scenario is one file; an option that only one of them has is a difference all the same.
"${program[new]}" compare "$out/base" "$out/new" ${aa:+--aa "$out/same"} --anyway --plot "$out"
code=$?
echo "results in $out"
exit $code
