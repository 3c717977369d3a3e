# What the tests of the command line have in common. Sourced by every file.

bats_require_minimum_version 1.5.0

# What starts the program where a signal matters: bash hands on what was ignored when it started, as nohup does.
# --ignore-signal may be added.
with_signals=(env --default-signal)

# The program among the flavors of the suite, without a gnuplot to wait for.
sp() {
    PATH=/nonexistent "$CLI_BUILD/stillpoint" "$@"
}

# scenario NAME JSON: prints the path of a new file.
scenario() {
    printf '%s' "$2" >"$BATS_TEST_TMPDIR/$1.json"
    echo "$BATS_TEST_TMPDIR/$1.json"
}

# The least that tortures: short, all checks on. `pipe MORE` adds members.
pipe() {
    scenario "${NAME:-pipe}" '{"name": "pipe", "duration": "200ms", "warmup": "0s",
        "stall_limit": "5s", "workloads": [{"type": "rcu-pipe", "readers": 1, "fake_updaters": 0}]'"${1:+, $1}}"
}

# One that any flavor with synchronize can run; the broken one fails it at once.
sync_only() {
    scenario "${NAME:-sync}" '{"name": "sync", "duration": "2s", "warmup": "0s",
        "workloads": [{"type": "rcu-pipe", "expedited_updaters": 0, "call_rcu_updaters": 0,
                       "heap_one_in": 0}]'"${1:+, $1}}"
}

# What does not violate anything although its flavor is the broken one: it only measures, without a reader.
harmless() {
    scenario harmless '{"name": "harmless", "duration": "'"${1-300ms}"'", "warmup": "0s", "flavor": "broken",
        "stall_limit": "5s", "workloads": [{"type": "gp-latency", "readers": 0}]}'
}

# The result, or FILE, of the newest invocation in $OUT.
OUT=${BATS_TEST_TMPDIR-}/results
newest() { ls -td "$OUT"/*/ | grep -v latest | head -n 1; }
result() { jq -er "$1" "$(newest)/result.json"; }
events() { jq -r "$1" "$(newest)/events.jsonl"; }

# expect CODE: of the last `run`.
expect() {
    [ "$status" -eq "$1" ] && return
    echo "exit code $status, expected $1"
    echo "stdout: $output"
    echo "stderr: ${stderr-}"
    return 1
}

# says TEXT: the last `run` said exactly this line on stderr, and no other line.
says() {
    [ "$stderr" = "$1" ] && return
    echo "said:     $stderr"
    echo "expected: $1"
    return 1
}

has() {
    case $1 in *"$2"*) return 0 ;; esac
    echo "lacks: $2"
    echo "in:    $1"
    return 1
}

lacks() {
    case $1 in *"$2"*) echo "has: $2" ;; *) return 0 ;; esac
    echo "in:  $1"
    return 1
}

# Its schema is applied when the file of tests is over, to all that were kept: loading the validator takes half
# a second.
is_valid_result() {
    cp "${1:-$(newest)/result.json}" \
        "$(mktemp -p "$BATS_FILE_TMPDIR" "result-${BATS_TEST_DESCRIPTION//[^a-zA-Z0-9]/-}-XXXXXX")"
}
teardown_file() {
    local results=("$BATS_FILE_TMPDIR"/result-*)
    [ ! -e "${results[0]}" ] ||
        /usr/bin/python3 "$BATS_TEST_DIRNAME/validate.py" "$ROOT/configs/schema/result.schema.json" "${results[@]}"
}

# No directory of results is left, nor a link to one.
left_nothing() {
    [ -z "$(ls -A "$OUT" 2>/dev/null)" ] && return
    ls -RA "$OUT"
    return 1
}

# Starts `stillpoint run ARGUMENT...` behind the test's back, and waits until its threads run.
# Sets DRIVER and RUNNER (process ids).
begin() {
    local i directory
    mkdir -p "$OUT"
    "${with_signals[@]}" PATH=/nonexistent "$CLI_BUILD/stillpoint" run "$@" --out "$OUT" \
        >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
    DRIVER=$!
    for ((i = 0; i < 600; i++)); do
        directory=$(newest 2>/dev/null) &&
            RUNNER=$(jq -r 'select(.event == "ready").pid' "$directory/events.jsonl" 2>/dev/null) || :
        [ -z "${RUNNER-}" ] || return 0
        sleep 0.05
    done
    echo 'the run did not begin'
    cat "$BATS_TEST_TMPDIR/stderr"
    return 1
}

# Waits until the newest events hold something; for steps of a run that goes on.
until_event() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ -z "$(jq -c "$1" "$(newest)/events.jsonl" 2>/dev/null)" ] || return 0
        sleep 0.05
    done
    echo "no event: $1"
    return 1
}

# Waits for the driver of begin(); sets status, output and stderr as `run` does.
end() {
    status=0
    wait "$DRIVER" || status=$?
    output=$(<"$BATS_TEST_TMPDIR/stdout")
    stderr=$(<"$BATS_TEST_TMPDIR/stderr")
}

# Waits until a process is gone; one that nobody collects counts as gone.
until_gone() {
    local i
    for ((i = 0; i < 600; i++)); do
        case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null || :) in '' | Z* | X*) return ;; esac
        sleep 0.05
    done
    echo "process $1 lives on"
    return 1
}

# For tests that start something: whatever a failure left behind goes.
stop_all() {
    [ -z "${DRIVER-}" ] || kill -KILL "$DRIVER" 2>/dev/null || :
    [ -z "${RUNNER-}" ] || kill -KILL "$RUNNER" 2>/dev/null || :
}
