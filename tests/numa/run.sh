#!/bin/bash
# What placement and the rest do on 16 CPUs and 4 nodes, on any machine: boots such machines under QEMU and runs
# tests/numa/suite.sh in them. `tests/numa/run.sh [--short] [LAYOUT [CHECK...]]`; prints TAP.
#
# --short: what make check has time for. QEMU translates here, on one thread: accelerators fail on some nested hosts.
#
# Environment: BUILD, where the program is.
# shellcheck disable=SC2001
set -u
cd "$(dirname "$0")/../.." || exit 70
export BUILD=${BUILD:-build}
short=
[ "${1-}" != --short ] || { short=1 && shift; }

# What is missing, and whose package it is; silent when nothing is.
why_not() {
    local tool
    [ "$(uname -m)" = x86_64 ] || { echo 'the guest runs programs for x86_64' && return; }
    for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio; do
        command -v "${tool%:*}" >/dev/null || { echo "${tool%:*} is missing: package ${tool#*:}, or scripts/deps.sh numa" && return; }
    done
    [ -n "$KERNEL" ] || echo 'there is no kernel in build/numa: scripts/deps.sh numa unpacks one (linux-image-cloud-amd64)'
}
KERNEL=$(find build/numa/boot -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
export KERNEL

reason=$(why_not)
if [ -n "$reason" ]; then
    echo "ok numa: machines of four nodes # skip $reason"
    exit 0
fi

directory=$BUILD/numa/guest
mkdir -p "$directory" && tests/numa/initramfs.sh "$directory/initramfs" || exit
boot() { tests/numa/boot.sh "$1" "$directory" "${@:2}" || bad=1; }

# A boot that must be found bad, as WORDS say.
expect_bad() { # CHECK SECONDS WORDS
    local said
    said=$(tests/numa/boot.sh four "$directory" "$2" "$1")
    if [[ $said == *"not ok numa four: $3"*$'\n# '* ]]; then
        echo "ok numa: a guest told to $1 is a failure, and its console is shown"
    else
        echo "not ok numa: a guest told to $1 is a failure, and its console is shown"
        sed 's/^/# /' <<<"$said"
        bad=1
    fi
}

bad=0
if [ $# -gt 0 ]; then
    boot "$1" 1800 "${@:2}"
elif [ -n "$short" ]; then
    boot four 300 scatter memory_remote own_node
else
    boot four 1800
    boot odd 1200 scatter compact apart roles_numa roles_cpusets memory_local memory_remote memory_interleave \
        own_node
    boot wide 600 scatter compact
    boot one 600 none torture
    expect_bad panic 120 'the kernel of the guest panicked'
    expect_bad hang 40 'the guest did not end within 40 s'
fi
exit $bad
