#!/usr/bin/env bats
# The jobs in docs/ci/, for as long as a test may take: what they call is run, what calls them is read by its linter.

load helper

# A repository of two commits, in which `make` has built already.
setup() {
    TREE=$BATS_TEST_TMPDIR/tree
    mkdir -p "$TREE/build/compare" "$BATS_TEST_TMPDIR/bin"
    cp -r "$ROOT"/{docs,scripts,configs} "$TREE"
    ln -s "$CLI_BUILD/stillpoint" "$TREE/build/stillpoint"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ncase "$*" in *print*) echo build ;; esac\n' >"$BATS_TEST_TMPDIR/bin/make"
    chmod +x "$BATS_TEST_TMPDIR/bin/make"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
    cd "$TREE"
    printf '/build\n/out\n' >.gitignore
    git init -q . && git config user.email a@b && git config user.name a
    touch Makefile
    git add . && git commit -q -m one
    git commit -q --allow-empty -m two
    base=$(git rev-parse --short=12 HEAD~1)
    ln -s "$TREE" "build/compare/$base"
    SCENARIO=$(scenario tiny '{"name": "tiny", "duration": "100ms", "warmup": "0s",
        "workloads": [{"type": "gp-latency", "readers": 0}]}')
    export SCENARIO
}

@test "a pull request is compared with where it left its target" {
    PAIRS=11 run docs/ci/pull-request.sh HEAD~1 out
    [[ $status =~ ^[023]$ ]]
    has "$output" 'metric'
    [ "$(ls -d out/base/2* | wc -l)" = 11 ]
    [ "$(ls -d out/new/2* | wc -l)" = 11 ]
    has "$(cat out/summary.md)" "### Against $base"
    has "$(cat out/summary.md)" '| gp p50 |'
    # Nothing of an earlier run is taken for this one's.
    run docs/ci/pull-request.sh HEAD~1 out
    expect 64
    has "$output" 'out: has results of a comparison'
}

@test "a job that measured nothing is no success" {
    PAIRS=2 run docs/ci/pull-request.sh HEAD~1 out
    expect 2
    has "$(cat out/summary.md)" 'this run measured nothing'
    run docs/ci/pull-request.sh nowhere out2
    expect 64
    has "$output" 'nowhere and this tree have no common commit'
}

@test "each night adds to the history, and keeps what it found" {
    printf '{"name": "set", "turn": "1s", "set": {"duration": "300ms"}, "scenarios": ["%s"]}' "$(pipe)" >set.json
    for night in 1 2; do
        SET=$PWD/set.json run docs/ci/night.sh 3s out
        expect 0
    done
    [ "$(find out/nights -name summary.json | wc -l)" = 2 ]
    [ "$("$CLI_BUILD/stillpoint" history list --json --db out/history.db | jq -r '.[0].results')" = 2 ]
    has "$output" '1 added, 1 there already'
}

@test "what calls them is well-formed" {
    /usr/bin/python3 -c 'import yaml' 2>/dev/null || skip 'python3-yaml is not installed'
    /usr/bin/python3 - <<'END'
import yaml
github = yaml.safe_load(open("docs/ci/github-actions.yml"))
assert set(github["jobs"]) == {"compare", "night"} and True in github  # "on"
for job in github["jobs"].values():
    assert all(("run" in step) != ("uses" in step) for step in job["steps"]), job
gitlab = yaml.safe_load(open("docs/ci/gitlab-ci.yml"))
assert gitlab["night"]["script"] and gitlab["compare"]["artifacts"]["when"] == "always"
END
    for script in docs/ci/*.sh; do bash -n "$script"; done
    [ "$(grep -vc '^#\|^SHELL' docs/ci/crontab)" = 1 ]
    grep -qE '^[0-9]+ [0-9]+ \* \* \*  ' docs/ci/crontab
    command -v systemd-analyze >/dev/null || skip 'systemd-analyze is not installed'
    cp docs/ci/stillpoint-night.* .
    run systemd-analyze verify --user ./stillpoint-night.timer ./stillpoint-night.service
    lacks "$output" stillpoint-night
}
