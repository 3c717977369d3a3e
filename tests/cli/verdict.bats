#!/usr/bin/env bats
# Exit codes by verdict, findings and what leads to them.

load helper

# until_pipe_age COMMAND...: beside busy processes a reader may be overtaken so far that its object is used again,
# which other checks find. Runs it until this one does.
until_pipe_age() {
    local i
    for ((i = 0; i < 20; i++)); do
        "$@" || true
        [ "$(result '[.runs[0].findings[].check] | index("pipe-age") != null')" != true ] || return 0
    done
}

@test "a broken library ends with exit code 1, a finding that names its check, and a timeline" {
    until_pipe_age run --separate-stderr sp run "$(sync_only)" --flavor broken --out "$OUT" --progress none
    expect 1
    [ "$(result .verdict.correctness)" = violation ]
    [ "$(result '.runs[0].seconds < 2')" = true ] # found well before the 2 s were over
    [ "$(result '[.runs[0].findings[].check] | index("pipe-age") != null')" = true ]
    finding='[.runs[0].findings[] | select(.check == "pipe-age")][0]'
    [[ $(result "$finding.message") =~ ^'A reader saw object '[0-9]+' at age '[0-9]+': ' ]]
    [ "$(result "$finding.threads | length")" -eq 1 ]
    has "$output" 'VIOLATION  rcu-pipe: pipe-age  after '
    has "$output" 'exit code 1 (violation or stall found)'
    is_valid_result
}

@test "the timeline shows the reader's section, the grace period that ended inside it, and little else" {
    [ "$(nproc)" -gt 1 ] || skip "on one CPU a reader is overtaken so far that its object is used again"
    until_pipe_age sp run "$(sync_only)" --flavor broken --set rcu-pipe.quiet_readers=0 --out "$OUT" --quiet
    finding='[.runs[0].findings[] | select(.check == "pipe-age")][0]'
    [ "$(result "$finding.timeline | length")" -le 20 ]
    [ "$(result "$finding.timeline | map(.us) | . == sort and all(. <= 0)")" = true ]
    reader=$(result "$finding.threads[0]")
    object=$(result "$finding.message | capture(\"object (?<n>[0-9]+)\").n")
    [ "$(result "[$finding.timeline[] | select(.mark == \"$reader comes in\")][0].thread")" = "$reader" ]
    [[ $(result "[$finding.timeline[] | select(.mark == \"$reader comes in\")][0].event") =~ ^"entered, loaded object $object at age" ]]
    [ "$(result "$finding.timeline[-1].us <= 0")" = true ]
    result "$finding.timeline[].event" | grep -q "the age of object $object is"
}

@test "however many threads there are, a timeline has at most 20 lines" {
    # Found late, when all threads have much to tell.
    MISBEHAVE=gentle sp run "$(sync_only)" --flavor broken --set rcu-pipe.sync_updaters=12 --duration 20s \
        --set rcu-pipe.long_delay=200ms --out "$OUT" --quiet || true
    [ "$(result '[.runs[0].findings[].timeline | length] | max == 20')" = true ]
}

@test "the repro line reproduces the finding" {
    sp run "$(sync_only '"sweep": {"rcu-pipe.readers": [2]}, "repeat": 2')" --set "description=it's \"quoted\"" \
        --flavor broken --out "$OUT" --progress none >"$BATS_TEST_TMPDIR/table" 2>/dev/null || [ $? -eq 1 ]
    line=$(sed -n 's/^  repro: //p' "$BATS_TEST_TMPDIR/table" | head -n 1)
    has "$line" '--flavor broken'
    has "$line" '--set rcu-pipe.readers=2 --set repeat=1 --seed '
    [ "$line" = "$(result '.runs[0].findings[0].repro')" ]
    cd "$BATS_TEST_TMPDIR"
    run bash -c "$line --out again --quiet"
    expect 1
    [ "$(jq '.runs | length' again/latest/result.json)" -eq 1 ]
    [ "$(jq .seed again/latest/result.json)" = "$(sed 's/.*--seed \([0-9]*\).*/\1/' <<<"$line")" ]
    [ "$(jq -r '.scenario.description' again/latest/result.json)" = "it's \"quoted\"" ]
}

@test "the repro line keeps what the environment chose" {
    mkdir "$BATS_TEST_TMPDIR/my runners"
    ln -s "$CLI_BUILD/runner-broken" "$BATS_TEST_TMPDIR/my runners/runner-mine"
    STILLPOINT_FENCE=full STILLPOINT_RUNNERS="$BATS_TEST_TMPDIR/my runners" run sp run "$(sync_only)" --flavor mine --out "$OUT" --quiet
    expect 1
    line=$(result '.runs[0].findings[0].repro')
    has "$line" 'STILLPOINT_FENCE=full'
    run -1 bash -c "$line --out '$OUT' --quiet"
}

@test "something required that was not reached is exit code 2" {
    run --separate-stderr sp run "$(pipe '"require": {"reads": 1000000000000, "checks": 1}')" --out "$OUT" --progress none
    expect 2
    [ "$(result .verdict.correctness)" = inconclusive ]
    [[ $(result '.verdict.reasons[0]') =~ ^'reads was reached '[0-9]+' times, 1000000000000 required'$ ]]
    [ "$(result '.verdict.reasons | length')" -eq 1 ]
    has "$output" INCONCLUSIVE
    has "$output" 'exit code 2 (inconclusive)'
    is_valid_result
}

@test "a required rate or share that was not met is inconclusive, with what it was" {
    run sp run "$(pipe '"require": {"reads": "1000000000000/s", "checks": "100 % of reads", "gps": "0.5 % of gps", "sleeps": "99.5% of gps"}')" \
        --out "$OUT" --quiet
    expect 2
    has "$(result '.verdict.reasons | join("; ")')" ' s, 1e+12/s required'
    [[ $(result '.verdict.reasons | join("; ")') =~ 'sleeps was reached '[0-9]+' times, '[0-9.e+-]+' % of '[0-9]+' gps, 99.5 % required' ]]
    lacks "$(result '.verdict.reasons | join("; ")')" '0.5 % required; '
    is_valid_result
    run sp run "$(pipe '"require": {"reads": "0.5/s", "gps": "100 % of gps"}')" --out "$OUT" --quiet
    expect 0
    # A share of nothing is not met.
    run sp run "$(pipe '"require": {"reads": "1 % of threads_churned"}')" --out "$OUT" --quiet
    expect 2
    has "$(result '.verdict.reasons[0]')" ' of 0 threads_churned, 1 % required'
}

# A benchmark of grace periods that must be a hundredth as many as the reference has; it finds nothing in any flavor.
floored() {
    scenario floored '{"name": "floored", "duration": "1s", "warmup": "0s", "stall_limit": "5s",
        "workloads": [{"type": "gp-latency", "readers": 0}],
        "floors": {"flavor": "stillpoint", "least": {"gps": "1 %"}}}'
}

@test "a run that did hardly any of the work that a good flavor does is inconclusive" {
    # Each takes 10 ms.
    MISBEHAVE=gentle run --separate-stderr sp run "$(floored)" --flavor broken --out "$OUT" --progress none
    expect 2
    [[ $(result '.verdict.reasons[0]') =~ ^'gps was reached '[0-9]+' times in '[0-9.]+' s, '[0-9.]+'/s; stillpoint had '[0-9]+'/s at this point, and 1 % of that are required'$ ]]
    has "$output" '  INCONCLUSIVE  '
    [ "$(result '.runs[0].floor.flavor + " " + .runs[0].verdict')" = 'stillpoint inconclusive' ]
    [ "$(result '.runs[0].floor.counts.gps > .runs[0].counters["gp-latency"].gps')" = true ]
    # The reference is none of the runs.
    [ "$(result '[.runs[].flavor] | join(" ")')" = broken ]
    [ "$(events 'select(.event == "run").flavor')" = broken ]
    [ "$(events 'select(.event == "floor").result | .flavor + " " + .verdict')" = 'stillpoint measured' ]
    is_valid_result
    run sp run "$(floored)" --flavor broken --out "$OUT" --quiet
    expect 0
    [ "$(result '.runs[0].floor.counts.gps > 0 and (.runs[0].missing == [])')" = true ]
    # Nobody is held against himself.
    run sp run "$(floored)" --out "$OUT" --quiet
    expect 0
    [ "$(result '.runs[0] | has("floor")')" = false ]
}

# unmeasured FLAVOR: a run that passes, with this one as its reference, which is no measure.
unmeasured() {
    run --separate-stderr sp run "$(pipe '"floors": {"flavor": "'"$1"'", "duration": "2s", "least": {"reads": "100 %"}}')" \
        --out "$OUT" --progress plain --fail-fast
    expect 0
    [ "$(result '.verdict.correctness + " \(.verdict.reasons | length) \(.runs | length) \(.runs[0].findings | length)"')" = 'pass 0 1 0' ]
    [ "$(result '.runs[0].floor | keys | join(" ")')" = 'flavor not_judged' ]
    has "$(tr -s '\n ' ' ' <<<"$output")" " Note: no floor was measured with $1: "
    is_valid_result
}

@test "a reference that fails judges nothing, and its findings are nobody's" {
    unmeasured broken
    [[ $(result '.runs[0].floor.not_judged') =~ ^'its run has a finding, ' ]]
    [ "$(events 'select(.event == "floor").result.findings | length > 0')" = true ]
    [ -z "$(events 'select(.event == "finding")')" ]
    lacks "$stderr" finding
    [[ $(events 'select(.event == "floor").result.findings[0].repro') == *' --flavor broken --seed '* ]]
    # Nor does what was salvaged know it.
    passed=$(result '.runs[0].seconds')
    rm "$(newest)/result.json"
    run --separate-stderr sp salvage "$(newest)"
    expect 0
    [ "$(result '[.runs[].seconds] == ['"$passed"']')" = true ]
    MISBEHAVE=segv unmeasured broken
    has "$(result '.runs[0].floor.not_judged')" 'its run has a finding, '
    MISBEHAVE=exit unmeasured broken
    has "$(result '.runs[0].floor.not_judged')" 'its run has a finding, crash'
}

@test "a reference that there is not, or that cannot run the point, judges nothing" {
    unmeasured nonesuch
    has "$(result '.runs[0].floor.not_judged')" 'no runner for flavor "nonesuch"'
    [ -z "$(events 'select(.event == "floor")')" ]
    unmeasured null
    has "$(result '.runs[0].floor.not_judged')" 'flavor "null" cannot "protect" (needed by rcu-pipe)'
    run sp run "$(pipe '"floors": {"flavor": "null", "least": {"reads": "1%"}}')" --dry-run
    expect 0
    has "$output" '1 run, 0.2 s ('
    has "$output" '  floors  reads 1% of what null does in 500ms; not judged: flavor "null" cannot "protect"'
}

@test "what differs in settings of the library has one reference, whose time is planned" {
    pipe '"sweep": {"library.gp_policy": ["event", "adaptive"]}, "repeat": 2, "floors": {"flavor":
        "stillpoint-two-phase", "duration": "100ms", "least": {"reads": "0.001 %"}}' >/dev/null
    run sp run "$BATS_TEST_TMPDIR/pipe.json" --dry-run
    expect 0
    has "$output" '4 runs, 0.9 s ('
    has "$output" '  floors  reads 0.001 % of what stillpoint-two-phase does in 100ms'
    run sp run "$BATS_TEST_TMPDIR/pipe.json" --out "$OUT" --quiet
    expect 0
    [ "$(events 'select(.event == "floor").run')" = 1 ]
    [ "$(result '[.runs[].floor.counts.reads] | length == 4 and (unique | length) == 1 and .[0] > 0')" = true ]
    is_valid_result
}

@test "a budget that is exceeded is exit code 3, and one that is met is none" {
    # Whatever is measured.
    run --separate-stderr sp run "$(scenario rates '{"name": "rates", "duration": "100ms", "warmup": "0s", "repeat": 10,
        "workloads": [{"type": "gp-latency", "readers": 0}], "budgets": [{"metric": "rate.gps", "min": 1e12},
            {"metric": "rate.gps", "max": 1e12}]}')" --out "$OUT" --progress none
    expect 3
    [ "$(result '[.verdict.budgets[].verdict] | join(" ")')" = 'exceeded within' ]
    [ "$(result .verdict.performance)" = exceeded ]
    has "$output" ' 10 repeats), at least 1.0 T  EXCEEDED'
    has "$output" ' 10 repeats), at most 1.0 T  ok'
    is_valid_result
}

@test "a budget leaves correctness untouched" {
    sp run "$(pipe '"budgets": [{"metric": "rate.gps", "min": 1e12}]')" --out "$OUT" --quiet
    # The same run, ten times.
    jq -c 'select(.event == "invocation"), (select(.event == "run-end") | range(10) as $i | .result.repeat = $i)' \
        "$(newest)/events.jsonl" >"$BATS_TEST_TMPDIR/ten"
    rm "$(newest)/result.json"
    mv "$BATS_TEST_TMPDIR/ten" "$(newest)/events.jsonl"
    run --separate-stderr sp salvage "$(newest)"
    expect 3
    [ "$(result '.verdict | .correctness + " " + .performance')" = 'pass exceeded' ]
    has "$output" 'PASS, but too slow'
}

@test "a budget about a swept key that --set fixes is judged by its value, or skipped with the reason" {
    zero='{"rcu-pipe.quiet_readers": 0}' one='{"rcu-pipe.quiet_readers": 1}'
    pipe '"sweep": {"rcu-pipe.quiet_readers": [0, 1], "library.gp_policy": ["event", "adaptive"]}, "budgets": [
        {"metric": "rate.reads", "min": 1, "where": '"$zero"'},
        {"metric": "rate.reads", "min": 1e-9, "ratio_to": '"$one"'}]' >/dev/null
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/pipe.json" --set rcu-pipe.quiet_readers=0 --out "$OUT" --progress none
    expect 0
    has "$output" 'budget rate.reads (gp_policy=event): '
    has "$output" 'budget rate.reads (gp_policy=adaptive) over quiet_readers=1: skipped: what it is compared with'
    [ "$(result '.verdict.budgets[3].reason')" = 'what it is compared with was not run' ]
    [ "$(awk '{ print length }' <<<"$output" | sort -n | tail -n 1)" -le 100 ]
    [ "$(result '[.verdict.budgets[] | .skipped // false] | join(" ")')" = 'false false true true' ]
    [ "$(result .verdict.performance)" = undecided ]
    is_valid_result
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/pipe.json" --set rcu-pipe.quiet_readers=1 --out "$OUT" --progress none
    expect 0
    has "$output" 'budget rate.reads (quiet_readers=0): skipped: no such point was run'
    has "$output" 'budget rate.reads over quiet_readers=1: skipped: only what it is compared with was run'
    [ "$(result .verdict.performance)" = none ]
    is_valid_result
    # What is fixed is the point and its base alike: the other key still tells them apart.
    run --separate-stderr sp run "$BATS_TEST_TMPDIR/pipe.json" --set rcu-pipe.quiet_readers=1 --out "$OUT" --progress none \
        --set 'budgets=[{"metric": "rate.reads", "max": 0, "where": '"$one"',
            "ratio_to": {"rcu-pipe.quiet_readers": 1, "library.gp_policy": "event"}}]'
    expect 0
    has "$output" 'budget rate.reads (gp_policy=adaptive) over quiet_readers=1 gp_policy=event:'
}

@test "a figure that no run has is not measured, and no pass" {
    run --separate-stderr sp run "$(pipe '"budgets": [{"metric": "gp.polled.p99", "max": "1s"}]')" --out "$OUT" --progress none
    expect 3
    has "$output" 'budget gp.polled.p99: not measured'
}

@test "correctness comes before performance" {
    run sp run "$(sync_only '"budgets": [{"metric": "gp.total.p50", "max": 0}], "require": {"reads": 1000000000000}')" \
        --flavor broken --out "$OUT" --quiet
    expect 1
}

@test "a pass states its confidence, a violation does not" {
    sp run "$(pipe)" --out "$OUT" --quiet
    [ "$(result '.verdict | (.max_failures_per_hour["95"] * .clean_seconds / 3600 * 1000 | round)')" -eq 2996 ]
    sp run "$(sync_only)" --flavor broken --out "$OUT" --quiet || true
    [ "$(result '.verdict.max_failures_per_hour | length')" -eq 0 ]
}

@test "on_finding stop ends the run, and the other runs go on" {
    run sp run "$(sync_only '"sweep": {"flavor": ["broken", "stillpoint"]}')" --set duration=500ms --out "$OUT" --quiet
    expect 1
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'violation pass' ]
}

@test "--fail-fast starts no further run after a finding" {
    run sp run "$(sync_only '"sweep": {"flavor": ["broken", "stillpoint"]}')" --fail-fast --out "$OUT" --quiet
    expect 1
    [ "$(result '.runs | length')" -eq 1 ]
    [ "$(result '.verdict.reasons[0]')" = 'ended after the first finding, in run 1' ]
}

@test "on_finding continue counts on to the end" {
    run sp run "$(sync_only '"on_finding": "continue"')" --flavor broken --duration 600ms --out "$OUT" --quiet
    expect 1
    [ "$(result '.runs[0].seconds >= 0.6')" = true ]
    [ "$(result '[.runs[0].findings[].count] | max > 1')" = true ]
    is_valid_result
}

@test "--until-failure goes round until there is a finding, with other seeds each time" {
    # Slow grace periods and sections that are hardly ever long: most runs of 100 ms are clean.
    NAME=rare scenario rare '{"name": "rare", "duration": "100ms", "warmup": "0s", "flavor": "broken", "stall_limit": "5s",
        "workloads": [{"type": "rcu-pipe", "readers": 1, "quiet_readers": 0, "expedited_updaters": 0, "call_rcu_updaters": 0,
        "fake_updaters": 0, "heap_one_in": 0, "short_delay_one_in": 0, "long_delay": "100ms", "long_delay_one_in": 2000000}]}' >/dev/null
    MISBEHAVE=gentle run sp run "$BATS_TEST_TMPDIR/rare.json" --until-failure --seed 5 --out "$OUT" --quiet
    expect 1
    [ "$(result '.runs[-1].verdict')" = violation ]
    # Those before it passed: they are counted.
    [ "$(result '.runs | length')" -eq 1 ]
    rounds=$(result '1 + (.runs[0].earlier.runs // 0)')
    [ "$(events 'select(.event == "run-end").result.verdict' | grep -c pass)" -eq $((rounds - 1)) ]
    [ "$rounds" -eq 1 ] || lacks "$(result '.runs[-1].findings[0].repro')" '--seed 5 '
    is_valid_result
}

@test "rounds that have nothing to tell are counted, and no more" {
    begin "$(pipe '"sweep": {"rcu-pipe.readers": [1, 2]}')" --duration 100ms --until-failure
    until_event 'select(.event == "run-end" and .run == 7)'
    kill -INT "$DRIVER"
    end
    [ "$(result '.runs | length')" -le 4 ]
    [ "$(result '[.runs[].point["rcu-pipe.readers"]] | unique | length')" -eq 2 ]
    ended=$(events 'select(.event == "run-end").run' | wc -l)
    [ "$(result '[.runs[].earlier.runs // 0] | add')" -eq $((ended - $(result '.runs | length'))) ]
    # All of them are in the clean time.
    events 'select(.event == "run-end").result | select(.verdict == "pass") | .seconds - .lost_seconds' |
        jq -es --argjson told "$(result '.verdict.clean_seconds')" '(add - $told) | fabs < 0.001'
    has "$output" ' found nothing; they are counted, not kept.'
    is_valid_result
}

@test "--gdb stops at the first finding, in the thread that made it" {
    command -v gdb >/dev/null || skip 'gdb is not installed'
    run "$CLI_BUILD/stillpoint" run "$(sync_only)" --flavor broken --gdb --out "$OUT" --progress none </dev/null
    [[ $output != *'ptrace: Operation not permitted'* ]] || skip 'ptrace is not permitted here'
    expect 1
    has "$output" 'torture_finding_made'
    [[ $output =~ '#1 '.*torture_violation ]]
    [[ $output =~ '#2 '.*reader ]]
    is_valid_result
}

@test "a missing gdb is told with its package" {
    run --separate-stderr sp run "$(pipe)" --gdb --out "$OUT"
    expect 64
    has "$stderr" 'gdb: cannot be started: No such file or directory; install the package gdb'
    left_nothing
}

@test "a benchmark is measured: it has no bound, and leaves that of what was checked alone" {
    run --separate-stderr sp run "$(scenario bench '{"name": "bench", "duration": "200ms", "warmup": "0s",
        "workloads": [{"type": "read-side"}]}')" --out "$OUT" --progress none
    expect 0
    has "$output" '  MEASURED  nothing was checked'
    [ "$(result '.verdict.correctness + " " + .runs[0].verdict')" = 'measured measured' ]
    [ "$(result '.verdict.clean_seconds + (.verdict.max_failures_per_hour | length)')" = 0 ]
    is_valid_result
}

@test "torture in which nothing was checked is inconclusive, and no clean time" {
    run --separate-stderr sp run "$(scenario pipe '{"name": "pipe", "duration": "200ms", "warmup": "0s",
        "stall_limit": "5s", "sweep": {"rcu-pipe.readers": [0, 1]}, "workloads": [{"type": "rcu-pipe",
        "quiet_readers": 0, "call_rcu_updaters": 0, "fake_updaters": 0, "heap_one_in": 0}]}')" \
        --out "$OUT" --progress none
    expect 2
    has "$output" '    readers=0: nothing was checked'
    [ "$(result '[.runs[].verdict] | join(" ")')" = 'inconclusive pass' ]
    [ "$(result '.runs[0].clean_seconds == 0 and .runs[1].clean_seconds == .verdict.clean_seconds')" = true ]
}

@test "each run has the bound of its point, from all its repeats" {
    sp run "$(pipe '"sweep": {"rcu-pipe.readers": [1, 2]}, "repeat": 2')" --out "$OUT" --quiet
    [ "$(result '.runs | group_by(.point) | map([(map(.seconds - .lost_seconds) | add), .[].clean_seconds]
        | (max - min) < 1e-9) | all and (length == 2)')" = true ]
    [ "$(result '[.runs[] | .max_failures_per_hour["95"] * .clean_seconds / 3600 * 1000 | round == 2996] | all')" = true ]
}
