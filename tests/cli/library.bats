#!/usr/bin/env bats
# The library as it is installed, in programs of other people's: tests/programs/home.

setup_file() {
    export home=$BATS_FILE_TMPDIR/home
    unset MAKEFLAGS MFLAGS MAKELEVEL
    make -s -C "$ROOT" install-library BUILD="$BATS_FILE_TMPDIR/build" WERROR=1 PREFIX="$home" >&2
    export PKG_CONFIG_PATH=$home/lib/pkgconfig LD_LIBRARY_PATH=$home/lib
    # Their messages are tested, and not their cores.
    ulimit -c 0
}

setup() {
    programs=$ROOT/tests/programs/home
    cd "$BATS_TEST_TMPDIR"
}

# build OUT PACKAGE SOURCE... [-- OPTION...]: a program, or with -shared a plug-in, by what pkg-config says.
build() {
    local out=$1 package=$2 sources=()
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        sources+=("$1")
        shift
    done
    # shellcheck disable=SC2046
    gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -fPIC -pthread -o "$out" "${sources[@]}" "${@:2}" \
        $([ "$package" = none ] || pkg-config --cflags --libs "$package")
}

# The public ones, as they are included after "stillpoint/".
headers() {
    find "$home/include/stillpoint" -name '*.h' -printf '%P\n' | sort
}

# of_the_docs NAME [DOCUMENT]: the block after "<!-- tested: NAME -->".
of_the_docs() {
    awk -v mark="<!-- tested: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$ROOT/docs/${2-library.md}"
}

# dies_with MESSAGE COMMAND...: by abort(), with one line that has the message.
dies_with() {
    local message=$1
    shift
    run timeout 60 "$@"
    echo "$output"
    [ "$status" -eq 134 ]
    [ "$(grep -c '^stillpoint: ' <<<"$output")" -eq 1 ]
    [[ $output == *"$message"* ]]
}

@test "what is installed has no name for linkers but those of public headers" {
    nm -g --defined-only "$home/lib/libstillpoint.a" | awk 'NF == 3 { print $3 }' | sort >archive
    nm -D --defined-only "$home/lib/libstillpoint.so" | awk '$2 != "A" { print $3 }' |
        sed 's/@@STILLPOINT_[0-9]*$//' | sort >shared
    [ "$(wc -l <archive)" -gt 80 ]
    diff archive shared
    # By the preprocessor: some names are made by macros.
    printf '#include <stillpoint/%s>\n' $(headers) |
        gcc -E -P -x c -I"$home/include" - | grep -oE '\b[a-z_0-9]+\b' | sort -u >declared
    comm -23 archive declared >private
    cat private
    [ ! -s private ]
}

@test "an event loop of libevent's runs beside the library, archive or shared" {
    [ -e /usr/include/event2/event.h ] || skip 'libevent is not installed (Debian package libevent-dev)'
    local package
    for package in stillpoint stillpoint-shared; do
        build loop $package "$programs/loop.c" -- -levent
        run timeout 60 ./loop
        echo "$output"
        [ "$status" -eq 0 ]
        [ "$output" = '10 turns' ]
    done
}

@test "a plug-in with the library, archive or shared, comes and goes 1200 times" {
    local package
    build host none "$programs/host.c"
    build host-shared stillpoint-shared "$programs/host.c" -- -DUSES_RCU
    for package in stillpoint stillpoint-shared; do
        build plugin.so $package "$programs/plugin.c" -- -shared
        timeout 300 ./host ./plugin.so 1200
    done
    timeout 300 ./host-shared ./plugin.so 1200
}

@test "a plug-in that was linked by hand stays loaded as well" {
    gcc -std=gnu11 -O2 -fPIC -shared -pthread -I"$home/include" -o plugin.so "$programs/plugin.c" \
        "$home/lib/libstillpoint.a"
    build host none "$programs/host.c"
    timeout 60 ./host ./plugin.so 10
}

@test "a second copy of the library is refused, and both are named" {
    build host stillpoint "$programs/host.c" -- -DUSES_RCU
    build host-shared stillpoint-shared "$programs/host.c" -- -DUSES_RCU
    build plugin.so stillpoint "$programs/plugin.c" -- -shared
    build plugin-shared.so stillpoint-shared "$programs/plugin.c" -- -shared
    dies_with 'two copies of the library in one process: ./plugin.so has version' ./host ./plugin.so 1
    [[ $output == *' and the program has version '* ]]
    dies_with "libstillpoint.so.1 has version" ./host ./plugin-shared.so 1
    dies_with 'two copies of the library in one process: ./plugin.so has' ./host-shared ./plugin.so 1
}

@test "a plug-in that is unloaded with callbacks pending is diagnosed" {
    build host stillpoint-shared "$programs/host.c" -- -DUSES_RCU
    build plugin.so stillpoint-shared "$programs/plugin.c" -- -shared
    dies_with 'a plug-in was unloaded with callbacks pending; call rcu_barrier() before dlclose()' \
        ./host ./plugin.so 1 pending
}

@test "headers of another version, or for another build, are refused with both versions" {
    of_the_docs example.c >example.c
    build example stillpoint example.c -- -DSTILLPOINT_TWO_PHASE
    dies_with 'compiled with the headers of version 0.1.0 (layout 1, TWO_PHASE), and runs with the library of' ./example
    cp -r "$home/include" newer
    sed -i 's/STILLPOINT_LAYOUT_NUMBER 1/STILLPOINT_LAYOUT_NUMBER 2/; s/"0.1.0"/"0.9.0"/' newer/stillpoint/version.h
    build example stillpoint example.c -- -Inewer
    dies_with 'headers of version 0.9.0 (layout 2), and runs with the library of version 0.1.0 (layout 1)' ./example
}

@test "the example of the docs leaves nothing, by valgrind" {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    of_the_docs example.c >example.c
    build example stillpoint example.c
    run timeout 100 valgrind --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \
        --error-exitcode=9 ./example
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a program that is linked statically works" {
    of_the_docs example.c >example.c
    build example stillpoint example.c -- -static -Wno-error
    [ "$(timeout 60 ./example)" = read ]
}

@test "a program of 32 bits links with the archive" {
    echo 'int main(void) { return 0; }' | gcc -m32 -x c - -o empty && ./empty || skip 'gcc -m32 does not work here'
    make -s -C "$ROOT" library BUILD="$BATS_TEST_TMPDIR/build" WERROR=1 M32=1
    gcc -m32 -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-psabi -pthread -I"$home/include" -o headers \
        "$programs/headers.c" build/installed/libstillpoint.a
    timeout 60 ./headers
}

@test "ThreadSanitizer finds nothing in programs that are linked with stillpoint-tsan" {
    of_the_docs example.c >example.c
    build example stillpoint-tsan example.c -- -fsanitize=thread
    [ "$(timeout 100 ./example)" = read ]
    build shape stillpoint-tsan "$ROOT/tests/programs/rcutorture_shape.c" -- -fsanitize=thread \
        '-DRCU_HEADER=<stillpoint/rcu.h>'
    timeout 100 ./shape 300
}

@test "the public headers are C11, and C++17 and later, without a warning" {
    local compiler flags
    # shellcheck disable=SC2046
    flags="-Wall -Wextra -Wshadow -Werror $(pkg-config --cflags stillpoint) -O2"
    for compiler in 'gcc -std=c11 -pedantic' 'clang -std=c11 -pedantic' 'g++ -std=c++17' 'g++ -std=c++20' \
        'clang++ -std=c++17' 'clang++ -std=c++20'; do
        command -v "${compiler%% *}" >/dev/null || continue
        echo "$compiler"
        if [[ $compiler == *++* ]]; then
            $compiler $flags -x c++ "$programs/headers.c" -x none $(pkg-config --libs stillpoint) -o headers
            $compiler $flags "$programs/classes.cc" $(pkg-config --libs stillpoint) -o classes
            timeout 60 ./classes
        else
            $compiler $flags "$programs/headers.c" $(pkg-config --libs stillpoint) -o headers
        fi
        timeout 60 ./headers
    done
    # Each by itself, in whatever order.
    for header in $(headers); do
        printf '#include <stillpoint/%s>\nint one;\n' "$header" |
            gcc -std=c11 -pedantic $flags -fsyntax-only -x c -
    done
}

@test "an accelerator of the program's own loses no kick" {
    of_the_docs accelerator.c vcpus.md >accelerator.c
    for package in stillpoint stillpoint-shared; do
        build accelerator $package accelerator.c
        [ "$(timeout 60 ./accelerator)" = 'entered, 1000' ]
    done
}

@test "the accelerator kvm runs a machine of the program's own" {
    local kick
    build machine stillpoint "$programs/machine.c"
    for kick in immediate-exit signal-mask; do
        run env STILLPOINT_KVM_KICK=$kick timeout 100 ./machine
        echo "$output"
        [ "$status" -ne 77 ] || skip "$output"
        [ "$output" = '1000 written, 1000 halts, 0 wrong' ]
    done
}

@test "coroutines that change threads have their sections where they run" {
    local compiler
    for compiler in gcc clang; do
        command -v $compiler >/dev/null || continue
        # shellcheck disable=SC2046
        $compiler -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o coroutine "$programs/coroutine.c" \
            $(pkg-config --cflags --libs stillpoint)
        run timeout 100 ./coroutine 10000
        echo "$output"
        [ "$output" = '10000 turns, 0 wrong' ]
        dies_with 'rcu_read_unlock() without a matching rcu_read_lock() in this thread' ./coroutine 1 spans
    done
}

# Of the function, without the lines that are none of its instructions.
of_sections() {
    awk '/^sections:/ { inside = 1; next } /^[ \t]*\.size[ \t]+sections/ { inside = 0 } inside' yields.s
}

@test "with STILLPOINT_COROUTINES no compiler keeps a thread-local address over a call" {
    local compiler headers compile compiled=0
    # The system's own headers will do for another machine, as nothing is run.
    headers="-isystem /usr/include/$(gcc -print-multiarch) -D__regparm__(registers)="
    for compiler in gcc clang 'clang --target=aarch64-linux-gnu' aarch64-linux-gnu-gcc; do
        compile="$compiler $headers -std=gnu11 -O2 -I$home/include -S -o yields.s $programs/yields.c"
        if ! $compile 2>/dev/null; then
            echo "not here: $compiler"
            continue
        fi
        echo "$compiler"
        # So the test would see it.
        of_sections | grep -E 'rcu_reader([^_a-z]|$)'
        of_sections | grep -E 'current_cpu([^_a-z]|$)'
        $compile -Wall -Wextra -Werror -DSTILLPOINT_COROUTINES
        [ "$(of_sections | grep -cE '(rcu_reader|current_cpu)([^_a-z]|$)')" -eq 0 ]
        # What is called after each yield.
        of_sections | grep -oE '\b(yield|rcu_self_now|current_cpu_now)\b' >calls
        cat calls
        [ "$(grep -c yield calls)" -ge 2 ]
        grep -A1 yield calls | grep -q rcu_self_now
        [ "$(grep -A1 yield calls | grep -c _now)" -eq "$(grep -c yield calls)" ]
        compiled=$((compiled + 1))
    done
    [ "$compiled" -gt 0 ]
}

@test "a program that is written for QEMU's RCU works, with lists of its own or without" {
    local compiler options
    # shellcheck disable=SC2046
    for compiler in 'gcc -std=c11 -pedantic' 'clang -std=c11 -pedantic' 'g++ -std=c++17' 'clang++ -std=c++17'; do
        command -v "${compiler%% *}" >/dev/null || continue
        for options in '' -DOWN_HEADERS -DSTILLPOINT_DEBUG '-DSTILLPOINT_DEBUG -DOWN_HEADERS -DSTILLPOINT_COROUTINES'; do
            echo "$compiler $options"
            [[ $compiler != *++* ]] || options="$options -x c++"
            $compiler $options -O2 -Wall -Wextra -Wshadow -Werror -pthread $(pkg-config --cflags stillpoint) \
                "$programs/qemu.c" -x none $(pkg-config --libs stillpoint) -o program
            run timeout 100 ./program
            echo "$output"
            [ "$output" = '99 freed, 200 reclaimed' ]
        done
    done
    build program stillpoint-tsan "$programs/qemu.c" -- -fsanitize=thread
    [ "$(timeout 200 ./program)" = '99 freed, 200 reclaimed' ]
}

@test "callbacks by object and field are checked by the compiler" {
    local number compiler refused=("" 'must be the first field' 'must be the first field'
        'must be a struct rcu_head' 'the function must be one of' 'the function must be one of')
    for compiler in 'gcc -std=gnu11' 'clang -std=gnu11' 'g++ -x c++' 'clang++ -x c++'; do
        command -v "${compiler%% *}" >/dev/null || continue
        for number in "${!refused[@]}"; do
            echo "$compiler $number"
            run $compiler -fsyntax-only -I"$home/include" -DNUMBER="$number" "$programs/misused_qemu.c"
            echo "$output"
            if [ "$number" -eq 0 ]; then
                [ "$status" -eq 0 ]
                [ "$output" = '' ]
                continue
            fi
            [ "$status" -ne 0 ]
            # C++ has words of its own for types.
            [ "$number" -ge 3 ] && [[ $compiler == *++* ]] || [[ $output == *"${refused[number]}"* ]]
        done
    done
}

@test "the public headers have lists where the C library has no <sys/queue.h>, in C and C++" {
    local compiler
    cp -r "$home/include" none
    sed -i 's|<sys/queue.h>|<none/queue.h>|' none/stillpoint/queue.h
    for compiler in 'gcc -std=c11 -pedantic' 'g++ -std=c++17 -x c++'; do
        command -v "${compiler%% *}" >/dev/null || continue
        $compiler -Wall -Wextra -Wshadow -Werror -O2 -Inone "$programs/headers.c" -x none \
            $(pkg-config --libs stillpoint) -o headers
        timeout 60 ./headers
    done
}

# Names are as old as the oldest version of them that the C library of this system still has.
@test "the library compiles for glibc 2.17, takes no name from a newer one, and works" {
    local build=$BATS_TEST_TMPDIR/build program
    make -s -C "$ROOT" BUILD="$build" WERROR=1 CFLAGS="-O1 -include $programs/glibc_2_17.h" \
        "$build/installed/stillpoint.o" "$build"/tests/test_{accel,duty} >&2
    objdump -T "$(gcc -print-file-name=libc.so.6)" | sed -n 's/.* (*GLIBC_2\.\([0-9]*\)[0-9.]*)* *\([^ ]*\)$/\1 \2/p' |
        sort -n | awk '!seen[$2]++ { print $2, $1 }' | sort >names
    grep -qx 'tgkill 30' names
    nm -u "$build/installed/stillpoint.o" | awk '{ print $2 }' | sort -u | join - names >taken
    [ "$(wc -l <taken)" -gt 30 ]
    awk '$2 > 17 { print "glibc 2." $2, $1 }' taken >newer
    cat newer
    [ ! -s newer ]
    for program in accel duty; do timeout 300 "$build/tests/test_$program"; done
}

@test "without Check tests have the same verdicts as with it" {
    local source=$ROOT/tests/programs/check_verdicts.c way
    gcc -std=gnu11 -O1 -Wall -Wextra -o with "$source" $(pkg-config --cflags --libs check)
    gcc -std=gnu11 -O1 -Wall -Wextra -Werror -I"$ROOT/tests/check" -o without "$source" "$ROOT/tests/check/check.c"
    for way in with without; do
        run env CK_TAP_LOG_FILE_NAME=$way.tap CK_VERBOSITY=silent timeout 60 ./$way
        echo "$way: $status: $output"
        sed -n 's/^\(not ok\|ok\) \([0-9]*\) - [^:]*:\([^:]*:[^:]*\):.*/\1 \2 \3/p' $way.tap >$way.verdicts
        echo "$status failed" >>$way.verdicts
    done
    cat with.verdicts
    diff with.verdicts without.verdicts
    [ "$(tail -n 1 without.verdicts)" = '8 failed' ]
}
