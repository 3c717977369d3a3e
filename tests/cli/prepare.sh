#!/bin/bash
# Makes DIRECTORY a copy of the build in BUILD that tests may add flavors to, with one that is broken:
# `tests/cli/prepare.sh DIRECTORY`.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1"
cp -a "$BUILD"/{obj,flavor-null,harness.a,libstillpoint.a,stillpoint,flags,host-defines} "$BUILD"/runner-* "$1"
# What is copied is tested as it is, even when a source has become newer meanwhile. The flags must be those
# of the build, or make builds everything again.
make -s BUILD="$1" WERROR="$(grep -q -e -Werror "$BUILD/flags" && echo 1)" \
    -o "$1/harness.a" -o "$1/stillpoint" -o "$(echo "$1"/obj/torture/*/runner_main.o)" \
    flavor NAME=broken CFLAGS=-O1 HEADER="$PWD/tests/cli/broken.h"
