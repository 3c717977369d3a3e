#!/bin/sh
# Makes sure that the packages this program needs are there: `scripts/deps.sh run`, `check` for the
# tests as well, `numa` for those too that boot a machine, `full` for those also that need another C library or
# compiler, or `count` for `make scaling`. Says nothing and touches no network when nothing is missing. As root, or
# with sudo that asks for no password, it installs what is; otherwise it prints the command and exits 64.
#
# This is the only list of packages. Columns: group, package, why. Groups with a `?` are wanted, not
# needed: without what this system does not have a flavor or a picture is left out, and tests are skipped.
# `i386` and `kernel` are not installed but unpacked in build/: neither another architecture nor another kernel is
# for us to add to a system. So is `arm64`, with all that it needs, since cross compilers and gcc-multilib exclude
# each other.
packages='
build  gcc                 compiles everything
build  make                builds
build  libc6-dev           C library headers
build  pkg-config          finds the libraries
build  libjansson-dev      scenarios and results are JSON
build  libhwloc-dev        topology, placement of threads
build  libnuma-dev         placement of memory
build  libunwind-dev       stacks of all threads when one stalls
build  libdw-dev           lines of the sources in these
build  libsqlite3-dev      the database of `history`
build  liburcu-dev         the peers: flavors urcu-memb, urcu-mb, urcu-qsbr, urcu-bp
build? libck-dev           the peers: flavors ck-epoch and ck-hp
run    gnuplot-nox         pictures of a result
run    fonts-dejavu-core   their letters: without a font gnuplot draws none, and says nothing
run?   hwloc-nox           its lstopo draws the machine with who is where
check  git                 commit of the build in each result; faults
check  patch               seeded faults are patches
check  check               unit tests
check  bats                tests of the command line
check  procps              bats needs its ps for time limits
check  jq                  reads results in those tests
check  python3-jsonschema  results and scenarios against their schemas
check  clang               the second compiler
check  clang-format        formatting is checked
check  clang-tidy          static analysis
check  cppcheck            static analysis
check? gcc-multilib        the library in 32 bits
check? python3-scipy       its bootstrap and tests, against those of budgets and of compare
check? g++             public headers in C++
check? libevent-dev    an event loop beside the library
check? valgrind        what the library leaves behind
check? spin                model checking of the vCPU protocols
full?  musl-tools             the library over another C library
full?  qemu-user              its tests for another machine
arm64  gcc-aarch64-linux-gnu  compiles them
arm64  libc6-dev-arm64-cross  with this C library
i386   check               its tests in 32 bits
i386   libsubunit-dev      which Check needs
count  valgrind            counts instructions and cache lines, for docs/scaling.md
numa?  qemu-system-x86     a machine of four nodes
numa?  busybox-static      the system in it
numa?  cpio                packs that
kernel linux-image-cloud-amd64  its kernel, by the package that this one depends on
'

cd "$(dirname "$0")/.." || exit 70
case "${1-run}" in
run) groups='build|run' ;;
check) groups='build|run|check' ;;
numa) groups='build|run|check|numa' ;;
full) groups='build|run|check|numa|full' ;;
count) groups='build|count' ;;
*)
    echo "usage: scripts/deps.sh [run|check|numa|full|count]" >&2
    exit 64
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not Debian, so nothing is installed for you. Needed, by their Debian names:" >&2
    printf '%s' "$packages" | awk -v groups="^($groups)\$" '$1 ~ groups' | sed 's/^[a-z]* */  /' >&2
    exit 0
fi

of_groups() { printf '%s' "$packages" | awk -v groups="^($1)\$" '$1 ~ groups { print $2 }'; }

# A package that another one provides counts as well (pkg-config is pkgconf's on newer systems).
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}, \n' 2>/dev/null |
    sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -d '\n' | tr -s ', ' '  ') "
# Both have lstopo, and exclude each other.
case "$installed" in *' hwloc '*) installed="$installed hwloc-nox " ;; esac
missing_of() { # GROUPS: the packages that are not installed, a space before each
    for package in $(of_groups "$1"); do
        case "$installed" in
        *" $package "*) ;;
        *) printf ' %s' "$package" ;;
        esac
    done
}

as_root=
may_install() {
    [ "$(id -u)" -ne 0 ] || return 0
    as_root='sudo -n'
    command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null
}
install() { # [OPTION...] PACKAGE...
    echo "installing: $*" >&2
    $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >&2
}

missing=$(missing_of "$groups")
if [ -n "$missing" ]; then
    if ! may_install; then
        echo "These packages are missing. Type this, then try again:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 64
    fi
    # shellcheck disable=SC2086
    if ! install $missing; then
        echo "apt-get could not install:$missing" >&2
        exit 64
    fi
fi

# Each alone, and not at the price of another package: gcc-multilib and cross compilers exclude each other.
for package in $(missing_of "($groups)[?]"); do
    if apt-cache show "$package" >/dev/null 2>&1 && may_install; then
        install --no-remove "$package" || echo "goes on without: $package" >&2
    fi
done
[ "${1-run}" != run ] || exit 0

# Calls FUNCTION in a directory, with options by which apt keeps its state there: needs no root. What it gets is
# from the mirrors of this system, whose keys sign it.
with_own_apt() ( # DIRECTORY ARCHITECTURE FUNCTION
    rm -rf "$1"/apt "$1"/*.deb # of a time that was interrupted
    mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" && cd "$1" || exit
    function=$3
    : >apt/status
    set -- -qq -o APT::Architecture="$2" -o APT::Architectures="$2" -o Acquire::Languages=none \
        -o Dir::State="$PWD/apt" -o Dir::State::status="$PWD/apt/status" -o Dir::Cache="$PWD/apt"
    apt-get "$@" update # fails when one source of many has no such architecture
    "$function" "$@"
    status=$?
    rm -rf apt ./*.deb
    exit $status
)

unpack_i386() { # APT_OPTION...
    # shellcheck disable=SC2046
    apt-get "$@" download $(of_groups i386) || return
    for package in *.deb; do
        dpkg -x "$package" . || return
    done
}

directory=usr/lib/i386-linux-gnu
if [ -e /usr/lib32/libc.so ] && [ ! -e /$directory/libcheck_pic.a ] &&
    [ ! -e build/i386/$directory/libcheck_pic.a ]; then
    echo "unpacking in build/i386: $(of_groups i386 | tr '\n' ' ')" >&2
    with_own_apt build/i386 i386 unpack_i386 >/dev/null 2>&1 || echo "goes on without Check for 32 bits" >&2
fi
case $1 in numa | full) ;; *) exit 0 ;; esac

# The kernel alone: its modules are for machines that have more.
unpack_kernel() { # APT_OPTION...
    package=$(apt-cache "$@" depends "$(of_groups kernel)" | sed -n 's/^ *Depends: //p' | head -n 1)
    apt-get "$@" download "$package" &&
        dpkg --fsys-tarfile ./*.deb | tar -x -C apt --wildcards './boot/vmlinuz-*' &&
        mv apt/boot .
}

if [ "$(uname -m)" = x86_64 ] && [ -z "$(find build/numa/boot -name 'vmlinuz-*' 2>/dev/null)" ]; then
    echo "unpacking in build/numa: the kernel of $(of_groups kernel)" >&2
    with_own_apt build/numa amd64 unpack_kernel >/dev/null 2>&1 || echo "goes on without that kernel" >&2
fi
[ "$1" = full ] || exit 0

# With what they depend on that the system does not have. The C library tells linkers where it would be installed.
unpack_arm64() { # APT_OPTION...
    # shellcheck disable=SC2046
    apt-get "$@" download $(apt-get "$@" -o Dir::State::status=/var/lib/dpkg/status \
        -s install --no-install-recommends $(of_groups arm64) | sed -n 's/^Inst \([^ ]*\).*/\1/p') || return
    for package in *.deb; do
        dpkg -x "$package" . || return
    done
    sed -i 's|/usr/aarch64-linux-gnu/lib/||g' usr/aarch64-linux-gnu/lib/libc.so
}

if [ "$(uname -m)" = x86_64 ] && ! command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 &&
    [ ! -e build/arm64/usr/aarch64-linux-gnu/include/linux ]; then # which is unpacked last
    echo "unpacking in build/arm64: $(of_groups arm64 | tr '\n' ' ')" >&2
    with_own_apt build/arm64 amd64 unpack_arm64 >/dev/null 2>&1 || echo "goes on without that compiler" >&2
fi
exit 0
