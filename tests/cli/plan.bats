#!/usr/bin/env bats
# From a scenario and the command line to what would run.

load helper

swept() { pipe '"sweep": {"library.gp_policy": ["event", "poll"], "rcu-pipe.readers": [1, 2]}, "repeat": 2'; }

@test "the same seed gives the same plan, another seed another" {
    swept >/dev/null
    first=$(sp run "$BATS_TEST_TMPDIR/pipe.json" --seed 7 --dry-run)
    [ "$first" = "$(sp run "$BATS_TEST_TMPDIR/pipe.json" --seed 7 --dry-run)" ]
    [ "$first" != "$(sp run "$BATS_TEST_TMPDIR/pipe.json" --seed 8 --dry-run)" ]
}

@test "the same seed gives each run the same seed, repeats get seeds of their own" {
    NAME=one sync_only '"repeat": 3, "on_finding": "stop", "flavor": "broken"' >/dev/null
    for seed in 7 7 8; do
        sp run "$BATS_TEST_TMPDIR/one.json" --seed $seed --out "$BATS_TEST_TMPDIR/out" --quiet || [ $? -eq 1 ]
        jq -r '.runs[].findings[0].repro | capture("--seed (?<s>[0-9]+)").s' \
            "$BATS_TEST_TMPDIR/out/latest/result.json" | paste -s
    done >"$BATS_TEST_TMPDIR/seeds"
    mapfile -t seeds <"$BATS_TEST_TMPDIR/seeds"
    [ "${seeds[0]}" = "${seeds[1]}" ]
    [ "${seeds[0]}" != "${seeds[2]}" ]
    [ "$(tr '\t' '\n' <<<"${seeds[0]}" | sort -u | wc -l)" -eq 3 ]
    [[ ${seeds[0]} == 7$'\t'* ]]
}

@test "without a seed one is chosen, told and kept" {
    sp run "$(pipe)" --out "$OUT" --progress none 2>/dev/null >"$BATS_TEST_TMPDIR/table"
    seed=$(result .seed)
    [ "$seed" -gt 0 ]
    has "$(<"$BATS_TEST_TMPDIR/table")" "seed $seed"
    [ "$(jq .seed "$(newest)/scenario.json")" = "$seed" ]
}

@test "--dry-run shows runs, sweep, threads, placement and time, and runs nothing" {
    run --separate-stderr sp run "$(swept)" --duration 5s --set warmup=500ms --dry-run --out "$OUT"
    expect 0
    [[ ${lines[0]} =~ ^'8 runs, 40 s (5s each, 500ms warm-up), flavor stillpoint, seed '[0-9]+$ ]]
    has "$output" '  sweep   library.gp_policy = event poll'
    has "$output" '  sweep   rcu-pipe.readers = 1 2'
    has "$output" '  threads reader x1  quiet-reader x1  sync-updater x1  expedited-updater x1  call-rcu-updater x1'
    [[ $output =~ '  placement scatter: PU ' ]]
    has "$output" 'run 1  gp_policy=event readers=1'
    has "$output" 'run 5  gp_policy=poll readers=2' # every second repeat runs backwards
    has "$output" 'run 8  gp_policy=event readers=1'
    [ -z "$stderr" ]
    left_nothing
}

@test "--dry-run of --until-failure shows a round, and what all of them may take" {
    run sp run "$(swept)" --duration 5s --dry-run
    [[ $output =~ '  disk    up to '([0-9]+)' MB of events'$'\n' ]]
    one=${BASH_REMATCH[1]}
    run sp run "$(swept)" --duration 5s --dry-run --until-failure
    expect 0
    [[ ${lines[0]} =~ ^'8 runs, 40 s a round (5s each, ' ]]
    [[ $output =~ "  disk    up to $one MB of events a round; up to "([0-9]+)' MB in all, unless the runs that are kept alone take more' ]]
    [ "${BASH_REMATCH[1]}" -ge $((one + 67)) ] # 64 MiB, from which on earlier rounds are left out
    [ "${BASH_REMATCH[1]}" -le $((one + 68)) ]
    left_nothing
}

@test "--set, --duration, --seed and --flavor change what is run" {
    run sp run "$(pipe)" --duration 7s --seed 9 --set rcu-pipe.readers=3 --set placement.policy=none --dry-run
    expect 0
    has "$output" '1 run, 7 s (7s each, 0s warm-up), flavor stillpoint, seed 9'
    has "$output" 'reader x3'
    has "$output" 'placement none: any PU'
    run sp run "$(sync_only)" --flavor broken --dry-run
    expect 0
    has "$output" 'flavor broken'
    run sp run "$(pipe)" --set workloads.0.readers=4 --set 'sweep.library.gp_policy=["fqs"]' --dry-run
    has "$output" 'reader x4'
    has "$output" 'sweep   library.gp_policy = fqs'
}

@test "the last of two --set wins" {
    run sp run "$(pipe)" -s seed=1 --seed 2 --set seed=3 --dry-run
    has "$output" 'seed 3'
}

@test "setting a swept key takes it out of the sweep" {
    run sp run "$(swept)" --set library.gp_policy=fqs --dry-run
    expect 0
    has "$output" '4 runs'
    lacks "$output" gp_policy
    has "$output" 'sweep   rcu-pipe.readers = 1 2'
    run sp run "$(swept)" --set workloads.0.readers=5 --set library.gp_policy=fqs --set repeat=1 --dry-run
    has "$output" '1 run,'
    lacks "$output" sweep
}

@test "--dry-run shows what would be skipped, and why" {
    run sp run "$(sync_only '"sweep": {"flavor": ["null", "stillpoint"]}')" --dry-run
    expect 0
    has "$output" 'run 1  flavor=null  skipped: flavor "null" cannot "protect" (needed by rcu-pipe)'
    has "$output" 'reader x2'
}

@test "--dry-run takes the scenario that it is given, however it is spelt" {
    cd "$BATS_TEST_TMPDIR"
    NAME=ünïcode pipe >/dev/null
    run sp run ./ünïcode.json --dry-run
    expect 0
    jq '.name = "größe"' ünïcode.json >größe.json
    run sp run größe.json --out "$OUT" --quiet
    expect 0
    is_valid_result
    [[ $(newest) == *-größe/ ]]
}
