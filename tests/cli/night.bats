#!/usr/bin/env bats
# run --for: several scenarios in turn, one summary, and what becomes of it when something breaks.

load helper

teardown() { stop_all; }

# Of 200 ms, and it holds; of 1 s, of a broken flavor, which a finding ends at once.
sound() { NAME=sound pipe >/dev/null && sed -i 's/"pipe"/"sound"/' "$BATS_TEST_TMPDIR/sound.json"; }
sick() {
    NAME=sick sync_only '"flavor": "broken"' >/dev/null
    sed -i 's/"sync"/"sick"/; s/"2s"/"1s"/' "$BATS_TEST_TMPDIR/sick.json"
}

night() { newest; }
summary() { jq -er "$1" "$(night)/summary.json"; }
rounds() { jq -r "select(.event == \"end\") | $1" "$(night)/rounds.jsonl"; }

is_valid_summary() {
    /usr/bin/python3 "$BATS_TEST_DIRNAME/validate.py" "$ROOT/configs/schema/night.schema.json" \
        "$(night)/summary.json"
}

# The journal is whole: each round that was begun has ended, in order.
is_whole() {
    [ "$(jq -c 'select(.event == "begin").round' "$(night)/rounds.jsonl")" = "$(rounds .round)" ]
    [ "$(rounds .round)" = "$(seq "$(rounds .round | wc -l)")" ]
}

# begin_night ARGUMENT...: as begin(), until a round has ended and another one is on.
begin_night() {
    mkdir -p "$OUT"
    "${with_signals[@]}" PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$@" --out "$OUT" \
        >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
    DRIVER=$!
    until_rounds 1
}

until_rounds() { # NUMBER
    local i begun
    for ((i = 0; i < 600; i++)); do
        begun=$(grep -c '"event":"begin"' "$(night 2>/dev/null)/rounds.jsonl" 2>/dev/null) || :
        [ "${begun:-0}" -le "$1" ] || return 0
        sleep 0.05
    done
    echo "no more than $1 rounds have begun"
    cat "$BATS_TEST_TMPDIR/stderr"
    return 1
}

@test "a night runs scenarios and folders in turn, with new seeds, until its time is up" {
    sound
    mkdir "$BATS_TEST_TMPDIR/more"
    sed 's/"sound"/"other"/' "$BATS_TEST_TMPDIR/sound.json" >"$BATS_TEST_TMPDIR/more/other.json"
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/sound.json" "$BATS_TEST_TMPDIR/more" --for 3s --seed 7 \
        --set 'budgets=[{"metric": "rate.reads", "min": 0.001}]' --out "$OUT"
    expect 0
    is_valid_summary
    is_whole
    [ "$(summary '.scenarios | map(.name + " " + .verdict) | join(",")')" = 'sound pass,other pass' ]
    [ "$(summary '[.scenarios[].rounds] | add')" = "$(rounds .round | wc -l)" ]
    [ "$(summary '.scenarios | map(.rounds > 0 and .checks > 0 and .clean_seconds > 0) | all')" = true ]
    [ "$(summary '.verdict.clean_seconds > 0 and .seed == 7')" = true ]
    # One repeat decides no budget.
    [ "$(summary .verdict.performance)" = undecided ]
    [ "$(rounds .seed | sort -u | wc -l)" -eq "$(rounds .round | wc -l)" ]
    [ "$(rounds .seed | head -n 1)" = 7 ]
    # The last of each is kept, and is whole; the others went.
    [ "$(ls "$(night)/rounds" | wc -l)" -eq 2 ]
    for round in "$(night)"/rounds/*; do is_valid_result "$round/result.json"; done
    [ "$(readlink "$OUT/latest")" = "$(basename "$(night)")" ]
    has "$output" 'PASS'
    has "$stderr" 'rounds planned of 2 scenarios'
    [[ $stderr =~ \[\ ?1/[0-9]+\]\ sound\ +seed\ 7\ +pass ]]
}

@test "a set gives turns, settings and paths beside it; the command line wins" {
    sound
    printf '%s' '{"name": "mine", "turn": "1s", "set": {"interval": "60ms"}, "scenarios": ["sound.json"]}' \
        >"$BATS_TEST_TMPDIR/set.json"
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/set.json" --for 20s --dry-run
    expect 0
    has "$output" 'of 1 scenario, 20.0 s'
    [[ $output =~ sound\ +1\ run\ +a\ turn\ +1.0\ s ]]
    run sp run "$BATS_TEST_TMPDIR/set.json" --for 600ms --duration 300ms --set interval=70ms --out "$OUT" --quiet
    expect 0
    [[ $(night) == *-mine/ ]]
    jq -e '.interval == "70ms" and .duration == "300ms"' "$(night)"/rounds/*/scenario.json
    run sp validate "$BATS_TEST_TMPDIR/set.json" --set nonesuch=1
    expect 64
}

@test "every scenario of the soak has a turn in a night" {
    run --separate-stderr "$STILLPOINT" run "$ROOT/configs/soak.json" --for 8h --dry-run
    expect 0
    for file in "$ROOT"/configs/torture/*.json; do has "$output" "$(jq -r .name "$file")"; done
}

@test "a finding has a fingerprint and a directory, and the next night knows it" {
    sound && sick
    cd "$BATS_TEST_TMPDIR"
    run sp run sound.json sick.json --for 1500ms --out "$OUT" --progress none
    expect 1
    is_valid_summary
    [ "$(summary '.scenarios | map(.name + " " + .verdict) | join(",")')" = 'sound pass,sick violation' ]
    [ "$(summary '.findings[0] | .state + " " + .scenarios[0]')" = 'new sick' ]
    has "$output" "NEW  $(summary '.findings[0].fingerprint')"
    for print in $(summary '.findings[].fingerprint'); do
        jq -e --arg print "$print" '.fingerprint == $print' "$(night)/findings/$print/finding.json"
        jq -e '.verdict.correctness == "violation"' "$(night)/findings/$print/round/result.json"
    done
    first=$(night)
    printf '{"known": [%s]}' "$(jq -c '.findings[] | {fingerprint, reason: "it is broken", expires: "2999-12-31"}' \
        "$first/summary.json" | paste -sd,)" >known.json
    jq '.known[].expires = "2001-02-03"' known.json >expired.json

    run sp run sick.json --for 1500ms --fail-fast --since "$first" --out "$OUT" --progress none
    expect 1
    has "$output" "SEEN BEFORE  "
    [ "$(rounds .round)" = 1 ]

    # Which of its checks fails first is up to the machine.
    run sp run sound.json sick.json --for 1500ms --known expired.json --out "$OUT" --progress none
    expect 1
    has "$output" 'NEW, NO LONGER KNOWN  '
    has "$output" 'Was accepted until 2001-02-03: it is broken'
    [ "$(summary '[.findings[].state] | any(. == "expired")')" = true ]
    jq -c '.findings[] | {fingerprint, reason: "it is broken", expires: "2999-12-31"}' \
        "$first/summary.json" "$(night)/summary.json" | sort -u | jq -s '{known: .}' >known.json

    # Accepted findings spoil their rounds, and not the night; nor do they bound anything.
    run sp run sound.json sick.json --for 1500ms --known known.json --out "$OUT" --progress none
    if [ "$(summary '[.findings[].state] | all(. == "known")')" = true ]; then
        expect 0
        [ "$(summary '.verdict.correctness')" = pass ]
        [ "$(summary '.scenarios[1].verdict')" = known ]
        has "$output" 'KNOWN  '
    fi
    run sp run sick.json --for 1s --known known.json --out "$OUT" --progress none
    [ "$(summary '[.findings[].state] | all(. == "known")')" != true ] || expect 2
}

@test "what a list of known findings may hold is checked, with its place" {
    sound
    cd "$BATS_TEST_TMPDIR"
    known() {
        printf '%s' "$1" >known.json
        run --separate-stderr sp run sound.json --for 1s --known known.json --out "$OUT"
        expect 64
        has "$stderr" "known.json: $2"
        left_nothing
    }
    good='"fingerprint": "pipe-age-0123456789ab", "reason": "x"'
    known '{"known": 3}' '/known: expected a list of accepted findings, found 3'
    known '{"know": []}' '/know: unknown key; did you mean "known"?'
    known "{\"known\": [{$good}]}" '/known/0/expires: '
    known "{\"known\": [{$good, \"expires\": \"2026-02-30\"}]}" '/known/0/expires: "2026-02-30": expected a day'
    known "{\"known\": [{$good, \"expires\": \"2026-2-3\"}]}" '/known/0/expires: "2026-2-3": expected a day'
    known '{"known": [{"fingerprint": "pipe-age", "reason": "x", "expires": "2026-01-01"}]}' \
        '/known/0/fingerprint: "pipe-age": expected a fingerprint'
    known "{\"known\": [{$good, \"expires\": \"2026-01-01\", \"until\": 1}]}" '/known/0/until: unknown key'
    known "{\"known\": [{$good, \"expires\": \"2026-01-01\"}, {$good, \"expires\": \"2026-01-01\"}]}" \
        '/known/1/fingerprint: "pipe-age-0123456789ab": expected each fingerprint once'
}

@test "a night in which nothing could be measured is inconclusive, and each scenario says why" {
    sound
    jq '.require = {"reads": 1000000000000} | .name = "greedy"' "$BATS_TEST_TMPDIR/sound.json" >"$BATS_TEST_TMPDIR/greedy.json"
    run sp run "$BATS_TEST_TMPDIR"/{sound,greedy}.json --for 1s --out "$OUT" --progress none
    expect 2
    [ "$(summary '.scenarios | map(.verdict) | join(" ")')" = 'pass inconclusive' ]
    has "$output" 'greedy: '
    has "$output" 'reads was reached'
    # Inconclusive rounds are kept.
    [ "$(rounds 'select(.scenario == "greedy").directory' | wc -l)" -eq "$(ls -d "$(night)"/rounds/*-greedy | wc -l)" ]
}

@test "what nothing could run is skipped" {
    sound
    cd "$BATS_TEST_TMPDIR"
    MISBEHAVE=poor run sp run sound.json --flavor broken --set rcu-pipe.call_rcu_updaters=0 --for 2s --out "$OUT" --progress none
    expect 77
    [ "$(summary '.scenarios[0] | .verdict + " " + (.rounds | tostring)')" = 'skipped 1' ]
    has "$(summary '.verdict.reasons[0]')" 'is missing here: no hurry on this machine'
}

@test "Ctrl-C ends a night with a valid summary, and --resume goes on with it" {
    sound
    # With a figure of more digits than are written.
    begin_night "$BATS_TEST_TMPDIR/sound.json" --for 3s \
        --set 'budgets=[{"metric": "gp.total.p99", "max": 123456789012.5}]'
    kill -INT "$DRIVER"
    end
    expect 0
    is_valid_summary
    is_whole
    has "$output" "interrupted after"
    has "$(tr -s ' \n' ' ' <<<"$output")" "--resume $(realpath "$(night)")"
    before=$(rounds .round | wc -l)
    run sp resume
    expect 64
    run --separate-stderr sp run --resume "$(night)" --progress none
    expect 0
    is_valid_summary
    is_whole
    [ "$(rounds .round | wc -l)" -ge "$before" ]
    lacks "$output" interrupted
}

@test "a night that was killed goes on where it was, and keeps what the cut round had found" {
    sound && sick
    cd "$BATS_TEST_TMPDIR"
    begin_night sound.json sick.json --for 4s --duration 1s --set on_finding=continue
    directory=$(night)
    for ((i = 0; i < 600; i++)); do
        ! grep -q '"event":"finding"' "$directory"/rounds/*-sick/events.jsonl 2>/dev/null || break
        sleep 0.02
    done
    kill -KILL "$DRIVER"
    wait "$DRIVER" || :
    [ ! -e "$directory/summary.json" ]
    # A line that was torn is taken away, and a result that is none is not believed.
    printf '{"event":"en' >>"$directory/rounds.jsonl"
    echo '{}' >"$directory/$(jq -rR 'fromjson? | select(.event == "begin").directory' "$directory/rounds.jsonl" |
        tail -n 1)/result.json"
    # What the command line names is here, and not where the night was begun.
    cd "$directory"
    run --separate-stderr sp run --resume . --since ../"$(basename "$directory")" --progress none
    cd /
    expect 1
    is_valid_summary
    is_whole
    [ "$(rounds 'select(.cut_short) | .scenario + " " + .verdict')" = 'sick violation' ]
    jq -e '.verdict.reasons | any(. == "salvaged from events.jsonl")' \
        "$directory/$(rounds 'select(.cut_short).directory')/result.json"
}

@test "a killed night does not go on with other scenarios, another environment or other options" {
    sound
    cd "$BATS_TEST_TMPDIR"
    begin_night sound.json --for 60s --duration 300ms
    kill -KILL "$DRIVER"
    wait "$DRIVER" || :
    run --separate-stderr sp run --resume "$(night)" --for 9s
    expect 64
    says "--resume $(night): goes on as it was begun: no scenarios, --for or settings"
    STILLPOINT_FENCE=full run --separate-stderr sp run --resume "$(night)"
    expect 64
    has "$stderr" 'was begun with other variables of the environment: {}'
    sed -i 's/"readers": 1/"readers": 2/' sound.json
    run --separate-stderr sp run --resume "$(night)"
    expect 64
    says 'sound.json: has changed since the night began: begin a new one'
    [ ! -e "$(night)/summary.json" ]
    jq '.settings = [["seed"]]' "$(night)/night.json" >damaged.json
    mv damaged.json "$(night)/night.json"
    run --separate-stderr sp run --resume "$(night)"
    expect 64
    says "$(realpath "$(night)")/night.json: is not as a night writes it"
    run --separate-stderr sp run --resume nowhere
    expect 64
    says '--resume nowhere: No such file or directory'
    run --separate-stderr sp run --resume .
    expect 64
    has "$stderr" 'rounds.jsonl: No such file or directory; name a directory that'
}

@test "two drivers do not share a night" {
    sound
    begin_night "$BATS_TEST_TMPDIR/sound.json" --for 60s
    run --separate-stderr sp run --resume "$(night)" --quiet
    expect 64
    says "$(realpath "$(night)")/rounds.jsonl: another stillpoint is at work in this directory"
    kill -INT "$DRIVER"
    end
    expect 0
    is_whole
}

@test "what is wrong with any scenario of a night is told before anything runs" {
    sound
    cd "$BATS_TEST_TMPDIR"
    mkdir folder empty
    cp sound.json folder
    echo '{"name": "x", "workloads": [{"type": "rcu-pip"}]}' >folder/typo.json
    echo '{"name": ' >folder/torn.json
    : >folder/nothing.json
    run --separate-stderr sp run folder empty missing.json --for 1m --out "$OUT"
    expect 64
    has "$stderr" 'folder/typo.json: /workloads/0/type: '
    has "$stderr" 'folder/torn.json:2:'
    has "$stderr" 'folder/nothing.json: is empty'
    has "$stderr" 'empty: holds no scenario (*.json)'
    has "$stderr" 'missing.json: cannot be read: No such file or directory'
    left_nothing
    says_of() { # WHAT ARGUMENT...
        run --separate-stderr sp run "${@:2}" --out "$OUT"
        expect 64
        says "$1"
        left_nothing
    }
    says_of 'folder: several scenarios are a night: say how long with --for (8h)' folder
    says_of 'sound.json: several scenarios are a night: say how long with --for (8h)' folder/sound.json sound.json
    says_of '--for 10x: expected how long (45s, 10m, 8h)' sound.json --for 10x
    says_of '--for 100ms: one turn of each of 1 scenarios takes 0.2 s; give it more than 0.1 s, or shorter runs with --duration' \
        sound.json --for 100ms
    says_of '--since and --known are for a night: say how long with --for (8h)' sound.json --since folder
    says_of 'nowhere/rounds.jsonl: No such file or directory; name a directory that `stillpoint run --for` made' \
        sound.json --for 2s --since nowhere
    echo '{"name": "s", "scenarios": ["folder/sound.json", 3, "set.json"]}' >set.json
    run --separate-stderr sp run set.json --for 2s --out "$OUT"
    expect 64
    has "$stderr" 'set.json: /scenarios/1: expected the path of a scenario or of a folder, found 3'
    has "$stderr" 'set.json: /scenarios/2: set.json is a set itself'
    echo '{"name": "s", "scenarios": [], "trun": "2m"}' >set.json
    run --separate-stderr sp run set.json --for 2s --out "$OUT"
    expect 64
    has "$stderr" 'set.json: /scenarios: is empty'
    has "$stderr" 'set.json: /trun: unknown key; did you mean "turn"?'
    left_nothing
}

@test "a full disk ends a night, and what was found before is told" {
    # A file system of its own, as small as that.
    unshare --user --map-root-user --mount true 2>/dev/null || skip 'no mount namespaces here'
    sound && sick
    cd "$BATS_TEST_TMPDIR"
    mkdir -p small
    export -f sp
    run --separate-stderr unshare --user --map-root-user --mount bash -c 'mount -t tmpfs -o size=200k none small &&
        sp run sick.json sound.json --for 60s --set interval=10ms --out small --progress none; code=$?
        ls small/*/summary.json >&2; exit $code'
    [ "$status" -eq 1 ]
    has "$(tr -s ' \n' ' ' <<<"$output")" 'what was found could not be written; make room, and go on with --resume'
    has "$output" 'VIOLATION'
    has "$stderr" 'No space left on device'
}

@test "a FIFO in place of the list of rounds holds nobody up" {
    cd "$BATS_TEST_TMPDIR"
    mkfifo rounds.jsonl
    run --separate-stderr timeout 60 env PATH=/nonexistent "$CLI_BUILD/stillpoint" run --resume .
    expect 64
    has "$stderr" 'rounds.jsonl: No such device or address; name a directory that'
}

@test "a night without a directory to write to does not begin" {
    sound
    mkdir "$BATS_TEST_TMPDIR/closed"
    # Root writes everywhere; not to what is no directory.
    : >"$BATS_TEST_TMPDIR/file"
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/sound.json" --for 1s --out "$BATS_TEST_TMPDIR/file/x"
    expect 64
    has "$stderr" 'cannot make the output directory'
}
