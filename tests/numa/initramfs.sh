#!/bin/bash
# What the guest runs, for any kernel: `tests/numa/initramfs.sh FILE`.
#
# Busybox, the shell and jq of this system, the program with its runner, what counts interrupts, the suite, the scenarios of configs/torture/,
# and the libraries that all these load.
#
# Environment: BUILD, where the program is.
set -eu
file=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
build=$(realpath "${BUILD:-build}")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

put() { # FILE PLACE
    install -D "$1" "$root/$2"
    # A static program loads none.
    { ldd "$1" 2>/dev/null || :; } | grep -o '/[^ ]*' | while read -r library; do
        [ -e "$root/$library" ] || install -D "$library" "$root/$library"
    done
}

here=stillpoint
put "$(command -v busybox)" bin/busybox
put /bin/bash bin/bash
put "$(command -v jq)" bin/jq
put "$build/stillpoint" "$here/build/stillpoint"
put "$build/runner-stillpoint" "$here/build/runner-stillpoint"
[ ! -e "$build/tests/test_thread_memory" ] || put "$build/tests/test_thread_memory" "$here/build/tests/test_thread_memory"
put tests/numa/init init
put tests/numa/suite.sh "$here/tests/numa/suite.sh"
put tests/numa/runs.sh "$here/tests/numa/runs.sh"
mkdir -p "$root/$here/configs" "$root/$here/build/numa"
cp -r configs/torture "$root/$here/configs"
compile() { # SOURCE [LIBRARY]
    ${CC-gcc} -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -pthread -Ilib/include \
        -o "$root/$here/build/numa/$(basename "$1" .c)" "$@"
}
compile tests/numa/tasks.c
compile tests/numa/leave.c
compile tests/programs/interrupts.c "$build/libstillpoint.a"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$file"
