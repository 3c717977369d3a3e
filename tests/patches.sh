#!/bin/bash
# Every seeded fault must apply to lib/ as it is, without fuzz, and each of its hunks must match one place of
# its file: with one line of context a second match could be in another function.
# `tests/patches.sh [NAME...]` names those that do not; it builds nothing.
set -u
cd "$(dirname "$0")/.." || exit 70

names=("$@")
[ ${#names[@]} -gt 0 ] || for patch in torture/faults/*.patch; do
    names+=("$(basename "$patch" .patch)")
done

# For each hunk that matches another number of places than one, in the files before the patch.
matches() { # PATCH
    awk '
        function finish() {
            if (old == "" || !file) return
            if (!(file in text)) {
                text[file] = "\n"
                while ((getline line <file) > 0) text[file] = text[file] line "\n"
                close(file)
            }
            rest = text[file]
            for (count = 0; (at = index(rest, "\n" old)) > 0; count++) rest = substr(rest, at + 1)
            if (count != 1) print "hunk " where " of " file " matches " count " places"
        }
        /^--- / { finish(); old = ""; file = ""; next }
        /^\+\+\+ b\// { file = $2; sub(/^b\//, "", file); next }
        /^@@/ { finish(); old = ""; where = $2; next }
        file && /^[ -]/ { old = old substr($0, 2) "\n" }
        END { finish() }' "$1"
}

status=0
for name in "${names[@]}"; do
    patch=torture/faults/$name.patch
    wrong=$(matches "$patch")
    said=$(patch -s -p1 -F0 --dry-run <"$patch" 2>&1) || wrong="$said"$'\n'"$wrong"
    [ -z "$wrong" ] || { echo "$patch:" && echo "$wrong" && status=1; }
done
exit $status
