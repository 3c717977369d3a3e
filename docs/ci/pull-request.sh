#!/bin/bash
# A pull request's job: is this tree slower than what it is to be merged into?
#
#   docs/ci/pull-request.sh TARGET [DIR]
#
# TARGET: the branch it goes to, as origin/main; compared is with where this tree left it. DIR (stillpoint-ci) gets
# summary.md, the picture and the results of both. SCENARIO and PAIRS are those of `make compare`.
# Exit code: 0, nothing regressed; 3, something did; 2, nothing could be decided, which is no success; others as
# `make compare` has them.
set -u
target=${1:?usage: docs/ci/pull-request.sh TARGET [DIR]} out=${2:-stillpoint-ci}
cd "$(dirname "$0")/../.." || exit 70
if ! base=$(git merge-base "$target" HEAD); then
    echo "pull-request.sh: $target and this tree have no common commit; is the clone a shallow one?" >&2
    exit 64
fi
mkdir -p "$out" || exit 70
scripts/compare.sh -o "$out" "$base" "${SCENARIO:-}" "${PAIRS:-}"
code=$?
case $code in
0 | 2 | 3)
    {
        echo "### Against ${base:0:12}"
        echo
        build/stillpoint compare "$out/base" "$out/new" --anyway --format markdown
        [ $code -ne 2 ] || printf '\n**Nothing could be decided: this run measured nothing.**\n'
    } >"$out/summary.md"
    ;;
*) echo "**The comparison failed, exit code $code.**" >"$out/summary.md" ;;
esac
exit $code
