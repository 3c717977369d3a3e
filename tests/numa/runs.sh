# shellcheck shell=bash
# What the checks of tests/numa/suite.sh are made of: the machine and a run's threads as the kernel tells them. Sourced, in
# the root of the tree, with program, tasks and work set.
# shellcheck disable=SC2034,SC2154,SC2207

# ---- The machine, by the kernel ------------------------------------------------------------------

expand() { # 0-2,5: 0 1 2 5
    local part
    for part in ${1//,/ }; do seq "${part%-*}" "${part#*-}"; done
}

system=/sys/devices/system
declare -a node_of core_of # by CPU
read_machine() {
    local node cpu
    [ -e $system/node/has_cpu ] || { echo 'tests/numa/suite.sh: this kernel knows no NUMA nodes' >&2 && exit 77; }
    nodes=($(expand "$(<$system/node/has_cpu)")) with_memory=($(expand "$(<$system/node/has_memory)"))
    all_nodes=($(expand "$(<$system/node/online)"))
    for node in "${nodes[@]}"; do
        for cpu in $(expand "$(<$system/node/node"$node"/cpulist)"); do node_of[cpu]=$node; done
    done
    for cpu in "${!node_of[@]}"; do core_of[cpu]=$(<$system/cpu/cpu"$cpu"/topology/core_cpus_list); done
    cpus=("${!node_of[@]}")
    read_distances
}

# By node, several where they are equally far: nearest and farthest of the nodes with memory, beside and across of those with
# CPUs. None but the nearest is the node itself.
declare -a nearest farthest beside across
read_distances() {
    local node
    for node in "${nodes[@]}"; do
        nearest[node]=$(at_distance "$node" 1 "${with_memory[*]}")
        farthest[node]=$(at_distance "$node" -1 "$(but "$node" "${with_memory[*]}")")
        beside[node]=$(at_distance "$node" 1 "$(but "$node" "${nodes[*]}")")
        across[node]=$(at_distance "$node" -1 "$(but "$node" "${nodes[*]}")")
    done
}
# at_distance NODE 1|-1 NODES: of these the ones that are least or most far from NODE.
at_distance() {
    local i distances best='' chosen=
    read -ra distances <"$system/node/node$1/distance"
    for i in "${!all_nodes[@]}"; do
        among "${all_nodes[i]}" "$3" || continue
        [ -n "$best" ] && [ $(($2 * distances[i])) -ge $(($2 * best)) ] || best=${distances[i]}
    done
    for i in "${!all_nodes[@]}"; do
        among "${all_nodes[i]}" "$3" && [ "${distances[i]}" = "$best" ] && chosen+=" ${all_nodes[i]}"
    done
    echo "$chosen"
}
but() { # WORD LIST
    local word
    for word in $2; do [ "$word" = "$1" ] || echo "$word"; done | paste -sd ' '
}

among() { # WORD LIST
    [[ " $2 " == *" $1 "* ]]
}

may_change() {
    grep -q 'stillpoint\.numa=' /proc/cmdline && return
    echo 'skip: changes CPUs or cpusets of the machine: only in the guest of tests/numa/run.sh'
    return 1
}
needs_nodes() { # NUMBER
    [ "${#nodes[@]}" -ge "$1" ] && [ "${#with_memory[@]}" -ge "$1" ] && return
    echo "skip: this machine has ${#nodes[@]} NUMA nodes, and $1 are needed"
    return 1
}

# ---- Runs ----------------------------------------------------------------------------------------

failed=
wrong() { # TEXT
    echo "$1"
    failed=1
}

# For as long as somebody looks. What is slow is no failure.
scenario() { # WORKLOADS [PLACEMENT]
    printf '{"name": "numa", "duration": "1h", "warmup": "0s", "interval": "100ms", "stall_limit": "5m",
        "placement": {%s}, "workloads": [%s]}' "${2-}" "$1"
}
pipe() { # QUIET_READERS SLEEPERS [READERS]: the last of which never sleep; and an updater
    printf '{"type": "rcu-pipe", "quiet_readers": %d, "sleepers": %d, "readers": %d, "sync_updaters": 0,
        "expedited_updaters": 1, "expedite_pause": "20ms", "call_rcu_updaters": 0, "fake_updaters": 0,
        "heap_one_in": 0}' "$1" "$2" "${3-0}"
}
# A thread that allocates a few megabytes, again and again.
flood='{"type": "rcu-callback", "readers": 0, "callers": 1, "burst_pause": "1s", "barriers": 0, "lock_users": 0,
    "flooders": 1, "flood_max": 50000, "flood_calls": 50000, "flood_pause": "10ms"}'

until_true() { # COMMAND...
    local i
    for ((i = 0; i < 600; i++)); do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}

is_ready() {
    kill -0 "$driver" 2>/dev/null || return 0
    events=$(echo "$work"/out/2*/events.jsonl)
    grep -qs '"event":"ready".*}$' "$events"
}

# Starts a run, by a command that may be empty; returns when its threads are in place. Sets driver, runner, and
# what is planned: name_of (as much as the kernel keeps), cpu_of and offset_of by the thread's number.
begin() { # SCENARIO [COMMAND...]
    local name cpu offset ready thread=0
    rm -rf "$work/out"
    printf '%s' "$1" >"$work/scenario.json"
    name_of=() cpu_of=() offset_of=()
    "${@:2}" env PATH=/nonexistent "$program" run "$work/scenario.json" --out "$work/out" --progress none \
        >"$work/said" 2>&1 &
    driver=$!
    until_true is_ready
    ready=$(grep -s '"event":"ready"' "$events")
    runner=$(jq .pid <<<"$ready")
    while read -r name cpu offset; do
        name_of[thread]=${name:0:15} cpu_of[thread]=$cpu offset_of[thread]=$offset
        thread=$((thread + 1))
    done < <(jq -r '.threads[] | "\(.name) \(.cpu) \(.offset)"' <<<"$ready")
    [ -n "$runner" ] && [ "$thread" -gt 0 ] && look && return
    wrong 'the run did not begin'
    cat "$work/said"
    return 1
}

# Ends it. It must have found nothing; what it did not reach on so slow a machine is no failure.
end() {
    kill -TERM "$driver"
    wait "$driver"
    expect_clean $?
    driver=
}
expect_clean() { # CODE
    result=$work/out/latest/result.json
    [ "$1" -eq 0 ] || [ "$1" -eq 2 ] || wrong "exit code $1"
    jq -e '[.runs[].findings[]] == []' "$result" >/dev/null || wrong 'it has findings, or no result'
    [ -z "$failed" ] || cat "$work/said"
}
expect_note() { # TEXT
    jq -r '.runs[].notes[]' "$result" | grep -qF "$1" || wrong "no note \"$1\" in: $(jq -c '[.runs[].notes]' "$result")"
}

# Ends it; by its note those threads were moved that the kernel no longer has bound as planned, and no others.
end_with_strays() {
    local i note more unbound=()
    look
    for i in "${!name_of[@]}"; do
        [ "${allowed[${name_of[i]}]-gone}" = "${cpu_of[i]}" ] || unbound+=("${name_of[i]}")
    done
    end
    note=$(jq -r '.runs[].notes[]' "$result" | grep ' was sent to CPU ')
    more=$(sed -n 's/.*; \([0-9]*\) more of .* left where they were sent to as well$/\1/p' <<<"$note")
    [[ $note == *', and was no longer bound when it ended'* ]] && [ $((1 + ${more:-0})) -eq ${#unbound[@]} ] &&
        among "$(cut -c -15 <<<"${note%% was sent to CPU *}")" "${unbound[*]}" && return
    wrong "of threads that are no longer bound, ${unbound[*]}, it has noted: $note"
}

# refuses PLACEMENT MESSAGE: a run is refused with it.
refuses() {
    printf '%s' "$(scenario "$(pipe 1 1)" "$1")" >"$work/bad.json"
    "$program" validate "$work/bad.json" >"$work/said" 2>&1
    local code=$?
    [ "$code" -eq 64 ] && grep -qF "$2" "$work/said" && return
    wrong "refused with code $code, expected 64 and \"$2\":"
    cat "$work/said"
}

# What the kernel says of the run's threads, by name.
declare -A allowed on ran memory stack
look() {
    local name may last time policy start
    allowed=() on=() ran=() memory=() stack=()
    while read -r name may last time policy start; do
        allowed[$name]=$may on[$name]=$last ran[$name]=$time memory[$name]=$policy stack[$name]=$start
    done < <("$tasks" "$runner")
    [ ${#allowed[@]} -gt 0 ]
}

# Every thread is on the CPU to which it was sent, and may run on no other; the runner's main thread on any.
expect_placed() {
    local i name
    for i in "${!name_of[@]}"; do
        name=${name_of[i]}
        [ "${allowed[$name]-none}" = "${cpu_of[i]}" ] ||
            wrong "$name was sent to CPU ${cpu_of[i]}; the kernel lets it run on ${allowed[$name]-none, it is gone}"
        [ "${on[$name]-none}" = "${cpu_of[i]}" ] ||
            wrong "$name was sent to CPU ${cpu_of[i]}; the kernel has it on ${on[$name]-none}"
    done
    [ "${allowed[runner-stillpoi]-none}" = "$everywhere" ] ||
        wrong "the main thread may run on ${allowed[runner-stillpoi]-none, it is gone} instead of $everywhere"
}

# Each thread runs, from now on too.
have_run() {
    local name
    local -A before
    look
    for name in "${!ran[@]}"; do before[$name]=${ran[$name]}; done
    all_ran() {
        look
        for i in "${!name_of[@]}"; do
            name=${name_of[i]}
            [ "${ran[$name]-0}" -gt "${before[$name]-0}" ] || return 1
        done
    }
    until_true all_ran || wrong "$name does not run any more"
}
