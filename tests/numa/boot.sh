#!/bin/bash
# Boots a machine, and judges what became of it: `tests/numa/boot.sh LAYOUT DIRECTORY SECONDS [CHECK...]`; prints the
# TAP of the guest, and the end of its console where anything is wrong with the boot itself.
#
# In DIRECTORY are initramfs, and then console, port (all that the second serial port sent) and kept (the files of
# failures). A boot is good only when all agree: the guest has ended the machine itself, through the debug-exit device;
# its last line says how many checks passed and failed, as its TAP does; both sums are right.
#
# Environment: KERNEL, the kernel's file.
# Variables are named by the layout.
# shellcheck disable=SC2034,SC2054
set -u
layout=$1 directory=$2 limit=$3
shift 3
cd "$(dirname "$0")/../.." || exit 70

# ---- The machine ---------------------------------------------------------------------------------

# Sockets are nodes, each with 256 MB; but in "odd" node 1 has no memory, node 2 has two of the sockets, and node 3 no
# CPU. No node has two others that are equally far away, and the farthest is not the one half-way round.
smp_four=16,sockets=4,cores=2,threads=2
nodes_four='0,cpus=0-3,memdev=m0 1,cpus=4-7,memdev=m1 2,cpus=8-11,memdev=m2 3,cpus=12-15,memdev=m3'
far_four='0,1,16 0,2,22 0,3,28 1,2,28 1,3,22 2,3,16'
smp_odd=$smp_four
nodes_odd='0,cpus=0-3,memdev=m0 1,cpus=4-7 2,cpus=8-15,memdev=m2 3,memdev=m3'
far_odd='0,1,16 0,2,22 0,3,28 1,2,30 1,3,20 2,3,18'
smp_wide=64,sockets=4,cores=8,threads=2
nodes_wide='0,cpus=0-15,memdev=m0 1,cpus=16-31,memdev=m1 2,cpus=32-47,memdev=m2 3,cpus=48-63,memdev=m3'
far_wide=$far_four
smp_one=1
nodes_one='0,cpus=0,memdev=m0'
far_one=

machine() { # sets arguments
    local smp=smp_$layout nodes=nodes_$layout far=far_$layout node from to value megabytes=0
    # Of AMD's CPUs, which "max" are by default, QEMU shows a guest no threads.
    arguments=(-machine q35 -accel tcg,thread=single -cpu max,vendor=GenuineIntel -smp "${!smp}"
        -nodefaults -no-user-config -display none -no-reboot
        -chardev "file,id=console,append=on,path=$directory/console" -serial chardev:console
        -chardev "file,id=port,path=$directory/port" -serial chardev:port
        -device isa-debug-exit,iobase=0xf4,iosize=1)
    for node in ${!nodes}; do
        arguments+=(-numa "node,nodeid=$node")
        [[ $node == *memdev=* ]] || continue
        arguments+=(-object "memory-backend-ram,id=${node#*memdev=},size=256M")
        megabytes=$((megabytes + 256))
    done
    for node in ${!far}; do
        IFS=, read -r from to value <<<"$node"
        arguments+=(-numa "dist,src=$from,dst=$to,val=$value")
    done
    arguments+=(-m "$megabytes")
}

# ---- What became of it ---------------------------------------------------------------------------

passed_code=33 failed_code=35

# What is wrong with the boot, or nothing.
what_is_wrong() { # CODE
    local passed failed planned said kept last
    last=$(tail -n 1 "$directory/port" | tr -d '\r')
    said=$(sed -n 's/^=== said //p' "$directory/port") kept=$(sed -n 's/^=== kept //p' "$directory/port")
    passed=$(grep -c '^ok ' "$directory/tap") failed=$(grep -c '^not ok ' "$directory/tap")
    planned=$(sed -n 's/^1\.\.//p' "$directory/tap")
    if [ "$1" -eq 124 ] || [ "$1" -eq 137 ]; then
        echo "the guest did not end within $limit s"
    elif grep -q 'Kernel panic' "$directory/console"; then
        echo 'the kernel of the guest panicked'
    elif [ "$1" -ne $passed_code ] && [ "$1" -ne $failed_code ]; then
        echo "QEMU ended with code $1, and not by the guest's hand ($passed_code, $failed_code)"
    elif [ "$last" != "=== end $passed $failed" ]; then
        echo "the guest said $passed passed and $failed failed, and at its end \"$last\""
    elif [ "$said" != "$(sha256sum <"$directory/tap" | cut -d ' ' -f 1)" ]; then
        echo 'some of what the guest said is lost'
    elif [ "$kept" != "$(sha256sum <"$directory/kept.tar.gz" | cut -d ' ' -f 1)" ]; then
        echo 'some of the files that the guest kept is lost'
    elif [ "$failed" -eq 0 ] && [ "$1" -ne $passed_code ]; then
        echo "no check failed, and QEMU ended with code $1"
    elif [ "$failed" -ne 0 ] && [ "$1" -ne $failed_code ]; then
        echo "$failed checks failed, and QEMU ended with code $1"
    elif [ "$((passed + failed))" != "$planned" ]; then
        echo "of ${planned:-no} checks $((passed + failed)) were run"
    fi
}

judge() { # CODE SECONDS
    local wrong
    sed '/^=== /,$d' "$directory/port" >"$directory/tap"
    sed '1,/^=== said /d; /^=== /,$d' "$directory/port" | base64 -d >"$directory/kept.tar.gz" 2>/dev/null
    wrong=$(what_is_wrong "$1")
    grep -E '^(ok|not ok|#)' "$directory/tap" | sed -E "s/^(ok|not ok) /&numa $layout: /"
    if [ -n "$wrong" ]; then
        echo "not ok numa $layout: $wrong"
        tail -n 40 "$directory/console" | tr -d '\r' | sed 's/^/# /'
        echo "# all of it: $directory/console"
        return 1
    fi
    echo "# $layout: $2 s"
    if grep -q '^not ok ' "$directory/tap"; then
        mkdir -p "$directory/kept" && tar -xz -C "$directory/kept" -f "$directory/kept.tar.gz"
        echo "# results of these: $directory/kept"
        return 1
    fi
}

checks=$(IFS=,; echo "$*")
rm -rf "$directory"/{console,port,tap,kept,kept.tar.gz}
touch "$directory"/{console,port}
machine
started=$EPOCHREALTIME
# no_timer_check: where QEMU gets no CPU for long enough, the kernel misses ticks of a timer that it tests, and panics.
timeout -k 5 "$limit" qemu-system-x86_64 "${arguments[@]}" -kernel "$KERNEL" -initrd "$directory/initramfs" \
    -append "console=ttyS0 panic=-1 quiet no_timer_check random.trust_cpu=on stillpoint.numa=$layout${checks:+ stillpoint.checks=$checks}" \
    >>"$directory/console" 2>&1 </dev/null
code=$?
judge $code "$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $started }")"
