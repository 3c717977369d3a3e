#!/usr/bin/env bats
# What docs/ says is checked against the program, the schema and the sources.

setup() {
    ROOT=${ROOT:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
    BUILD=${BUILD:-$ROOT/build}
    STILLPOINT=${STILLPOINT:-$BUILD/stillpoint}
    cd "$ROOT"
    work=$(mktemp -d)
    # The makes below are this test's own, whatever make called it.
    unset MAKEFLAGS MFLAGS MAKELEVEL STILLPOINT_FENCE STILLPOINT_RUNNERS
}

teardown() {
    rm -rf "$work"
}

# tested NAME DOCUMENT: the fenced block after "<!-- tested: NAME -->".
tested() {
    awk -v mark="<!-- tested: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "docs/$2"
}

documents() {
    ls docs/*.md
    ls README.md CONTRIBUTING.md
}

# nothing TITLE: fails, and shows it, when standard input is not empty.
nothing() {
    local text
    text=$(cat)
    if [ -n "$text" ]; then
        echo "$1:"
        echo "$text"
        return 1
    fi
}

@test "docs: every key of the result's schema is in docs/results.md" {
    jq -r '[.. | objects | .properties? // empty | keys[]] | unique[]' \
        configs/schema/result.schema.json >"$work/keys"
    [ "$(wc -l <"$work/keys")" -gt 50 ]
    while read -r key; do
        grep -qF "\`$key\`" docs/results.md || grep -qF "\`NAME.$key\`" docs/results.md || echo "$key"
    done <"$work/keys" | nothing 'not in docs/results.md'
}

@test "docs: every key of a real result is in the schema, and it validates" {
    # Whatever the verdict: a machine that stands still for seconds has a stall, and a result as well.
    "$STILLPOINT" run configs/torture/lost-wake-up.json --duration 600ms --progress none --quiet \
        --out "$work/out" || [ $? -le 2 ]
    /usr/bin/python3 - "$work/out/latest/result.json" <<'PYTHON'
import json, sys
import jsonschema
schema = json.load(open("configs/schema/result.schema.json"))
jsonschema.Draft202012Validator.check_schema(schema)
result = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator(schema).validate(result)
unknown = []
def look(value, rule, path):
    while "$ref" in rule:
        rule = schema["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list):
        for item in value:
            look(item, rule.get("items", {}), path + "/*")
    if isinstance(value, dict) and "properties" in rule and not path.startswith("/scenario"):
        for key, inner in value.items():
            if key not in rule["properties"]:
                unknown.append(path + "/" + key)
            else:
                look(inner, rule["properties"][key], path + "/" + key)
    elif isinstance(value, dict) and isinstance(rule.get("additionalProperties"), dict):
        for key, inner in value.items():
            look(inner, rule["additionalProperties"], path + "/" + key)
look(result, schema, "")
assert not unknown, unknown
PYTHON
}

@test "docs: every kind of event is in docs/results.md" {
    grep -ohE '"event", "[a-z-]+"' torture/{driver,runner,result,scenario}/*.c | sed 's/.*, "//; s/"//' | sort -u >"$work/kinds"
    sed -n 's/.*\\"event\\", *json_string("\([a-z-]*\)").*/\1/p' torture/{driver,runner,result,scenario}/*.c >>"$work/kinds"
    echo interval >>"$work/kinds"
    [ "$(wc -l <"$work/kinds")" -ge 6 ]
    while read -r kind; do
        grep -qE "^\| \`$kind\` \|" docs/results.md || echo "$kind"
    done <"$work/kinds" | nothing 'no row in docs/results.md'
}

@test "docs: every check has a row in docs/results.md" {
    {
        "$STILLPOINT" list --markdown | sed -n 's/^Checks: //p' | grep -oE '`[a-z-]+`'
        grep -ohE 'execution_finding\([^"]*"[a-z]+"|"(stall|crash|sanitizer|early-reuse)"' \
            torture/{driver,runner,result,scenario}/*.c | grep -oE '"[a-z-]+"'
    } | tr -d '"`' | sort -u >"$work/checks"
    [ "$(wc -l <"$work/checks")" -ge 8 ]
    while read -r check; do
        grep -qE "^\| \`$check\` \|" docs/results.md || echo "$check"
    done <"$work/checks" | nothing 'no row in docs/results.md'
}

@test "docs: every near miss has a row in docs/results.md" {
    {
        "$STILLPOINT" list --markdown | sed -n 's/^Near misses: //p' | grep -oE '[a-z_]+'
        sed -n 's/^#define NEAR_STALLS "\(.*\)"$/\1/p' torture/result/near_misses.h
    } | sort -u >"$work/near"
    [ "$(wc -l <"$work/near")" -ge 3 ]
    sed -n '/^### Near misses/,/^### A latency/s/^| `\([a-z_]*\)` |.*/\1/p' docs/results.md | sort >"$work/told"
    diff "$work/near" "$work/told"
}

@test "docs: every latency and every statistic is in docs/results.md" {
    {
        "$STILLPOINT" list --markdown | sed -n 's/^Latencies: //p' | grep -oE '`[a-z_.]+`' | tr -d '`'
        "$BUILD/runner-stillpoint" --describe | jq -r '.statistics[]'
    } | sort -u >"$work/names"
    [ "$(wc -l <"$work/names")" -ge 60 ]
    while read -r name; do
        grep -q "\`$name\`" docs/results.md || echo "$name"
    done <"$work/names" | nothing 'not in docs/results.md'
}

@test "docs: exit codes are those of torture/record/diagnostics.h" {
    sed -n 's/^ *EXIT_CODE_[A-Z]* = \([0-9]*\),.*/\1/p' torture/record/diagnostics.h | sort -n \
        >"$work/real"
    [ -s "$work/real" ]
    sed -n '/^## Exit codes/,/^## Verdicts/s/^| \([0-9][0-9]*\) |.*/\1/p' docs/results.md | sort -n \
        >"$work/told"
    diff "$work/real" "$work/told"
}

@test "docs: every relative link resolves, its anchor too" {
    /usr/bin/python3 - $(documents) <<'PYTHON'
import os, re, sys
def anchors(path):
    found, fenced = set(), False
    for line in open(path, encoding="utf-8"):
        fenced ^= line.startswith("```")
        if line.startswith("#") and not fenced:
            text = line.lstrip("#").strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found
bad = []
for document in sys.argv[1:]:
    text = re.sub(r"```.*?```", "", open(document, encoding="utf-8").read(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        path = os.path.join(os.path.dirname(document), path) if path else document
        if not os.path.exists(path):
            bad.append(f"{document}: {target}: no such file")
        elif anchor and path.endswith(".md") and anchor not in anchors(path):
            bad.append(f"{document}: {target}: no such heading")
assert not bad, "\n".join(bad)
PYTHON
}

@test "docs: every make target and variable that they name is in make help" {
    make -s help >"$work/help"
    grep -ohE '(^    |`|git bisect run )make( [a-z-]+)?( [A-Z_]+=)?' $(documents) |
        sed -E 's/^.*make ?//' | sort -u | grep -v '^$' >"$work/named"
    grep -ohE '\b(CC|SANITIZE|DEBUG|PORTABLE|WERROR|PREFIX|CFLAGS|LIBS|HEADER)=' $(documents) |
        sort -u >>"$work/named"
    [ "$(wc -l <"$work/named")" -gt 8 ]
    while read -r word rest; do
        case $word in
        help) ;;
        *=) grep -qE "(^|[ [])$word" "$work/help" ;;
        *) grep -qE "^  make $word\b" "$work/help" ;;
        esac || echo "make $word $rest"
    done <"$work/named" | nothing 'not in make help'
}

@test "docs: every command and option that they name exists" {
    for command in run list validate topology plot salvage bench advise compare history; do
        "$STILLPOINT" $command --help >"$work/$command.help"
    done
    "$STILLPOINT" --help >"$work/help"
    grep -ohE '(^ +|[ `(])(build/)?stillpoint [a-z]+' $(documents) | sed -E 's/.*stillpoint //' |
        sort -u >"$work/commands"
    # Prose may go on in lower case after the name.
    while read -r command; do
        case $command in has | is | and | or | with) continue ;; esac
        grep -qE "^  $command " "$work/help" || echo "stillpoint $command"
    done <"$work/commands" | nothing 'no such command'
    grep -ohE '(^|[ `])--[a-z-]+' $(documents) | tr -d ' `' | sort -u >"$work/options"
    [ "$(wc -l <"$work/options")" -gt 10 ]
    while read -r option; do
        case $option in
        *--- | *-) ;; # a rule of a table, a line of a diagram
        --cflags | --libs | --synthetic | --git) ;; # pkg-config's; topology's is below
        --run | --help | --markdown) ;;
        *) cat "$work"/*.help | grep -qE -- "$option\b" || echo "$option" ;;
        esac
    done <"$work/options" | nothing 'no such option of stillpoint'
    grep -q -- --synthetic "$work/topology.help"
}

@test "docs: every scenario, fault, source file and function that they name exists" {
    # The workload of the example is made in adding-a-workload.md.
    grep -ohE '(configs|torture|bench|lib|tests|plots|scripts)/[a-zA-Z0-9_/-]+\.(json|h|c|sh|patch|gp)' \
        $(documents) | sort -u | grep -vE '/(NAME|x|pair)\.' | while read -r file; do
        [ -e "$file" ] || echo "$file"
    done | nothing 'no such file'
    # The names after "*Seeded faults:*", to the end of the sentence, also on the lines that follow.
    tr '\n' ' ' <docs/architecture.md | grep -oE '\*Seeded +faults?:\*[^.*]*' | grep -oE '`[a-z-]+`' |
        tr -d '`' | while read -r fault; do
        [ -e "torture/faults/$fault.patch" ] || echo "$fault"
    done | nothing 'no such fault'
    grep -rohwE '[a-z_]+' lib torture bench | sort -u >"$work/words"
    grep -ohE '`[a-z_]+\(\)`' $(documents) | tr -d '`()' | sort -u | comm -23 - "$work/words" |
        grep -vxE 'main|fork' | nothing 'no such function'
}

@test "docs: placement.roles, settings and options in examples are valid" {
    "$STILLPOINT" validate configs/torture/rcu-pipe.json --set on_finding=continue \
        --set interval=10s --duration 8h --seed 7
    sed -n '/^    "placement": {/,/}}}$/p' docs/running.md >"$work/placement"
    [ -s "$work/placement" ]
    printf '{"name": "x", "workloads": [{"type": "rcu-pipe"}],\n%s}\n' "$(cat "$work/placement")" \
        >"$work/x.json"
    jq -e .placement.roles "$work/x.json"
    HWLOC_SYNTHETIC='numa:2 core:2 pu:2' "$STILLPOINT" validate "$work/x.json"
}

@test "docs: docs/scenario-reference.md is up to date (make docs)" {
    "$STILLPOINT" list --markdown | diff docs/scenario-reference.md -
}

@test "docs: every example that is marked as tested is" {
    grep -ohE '<!-- tested: [^ ]+ -->' docs/*.md | cut -d' ' -f3 | while read -r name; do
        grep -qF "$name" <(grep -hv '"docs: every example' tests/cli/{docs,library}.bats) || echo "$name"
    done | nothing 'no test of it'
}

@test "docs: the examples for the library compile without a warning, and run" {
    local name document expected more
    while read -r name document expected; do
        tested "$name" "$document" >"$work/$name"
        [ -s "$work/$name" ]
        for more in '' -DSTILLPOINT_DEBUG; do
            ${CC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror $more -Ilib/include -o "$work/example" \
                "$work/$name" "$BUILD/libstillpoint.a" -pthread
            run timeout 60 "$work/example"
            [ "$status" -eq 0 ]
            [ "$(echo $output)" = "$expected" ]
        done
    done <<<'example.c library.md read
replay.c library.md the same
lists.c rcu-lists.md 2 1 0
vcpus.c vcpus.md forwards, 1 interrupt'
}

@test "docs: the flavor in adding-a-flavor.md is built, tortured, and found out when broken" {
    tested mine.h adding-a-flavor.md >"$work/whole.h"
    tested mine.json adding-a-flavor.md >"$work/mine.json"
    [ -s "$work/whole.h" ] && [ -s "$work/mine.json" ]
    # The same path twice, as somebody who edits it has.
    cp "$work/whole.h" "$work/mine.h"
    build_mine
    "$CLI_BUILD/stillpoint" run "$work/mine.json" --duration 1s --progress none --out "$work/out"
    run "$CLI_BUILD/stillpoint" run configs/quick.json --flavor mine --duration 1s --progress none --out "$work/quick"
    echo "$output"
    [[ $(jq -r '[.runs[] | .label, .verdict] | join(" ")' "$work"/quick/2*/result.json) =~ ^'waits '(.*)' torture pass'$ ]]
    # Beside busy processes all requesters may be late.
    [[ ${BASH_REMATCH[1]} =~ ^(measured|inconclusive)$ ]]
    sed '/pthread_rwlock_wrlock/d; /flavor_synchronize/,/^}/{/pthread_rwlock_unlock/d}' \
        "$work/whole.h" >"$work/mine.h"
    ! cmp -s "$work/whole.h" "$work/mine.h"
    build_mine
    run "$CLI_BUILD/stillpoint" run "$work/mine.json" --fail-fast --progress none --out "$work/out"
    echo "$output"
    [ "$status" -eq 1 ]
}

@test "docs: another version of a peer is built as adding-a-flavor.md has it, and runs beside the tree's" {
    [ -e "$CLI_BUILD/runner-urcu-memb" ] || skip 'liburcu is not installed'
    tested another-version.sh adding-a-flavor.md >"$work/whole.sh"
    [ "$(grep -c '^make flavor\|^build/stillpoint bench' "$work/whole.sh")" -eq 2 ]
    # That other version is what the system has, elsewhere.
    mkdir "$work/urcu" "$work/urcu/lib"
    include=$(echo '#include <urcu/urcu-memb.h>' | ${CC:-gcc} -E -x c - | sed -n 's|^# 1 "\(.*\)/urcu/urcu-memb.h".*|\1|p;T;q')
    lib=$(dirname "$(${CC:-gcc} -print-file-name=liburcu-memb.so)")
    mkdir "$work/urcu/include"
    cp -rL "$include"/urcu* "$work/urcu/include"
    cp -a "$lib"/liburcu-{memb,common}.so* "$work/urcu/lib"
    # Shorter, and optimized little.
    sed -E "s|/opt/urcu|$work/urcu|g; s|^make|& -s BUILD='$CLI_BUILD' WERROR='${CLI_WERROR-}' $CLI_OLD|
            s|CFLAGS=([^ ]*)|CFLAGS='-O0 -g0 \1'|
            s|^build/stillpoint bench .* --beside (.*)|'$CLI_BUILD'/stillpoint run configs/bench/peers.json --out '$work/out' \
                --set part=pair --set repeat=1 --duration 100ms --progress none --set sweep.flavor+=\1|" \
        "$work/whole.sh" >"$work/short.sh"
    run bash -eux "$work/short.sh"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(jq -r '[.runs[].flavor] | map(select(startswith("urcu-memb"))) | join(" ")' \
        "$work/out/latest/result.json")" = 'urcu-memb urcu-memb-0.15' ]
    grep -q "$work/urcu/include/urcu/urcu-memb.h" "$CLI_BUILD/flavor-urcu-memb-0.15/torture/flavors/flavor.d"
    ldd "$CLI_BUILD/runner-urcu-memb-0.15" >"$work/loaded"
    grep "=> $work/urcu/lib/liburcu-memb" "$work/loaded"
    [ "$(grep -c liburcu "$work/loaded")" -eq "$(grep -c "=> $work/urcu/lib/liburcu" "$work/loaded")" ]
    rm "$CLI_BUILD/runner-urcu-memb-0.15"
}

# The workloads optimized little: that takes half the time, twice, and the build of the tree has the warnings.
build_mine() {
    make -s BUILD="$CLI_BUILD" WERROR="${CLI_WERROR-}" flavor NAME=mine CFLAGS='-O0 -g0' \
        HEADER="$work/mine.h"
}

@test "docs: the template of a flavor and adding-a-flavor.md name all that a flavor may define" {
    grep -ohE '\bFLAVOR_(CAN|HAS)_[A-Z_]+\b' torture/flavors/flavor.h torture/flavors/flavor.c |
        grep -vx FLAVOR_CAN_KVM | sort -u >"$work/names"
    [ "$(wc -l <"$work/names")" -ge 20 ]
    for file in torture/flavors/template.h docs/adding-a-flavor.md; do
        while read -r name; do
            grep -qw "$name" "$file" || echo "$name"
        done <"$work/names" | nothing "not in $file"
    done
}

@test "docs: the workload in adding-a-workload.md compiles without a warning" {
    tested torture/workloads/pair/pair.c adding-a-workload.md >"$work/pair.c"
    [ -s "$work/pair.c" ]
    ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE= -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes \
        -Wmissing-prototypes -Werror -I. -Ilib/include \
        '-DFLAVOR_HEADER="torture/flavors/stillpoint.h"' -c -o "$work/pair.o" "$work/pair.c"
}

@test "docs: the header in adding-a-fault.md has the fields that tests/faults.sh wants" {
    sed -n 's/.*for check in \(Title.*\); do/\1/p' tests/faults.sh | tr -d "'" |
        sed 's/Seen in/Seen_in/' | tr ' ' '\n' >"$work/wanted"
    [ "$(wc -l <"$work/wanted")" -eq 6 ]
    while read -r field; do
        grep -qF "| \`${field/_/ }\` |" docs/adding-a-fault.md || echo "$field"
    done <"$work/wanted" | nothing 'not in docs/adding-a-fault.md'
}

@test "docs: the bisect wrapper maps exit codes" {
    tested bisect.sh running.md >"$work/bisect.sh"
    [ -s "$work/bisect.sh" ]
    chmod +x "$work/bisect.sh"
    mkdir -p "$work/tree/build" "$work/bin"
    printf '#!/bin/sh\nexit $MAKE_CODE\n' >"$work/bin/make"
    printf '#!/bin/sh\necho "$*" >called\nexit $RUN_CODE\n' >"$work/tree/build/stillpoint"
    chmod +x "$work/bin/make" "$work/tree/build/stillpoint"
    cd "$work/tree"
    for pair in 0:0 1:1 2:125 3:3 64:255 70:255 77:125; do
        PATH=$work/bin:$PATH MAKE_CODE=0 RUN_CODE=${pair%:*} run ../bisect.sh s.json --duration 1s
        echo "$pair: $status"
        [ "$status" -eq "${pair#*:}" ]
    done
    grep -q 'run s.json --duration 1s --fail-fast' called
    PATH=$work/bin:$PATH MAKE_CODE=2 RUN_CODE=0 run ../bisect.sh s.json
    [ "$status" -eq 125 ]
}
