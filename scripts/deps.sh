#!/bin/sh
# Makes sure that the packages this program needs are there: `scripts/deps.sh run`, or `check` for
# the tests as well. Says nothing and touches no network when nothing is missing. As root, or with
# sudo that asks for no password, it installs what is; otherwise it prints the command and exits 64.
#
# This is the only list of packages. Columns: group, package, why.
packages='
build  gcc                 compiles everything
build  make                builds
build  libc6-dev           C library headers
build  pkg-config          finds the libraries
build  libjansson-dev      scenarios and results are JSON
build  libhwloc-dev        topology, placement of threads
build  libnuma-dev         placement of memory
build  libunwind-dev       stacks of all threads when one stalls
build  liburcu-dev         the peer: flavor urcu-memb
run    gnuplot-nox         pictures of a result
run    fonts-dejavu-core   their letters: without a font gnuplot draws none, and says nothing
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
'

case "${1-run}" in
run) groups='build|run' ;;
check) groups='build|run|check' ;;
*)
    echo "usage: scripts/deps.sh [run|check]" >&2
    exit 64
    ;;
esac
wanted=$(printf '%s' "$packages" | awk -v groups="^($groups)\$" '$1 ~ groups { print $2 }')

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not Debian, so nothing is installed for you. Needed, by their Debian names:" >&2
    printf '%s' "$packages" | awk -v groups="^($groups)\$" '$1 ~ groups' | sed 's/^[a-z]* */  /' >&2
    exit 0
fi

# A package that another one provides counts as well (pkg-config is pkgconf's on newer systems).
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}, \n' 2>/dev/null |
    sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -d '\n' | tr -s ', ' '  ') "
missing=
for package in $wanted; do
    case "$installed" in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        echo "These packages are missing. Type this, then try again:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 64
    fi
fi
echo "installing:$missing" >&2
$as_root apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >&2 && exit 0
echo "apt-get could not install:$missing" >&2
exit 64
