# Scenarios in parts: what cannot run in one process.

load helper

# Two parts, of torture and of a measurement. `two MORE` adds members.
two() {
    scenario two '{"name": "two", "duration": "200ms", "warmup": "0s", "stall_limit": "5s"'"${1:+, $1}"',
        "parts": [
            {"name": "waits", "warmup": "300ms", "workloads": [{"type": "gp-wait", "long_readers": 0, "requesters": 100}]},
            {"name": "torture", "workloads": [{"type": "rcu-pipe", "readers": 1, "fake_updaters": 0}],
             "require": {"reads": 1, "gps": 1}, "sweep": {"rcu-pipe.readers": [1, 2]}}]}'
}

# waited: of the last `run`; what became of the waits. Beside busy processes one of the requesters may be late when it
# begins, and that is more than 1 % of so few requests.
waited() {
    waits=measured correctness=pass
    [ "$status" -ne 2 ] || waits=inconclusive correctness=inconclusive
    [ "$status" -eq 2 ] || expect 0
}

@test "parts have points and a table of their own, in one result" {
    run --separate-stderr sp run "$(two)" --out "$OUT" --progress none
    waited
    [ "$(result '[.runs[] | .label + ": " + .verdict] | join(", ")')" = \
        "waits: $waits, torture readers=1: pass, torture readers=2: pass" ]
    [ "$(result '.runs[1].point | tojson')" = '{"part":"torture","rcu-pipe.readers":1}' ]
    [[ $output =~ waits\ +p50\ +p99\ +max\ +requests\ .*torture\ +GPs\ +GP\ p50\  ]]
    [ "$(grep -cE '^  readers=[12] +[0-9]' <<<"$output")" -eq 2 ]
    # Only what was checked bounds anything.
    [ "$(result '.verdict.correctness')" = "$correctness" ]
    [ "$(result '[.runs[] | .clean_seconds > 0 and .clean_seconds <= .seconds] | tojson')" = '[false,true,true]' ]
    [ "$(result '.verdict.clean_seconds - (.runs[1:] | map(.clean_seconds) | add) | fabs < 1e-9')" = true ]
    is_valid_result
    # What is kept of it says the same again.
    run sp run "$(newest)/scenario.json" --dry-run
    expect 0
    [[ $output =~ run\ 3\ +torture\ readers=2 ]]
}

@test "--set chooses a part, and changes those that have the key" {
    run --separate-stderr sp run "$(two)" --set part=torture --set rcu-pipe.readers=3 --duration 100ms --dry-run
    expect 0
    [[ ${lines[0]} == '1 run, 0.1 s,'* ]]
    has "$output" 'reader x3'
    run --separate-stderr sp run "$(two)" --set gp-wait.requesters=7 --set rcu-pipe.readers=3 --dry-run
    expect 0
    has "$output" 'requester x7'
    has "$output" 'reader x3'
    run --separate-stderr sp validate "$(two)" --set part=tortur
    expect 64
    says '--set part=tortur: there is no such part; did you mean "torture"?'
    run --separate-stderr sp validate "$(two)" --set kick.vcpus=1
    expect 64
    says '--set kick.vcpus=1: this scenario has no workload "kick"'
    run --separate-stderr sp validate "$(pipe)" --set part=waits
    expect 64
    says '--set part=waits: the scenario has no such part'
}

# refuses PARTS MESSAGE
refuses() {
    file=$(scenario bad '{"name": "bad", "duration": "1s", "warmup": "0s", "parts": '"$1"'}')
    run --separate-stderr sp validate "$file"
    expect 64
    says "$file: $2"
}

@test "mistakes in parts are told by their place in the file" {
    refuses '[]' '/parts: expected a list of at least one part, found an array'
    refuses '[1]' '/parts/0: expected an object, found 1'
    W='"workloads": [{"type": "gp-wait"}]'
    refuses '[{'"$W"'}]' "/parts/0/name: expected the part's name, a word"
    refuses '[{"name": "a b", '"$W"'}]' "/parts/0/name: expected the part's name, a word"
    refuses '[{"name": "a", '"$W"'}, {"name": "a", '"$W"'}]' '/parts/1/name: another part is called that too'
    refuses '[{"name": "a", "seed": 3, '"$W"'}]' '/parts/0/seed: belongs to the whole scenario'
    refuses '[{"name": "a", '"$W"'}, {"name": "b", "workloads": [{"type": "gp-wait", "reader": 1}]}]' \
        '/parts/1/workloads/0/reader: unknown key; did you mean "readers"?'
    refuses '[{"name": "a", '"$W"'}, {"name": "b", '"$W"', "duraton": 1}]' \
        '/parts/1/duraton: unknown key; did you mean "duration"?'
    file=$(scenario bad '{"parts": [{"name": "a", '"$W"'}]}')
    run --separate-stderr sp validate "$file"
    says "$file: /name: missing (What the scenario is called; part of the name of its results)"
    file=$(scenario bad '{"name": "x", "part": "a", '"$W"'}')
    run --separate-stderr sp validate "$file"
    says "$file: /part: unknown key; did you mean \"parts\"?"
    # What all parts have in common is told once, and by its own place.
    file=$(two '"warmpu": 1')
    run --separate-stderr sp validate "$file"
    says "$file: /warmpu: unknown key; did you mean \"warmup\"?"
}

@test "a part that a flavor cannot run is skipped, and the others run" {
    run --separate-stderr sp run "$(two)" --flavor mutex --set torture.x=1 --out "$OUT" --progress none
    expect 64
    run --separate-stderr sp run "$(two)" --flavor mutex --set rcu-pipe.call_rcu_updaters=1 --out "$OUT" --progress none
    waited
    [ "$(result '[.runs[].verdict] | join(" ")')" = "$waits skipped skipped" ]
    [ "$(result '.verdict.correctness')" = "$waits" ]
    # With less in it, it runs; so does what is kept of that.
    run --separate-stderr sp run "$(two)" --flavor mutex --out "$OUT" --progress none
    waited
    [ "$(result '[.runs[].verdict] | join(" ")')" = "$waits pass pass" ]
    run --separate-stderr sp run "$(newest)/scenario.json" --dry-run
    expect 0
    has "$stderr" 'left out, flavor "mutex" cannot "call": rcu-pipe.call_rcu_updaters'
}

@test "budgets of a part are judged by its runs" {
    run --separate-stderr sp run "$(two)" --set 'rcu-pipe.readers=1' --out "$OUT" --progress none \
        --set 'budgets=[{"metric": "rate.gps", "min": 0}]'
    # 2: beside busy processes all requesters may be late.
    [ "$status" -eq 0 ] || expect 2
    [ "$(result '[.verdict.budgets[].point.part] | join(" ")')" = 'waits torture' ]
}

@test "a finding of a part is reproduced by that part" {
    run --separate-stderr sp run "$(scenario broken '{"name": "broken", "duration": "2s", "warmup": "0s",
        "flavor": "broken", "parts": [
            {"name": "waits", "duration": "100ms", "workloads": [{"type": "gp-wait", "long_readers": 0}]},
            {"name": "torture", "workloads": [{"type": "rcu-pipe", "expedited_updaters": 0,
             "call_rcu_updaters": 0, "heap_one_in": 0}]}]}')" --out "$OUT" --progress none
    expect 1
    has "$(result '.runs[1].findings[0].repro')" ' --set part=torture '
}

@test "each part has its pictures" {
    "$CLI_BUILD/stillpoint" run "$(scenario drawn '{"name": "drawn", "duration": "300ms", "warmup": "0s", "parts": [
        {"name": "one", "workloads": [{"type": "gp-latency"}]},
        {"name": "two", "workloads": [{"type": "gp-latency", "section": "1ms"}]},
        {"name": "three", "workloads": [{"type": "gp-wait", "long_readers": 0}]}]}')" --out "$OUT" --progress none ||
        [ $? -eq 2 ] # requests that are late on a busy machine
    for picture in gp-latency-ccdf two-gp-latency-ccdf gp-wait-ccdf; do
        [ -s "$OUT/latest/$picture.svg" ]
    done
    grep -q 'drawn: two, seed' "$OUT/latest/two-gp-latency-ccdf.svg"
}
