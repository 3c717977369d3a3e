#!/bin/bash
# What comparisons are worth, live: five of this tree with itself, and five of it with a build that polls for the end of a
# grace period every 12 ms and not every 10, which makes gp.wait under the policy `poll` a fifth longer.
#
#   scripts/controls.sh [-n COMPARISONS] DIR
#
# Each takes five minutes. DIR keeps them, and what is there is not run again, at the same commit. Written as Markdown. Exit code: 0 when no
# metric of the same build was called another, and gp.wait was found regressed each time; 1 otherwise; 64, 70: as
# scripts/compare.sh has them.
set -u
cd "$(dirname "$0")/.." || exit 70
root=$PWD count=5
usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 64
}
if [ "${1-}" = -n ]; then
    [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage
    count=$2
    shift 2
fi
if [ $# -ne 1 ] || [[ $1 = -* ]]; then usage; fi
mkdir -p "$1" && kept=$(cd "$1" && pwd) || exit 64
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo 'scripts/controls.sh: the tree has changes: commit them, so that both builds have them' >&2
    exit 64
fi

# The other build is this commit, with the change, in a work tree of its own.
other=$root/build/compare/polls-slowly
commit=$(git rev-parse HEAD) || exit 70
if [ -e "$kept/commit" ] && [ "$(cat "$kept/commit")" != "$commit" ]; then
    echo "scripts/controls.sh: $1: has comparisons of $(cat "$kept/commit"): choose another directory" >&2
    exit 64
fi
echo "$commit" >"$kept/commit"
if [ "$(git -C "$other" rev-parse HEAD 2>/dev/null)" != "$commit" ]; then
    git worktree remove --force "$other" 2>/dev/null
    git worktree prune
    git worktree add --quiet --detach "$other" "$commit" || exit 70
    sed -i 's/ROW(poll_interval_ns, 10 \*/ROW(poll_interval_ns, 12 */' "$other/lib/rcu/settings.h"
    [ -n "$(git -C "$other" status --porcelain)" ] || {
        echo 'scripts/controls.sh: lib/rcu/settings.h has no such row: poll_interval_ns, 10 ms' >&2
        exit 70
    }
fi

compare() { # TREE NAME
    [ -e "$kept/$2/comparison.json" ] && return
    rm -rf "${kept:?}/$2"
    "$1/scripts/compare.sh" -o "$kept/$2" "$commit" configs/bench/compare.json 17 >"$kept/$2.log" 2>&1
    case $? in
    0 | 2 | 3) ;;
    *)
        cat "$kept/$2.log" >&2
        exit 70
        ;;
    esac
    build/stillpoint compare "$kept/$2/base" "$kept/$2/new" --anyway --format json >"$kept/$2/unfinished"
    case $? in
    0 | 2 | 3) ;;
    *) exit 70 ;;
    esac
    mv "$kept/$2/unfinished" "$kept/$2/comparison.json"
}

code=0
printf '| comparison | regressed | improved | equivalent | inconclusive |\n| --- | --- | --- | ---: | ---: |\n'
row() { # NAME TEXT
    jq -r --arg text "$2" 'def of(v): [.metrics[] | select(.verdict == v)];
        def names(v): of(v) | map("\(.metric) (\(.label))") | join(", ");
        "| \($text) | \(names("regressed")) | \(names("improved")) | \(of("equivalent") | length) | \(of("inconclusive") | length) |"' \
        "$kept/$1/comparison.json"
}
for ((i = 1; i <= count; i++)); do
    compare "$root" "same-$i"
    row "same-$i" "the same build, $i"
    jq -e '[.metrics[].verdict] | any(. == "regressed" or . == "improved") | not' "$kept/same-$i/comparison.json" \
        >"$kept/log" || code=1
    compare "$other" "other-$i"
    row "other-$i" "naps of 12 ms, $i"
    jq -e '.metrics[] | select(.metric == "gp.wait.p50" and (.label | test("poll"))).verdict == "regressed"' \
        "$kept/other-$i/comparison.json" >"$kept/log" || code=1
done
rm -f "$kept/log"
exit $code
