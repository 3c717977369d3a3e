#!/bin/bash
# Whether threads and memory are where placement says, by what the kernel says: `tests/numa/suite.sh [NAME...]`;
# prints TAP.
#
# Made for the guest of tests/numa/run.sh, which has four nodes; elsewhere it checks what the machine has. What
# changes CPUs or cpusets is run in that guest only, whose command line has stillpoint.numa=LAYOUT. No check
# compares times.
#
# Environment: STILLPOINT, the program; TASKS, what tests/numa/tasks.c becomes; INTERRUPTS, what
# tests/programs/interrupts.c becomes; KEPT, where the files of failures go.
# The checks are called by name.
# shellcheck disable=SC2317,SC2034,SC2207,SC2154
set -u
cd "$(dirname "$0")/../.." || exit 70
unset STILLPOINT_RUNNERS STILLPOINT_FENCE
program=${STILLPOINT:-$PWD/build/stillpoint} tasks=${TASKS:-$PWD/build/numa/tasks}
interrupts=${INTERRUPTS:-$PWD/build/numa/interrupts}
names=(scatter compact apart none affinity roles_numa roles_cpusets memory_local memory_remote memory_interleave thread_memory own_node
       crowd vcpus moved torture interrupts costs hot_unplug cpuset_shrinks)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. tests/numa/runs.sh

# ---- Policies ------------------------------------------------------------------------------------

# expect_first COUNT KIND KEY...: the first ones differ.
expect_first() {
    local count=$1 kind=$2 seen=' ' i
    shift 2
    for ((i = 1; i <= count; i++)); do
        [[ $seen != *" ${!i} "* ]] || wrong "thread $((i - 1)) has $kind ${!i} as one before, of $count"
        seen+="${!i} "
    done
}

test_scatter='scatter: a thread for each node, then for each core, before any has two'
scatter() {
    local on_nodes=() on_cores=() on_cpus=() name
    begin "$(scenario "$(pipe 1 $((${#cpus[@]} - 2)))" '"policy": "scatter"')" || return
    expect_placed
    for name in "${name_of[@]}"; do
        on_cpus+=("${on[$name]}") on_nodes+=("${node_of[${on[$name]}]}") on_cores+=("${core_of[${on[$name]}]}")
    done
    expect_first ${#nodes[@]} node "${on_nodes[@]}"
    expect_first "$(printf '%s\n' "${core_of[@]}" | sort -u | wc -l)" core "${on_cores[@]}"
    expect_first ${#cpus[@]} CPU "${on_cpus[@]}"
    end
}

# expect_full KIND SIZE KEY...: each key is there as often as there are CPUs of it, without a gap.
expect_full() {
    local kind=$1 of=$2 last='' count=0 seen=' ' key size
    shift 2
    for key in "$@" ''; do
        if [ "$key" != "$last" ]; then
            size=$(printf '%s\n' "${!of}" | tr ' ' '\n' | grep -cxF -- "$last")
            [ -z "$last" ] || [ "$count" -eq "$size" ] || wrong "$kind $last is left with $count of $size CPUs used"
            [[ $seen != *" $key "* ]] || wrong "$kind $key is come back to"
            seen+="$key " last=$key count=0
        fi
        count=$((count + 1))
    done
}

test_compact='compact: fills a core, then a node, before it goes on to the next'
compact() {
    local on_nodes=() on_cores=() name every_node="${node_of[*]}" every_core="${core_of[*]}"
    begin "$(scenario "$(pipe 1 $((${#cpus[@]} - 2)))" '"policy": "compact"')" || return
    expect_placed
    for name in "${name_of[@]}"; do
        on_nodes+=("${node_of[${on[$name]}]}") on_cores+=("${core_of[${on[$name]}]}")
    done
    expect_full node every_node "${on_nodes[@]}"
    expect_full core every_core "${on_cores[@]}"
    end
}

test_apart='policies that keep roles apart: each thread is at that distance from one of the first role, by turns'
apart() {
    local policy
    needs_nodes 2 || return 0
    for policy in same-core same-node nearest-node farthest-node; do
        begin "$(scenario "$(pipe ${#nodes[@]} $((2 * ${#nodes[@]})))" '"policy": "'"$policy"'"')" || return
        expect_placed
        expect_apart "$policy"
        end
    done
}
expect_apart() { # POLICY
    local i name home cpu first=${name_of[0]%-*} homes=() guest=0
    for name in "${name_of[@]}"; do [ "${name%-*}" != "$first" ] || homes+=("${on[$name]}"); done
    for name in "${name_of[@]}"; do
        [ "${name%-*}" != "$first" ] || continue
        home=${homes[guest++ % ${#homes[@]}]} cpu=${on[$name]}
        "is_$1" || wrong "$1: $name is on CPU $cpu, node ${node_of[cpu]}, for one on CPU $home, node ${node_of[home]}"
    done
}
is_same-core() { [ "${core_of[cpu]}" = "${core_of[home]}" ] && [ "$cpu" -ne "$home" ]; }
is_same-node() { [ "${node_of[cpu]}" = "${node_of[home]}" ] && [ "${core_of[cpu]}" != "${core_of[home]}" ]; }
is_nearest-node() { among "${node_of[cpu]}" "${beside[node_of[home]]}"; }
is_farthest-node() { among "${node_of[cpu]}" "${across[node_of[home]]}"; }

test_none='none: every thread may run everywhere'
none() {
    local name
    begin "$(scenario "$(pipe 1 4)" '"policy": "none"')" || return
    for name in "${name_of[@]}"; do
        [ "${allowed[$name]-none}" = "$everywhere" ] || wrong "$name may run on ${allowed[$name]-none} only"
    done
    end
}

test_affinity='only CPUs that the process may use are dealt, as under taskset'
affinity() {
    local own=($(cpus_of "${nodes[-1]}")) everywhere mask=0 name cpu
    for cpu in "${own[@]}"; do mask=$((mask | 1 << cpu)); done
    mask=$(printf %x $mask)
    everywhere=$(taskset "$mask" sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
    begin "$(scenario "$(pipe 1 6)")" taskset "$mask" || return
    expect_placed
    for name in "${name_of[@]}"; do
        among "${on[$name]}" "${own[*]}" || wrong "$name is on CPU ${on[$name]}, which is none of ${own[*]}"
    done
    end
}

# expect_role ROLE CPU...: its threads are on these CPUs, on each of them one at least.
expect_role() {
    local role=$1 name used=' '
    shift
    for name in "${name_of[@]}"; do
        [ "${name%-*}" = "$role" ] || continue
        among "${on[$name]}" "$*" || wrong "$name is on CPU ${on[$name]}, which is none of $*"
        used+="${on[$name]} "
    done
    for name; do [[ $used == *" $name "* ]] || wrong "no $role is on CPU $name, one of $*"; done
}
cpus_of() { # NODE...
    local cpu
    for cpu in "${cpus[@]}"; do among "${node_of[cpu]}" "$*" && echo "$cpu"; done
}

test_roles_numa='the nodes of a role: its threads are there, and on all CPUs of them'
roles_numa() {
    local first=${nodes[0]} second=${nodes[1]-} last=${nodes[-1]} node
    needs_nodes 2 || return 0
    begin "$(scenario "$(pipe 1 "$(cpus_of "$first" "$last" | wc -l)")" \
        '"roles": {"sleeper": {"numa": ['"$last, $first"']}, "expedited-updater": {"numa": ['"$second"']}}')" || return
    expect_placed
    # shellcheck disable=SC2046
    expect_role sleeper $(cpus_of "$first" "$last")
    among "${node_of[${on[expedited-updat]}]}" "$second" || wrong "the updater is on CPU ${on[expedited-updat]}"
    end
    refuses '"roles": {"sleeper": {"numa": [77]}}' 'NUMA node 77 does not exist here (nodes: '
    for node in "${all_nodes[@]}"; do
        among "$node" "${nodes[*]}" ||
            refuses '"roles": {"sleeper": {"numa": ['"$node"']}}' 'no CPU that is allowed here is in the NUMA nodes'
    done
}

test_roles_cpusets='the CPUs of a role, with gaps too, and both CPUs and nodes'
roles_cpusets() {
    local some=() list i last=${nodes[-1]}
    for ((i = 1; i < ${#cpus[@]}; i += 3)); do some+=("${cpus[i]}"); done
    list=$(IFS=,; echo "${some[*]}")
    [ ${#cpus[@]} -lt 3 ] || list="${cpus[0]},$list,${cpus[1]}-${cpus[2]}" some=($(expand "$list"))
    begin "$(scenario "$(pipe "$(cpus_of "$last" | wc -l)" $((2 * ${#some[@]})))" \
        '"roles": {"sleeper": {"cpuset": "'"$list"'"}, "expedited-updater": {"cpuset": "'"${cpus[-1]}"'"},
         "quiet-reader": {"cpuset": "'"${cpus[0]}-${cpus[-1]}"'", "numa": ['"$last"']}}')" || return
    expect_placed
    expect_role sleeper "${some[@]}"
    expect_role expedited "${cpus[-1]}"
    # shellcheck disable=SC2046
    expect_role quiet-reader $(cpus_of "$last")
    end
    refuses '"roles": {"sleeper": {"cpuset": "4000"}}' 'cpuset: CPU 4000 is not available here'
}

# ---- Memory --------------------------------------------------------------------------------------

# The largest heap of a thread of the run: "NODE PAGES" for each node; malloc() has them at multiples of 64 MB.
largest_heap() {
    awk '/^[0-9a-f]*[048c]000000 / && / anon=/ {
             pages = 0; text = ""
             for (i = 3; i <= NF; i++)
                 if (split($i, part, /[N=]/) == 3 && $i ~ /^N[0-9]+=/) { pages += part[3]; text = text part[2] " " part[3] "\n" }
             if (pages > most) { most = pages; largest = text }
         }
         END { printf "%s", largest }' "/proc/$runner/numa_maps"
}
heap_pages() { # [NODE...]: how many of them are there, or in all
    largest_heap | awk -v nodes=" $* " 'nodes == "  " || index(nodes, " " $1 " ") { sum += $2 } END { print sum + 0 }'
}
heap_is_large() { [ "$(heap_pages)" -ge 300 ]; }

# begin_flood NODE MEMORY: a thread on that node that allocates, others everywhere; returns when it has.
begin_flood() {
    begin "$(scenario "$flood, $(pipe 0 $((${#cpus[@]} - 3)))" \
        '"memory": "'"$2"'", "roles": {"flooder": {"numa": ['"$1"']}}')" || return
    expect_placed
    until_true heap_is_large || wrong "the flooder has allocated no memory: $(largest_heap | tr '\n' ' ')"
}
# expect_heap NODE...: there it lies, but for what malloc() and the loader have touched before.
expect_heap() {
    local all here
    all=$(heap_pages) here=$(heap_pages "$@")
    [ "$here" -ge $((all - all / 50)) ] ||
        wrong "of $all pages of the flooder $here are on node $*; by node: $(largest_heap | paste -sd, -)"
}
expect_policy() { # THREAD POLICY...
    among "${memory[$1]-none}" "${*:2}" || wrong "$1 gets memory by ${memory[$1]-none}, expected one of ${*:2}"
}

# Stacks, with the thread-local storage at their tops, are touched before their threads run. Of threads that sleep
# it is known where they are.
expect_stacks() { # MEMORY: their pages are on nodes of that array
    local name word words pages
    local -n wanted=$1
    until_true stacks_are_known || wrong 'nobody knows where the stacks are'
    for name in "${!stack[@]}"; do
        [[ $name == sleeper-* ]] && [ "${stack[$name]}" != 0 ] || continue
        words=$(grep "^${stack[$name]} " "/proc/$runner/numa_maps") pages=0
        for word in $words; do
            [[ $word =~ ^N([0-9]+)=([0-9]+)$ ]] || continue
            pages=$((pages + BASH_REMATCH[2]))
            among "${BASH_REMATCH[1]}" "${wanted[node_of[${on[$name]}]]}" ||
                wrong "$name is on node ${node_of[${on[$name]}]}; ${BASH_REMATCH[2]} pages of its stack are on node ${BASH_REMATCH[1]}"
        done
        [ $pages -ge 2 ] || wrong "the stack of $name has $pages pages: $words"
    done
}
stacks_are_known() { # of a sleeper on each node
    local name seen=
    look
    for name in "${!stack[@]}"; do
        [[ $name != sleeper-* ]] || [ "${stack[$name]}" = 0 ] || seen+=" ${node_of[${on[$name]}]}"
    done
    for name in "${nodes[@]}"; do among "$name" "$seen" || return 1; done
}

test_memory_local='memory local: pages of a thread, its stack too, are on its node, or the nearest that has any'
memory_local() {
    local name node
    needs_nodes 2 || return 0
    node=${nodes[1]}
    begin_flood "$node" local || return
    # shellcheck disable=SC2086
    expect_heap ${nearest[node]}
    expect_stacks nearest
    for name in "${name_of[@]}"; do expect_policy "$name" local; done
    end
}

test_memory_remote='memory remote: pages of a thread, its stack too, are on the farthest node by the distances that has any'
memory_remote() {
    local name node far
    needs_nodes 2 || return 0
    node=${nodes[1]}
    begin_flood "$node" remote || return
    # shellcheck disable=SC2086
    expect_heap ${farthest[node]}
    expect_stacks farthest
    for name in "${name_of[@]}"; do
        far=${farthest[${node_of[${on[$name]}]}]}
        # shellcheck disable=SC2086
        expect_policy "$name" ${far// / prefer:}
    done
    end
}

test_memory_interleave='memory interleave: pages of a thread are on all nodes that have any, alike'
memory_interleave() {
    local name node policy all here
    needs_nodes 2 || return 0
    begin_flood "${nodes[1]}" interleave || return
    all=$(heap_pages)
    for node in "${with_memory[@]}"; do
        here=$(heap_pages "$node")
        [ "$here" -ge $((9 * all / ${#with_memory[@]} / 10)) ] ||
            wrong "of $all pages of the flooder $here are on node $node; by node: $(largest_heap | paste -sd, -)"
    done
    for name in "${name_of[@]}"; do
        policy=${memory[$name]-none}
        # shellcheck disable=SC2046
        [ "${policy%:*} $(echo $(expand "${policy#*:}"))" = "interleave ${with_memory[*]}" ] ||
            wrong "$name gets memory by $policy"
    done
    end
}

test_thread_memory='what the unit tests can check on several nodes only: where stacks and thread-local storage lie'
thread_memory() {
    [ -x build/tests/test_thread_memory ] || { echo 'skip: build/tests/test_thread_memory is not built' && return 0; }
    build/tests/test_thread_memory || wrong 'a test failed'
}

has_intervals() { [ "$(grep -c '"event":"interval"' "$events")" -ge 3 ]; }

# Its part of the mapping is a mapping of its own, whose offset in the file the runner has told.
test_own_node='counters, histograms and the flight recorder of a thread are on its node, or the nearest'
own_node() {
    local i range offset path words word at pages own
    local -A address
    needs_nodes 2 || return 0
    begin "$(scenario "$(pipe 2 $((${#cpus[@]} - 3)))" '"memory": "interleave"')" || return
    # By then the driver has read all that it ever reads.
    until_true has_intervals || wrong 'there are no intervals'
    while read -r range _ offset _ _ path; do
        [[ $path != *stillpoint-shared* ]] || address[$((16#$offset))]=${range%-*}
    done <"/proc/$runner/maps"
    for i in "${!name_of[@]}"; do
        at=${address[${offset_of[i]}]-none} pages=0 own=${nearest[${node_of[${cpu_of[i]}]}]}
        words=$(grep "^$at " "/proc/$runner/numa_maps")
        for word in $words; do
            [[ $word =~ ^N([0-9]+)=([0-9]+)$ ]] || continue
            pages=$((pages + BASH_REMATCH[2]))
            among "${BASH_REMATCH[1]}" "$own" ||
                wrong "${name_of[i]} is on CPU ${cpu_of[i]}; ${BASH_REMATCH[2]} pages of its own are on node ${BASH_REMATCH[1]}, not$own"
        done
        [ $pages -ge 2 ] || wrong "of ${name_of[i]} there are $pages pages at $at: $words"
    done
    end
}

# ---- More and fewer ------------------------------------------------------------------------------

test_crowd='more threads than CPUs: each on one, alike on all, and noted'
crowd() {
    local i least=1000 most=0
    local -a count
    begin "$(scenario "$(pipe 1 $((5 * ${#cpus[@]} / 2 - 2)))" '"policy": "scatter"')" || return
    expect_placed
    for i in "${cpus[@]}"; do count[i]=0; done
    for i in "${name_of[@]}"; do count[${on[$i]}]=$((count[${on[$i]}] + 1)); done
    for i in "${count[@]}"; do
        [ "$i" -ge "$least" ] || least=$i
        [ "$i" -le "$most" ] || most=$i
    done
    [ $((most - least)) -le 1 ] || wrong "a CPU has $least of the threads, and another one $most"
    end
    expect_note "$((5 * ${#cpus[@]} / 2)) threads on ${#cpus[@]} PUs; latencies include the scheduler"
}

exclusive() { # VCPUS
    printf '{"type": "exclusive", "exec_vcpus": 0, "quiet_vcpus": 0, "vcpus": %d, "accel": "threads", "starters": 1}' "$1"
}

test_vcpus='1 to 64 vCPUs: exclusive sections among them, each vCPU where it was sent'
vcpus() {
    local count
    for count in 1 2 4 8 16 32 64; do
        begin "$(scenario "$(exclusive $count)" '"policy": "scatter"')" || return
        expect_placed
        have_run
        [ "$(printf '%s\n' "${!allowed[@]}" | grep -c '^vcpu-')" -eq $count ] || wrong "of $count vCPUs not all are there"
        end
        jq -e '.runs[0].counters.exclusive.sections > 0' "$result" >/dev/null || wrong "$count vCPUs: no section"
    done
}

# Several workloads and accelerators at once. They have their requirements for other machines.
test_torture='scenarios of configs/torture/ run on all CPUs and nodes, with memory afar'
torture() {
    local name
    for name in vcpu rcu; do
        begin "$(jq -c '.duration = "1h" | .warmup = "0s" | .interval = "100ms" | .stall_limit = "5m" |
            .placement.memory = "remote"' "configs/torture/$name.json")" || return
        until_true has_intervals || wrong "$name: there are no intervals"
        end
    done
}

# ---- Somebody moves them -------------------------------------------------------------------------

test_moved='threads that somebody moves to other nodes and back run there, and those that stay away are noted'
moved() {
    local i there
    needs_nodes 2 || return 0
    begin "$(scenario "$(pipe 1 4)" '"policy": "compact"')" || return
    there=${cpus[-1]}
    for i in "${!name_of[@]}"; do "$tasks" "$runner" "${name_of[i]}" "$there" || wrong "${name_of[i]} cannot be moved"; done
    have_run
    for i in "${name_of[@]}"; do [ "${on[$i]}" = "$there" ] || wrong "$i is on CPU ${on[$i]}, not $there"; done
    for i in "${!name_of[@]}"; do
        [ "${name_of[i]}" = sleeper-0 ] || "$tasks" "$runner" "${name_of[i]}" "${cpu_of[i]}"
    done
    have_run
    end_with_strays
    expect_note 'sleeper-0 was sent to CPU'
}

test_interrupts='heavy fences interrupt the CPUs that run threads of the process, and no others'
interrupts() {
    local noise
    needs_nodes 2 || return 0
    own=($(cpus_of "${nodes[1]}"))
    fence_for auto until_true are_interrupted || return
    noise=$elsewhere
    [ "$here" -ge 100 ] || wrong 'the CPUs of the run are not interrupted'
    fence_for full sleep "$took" || return
    [ "$here" -lt 10 ] || wrong 'full fences interrupt nobody'
    # Who wakes another one up interrupts as well: the driver does.
    [ "$noise" -lt $((2 * elsewhere + 50)) ] || wrong 'CPUs on which nothing of the run is are interrupted for fences'
}
calls() { # by CPU: how often another one interrupted it to have a function called
    awk '$1 == "CAL:" { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) print $i }' /proc/interrupts
}
# Sets here and elsewhere: how many calls there were for a CPU of the run since the first count, and for another one.
count_calls() {
    local now=($(calls)) i
    here=0 elsewhere=0
    for i in "${!cpus[@]}"; do
        if among "${cpus[i]}" "${own[*]}"; then
            here=$((here + now[i] - first[i]))
        else
            elsewhere=$((elsewhere + now[i] - first[i]))
        fi
    done
    here=$((here / ${#own[@]})) elsewhere=$((elsewhere / (${#cpus[@]} - ${#own[@]})))
}
are_interrupted() { count_calls && [ "$here" -ge 100 ]; }

# fence_for FENCE COMMAND...: for as long as the command takes, readers loop on all CPUs of a node, and a leader, which
# does not spin, fences for each grace period from another one.
fence_for() {
    local started
    begin "$(scenario "$(pipe 0 0 ${#own[@]})" \
        '"roles": {"reader": {"cpuset": "'"$(IFS=,; echo "${own[*]}")"'"}, "sync-updater": {"numa": ['"${nodes[0]}"']}}' |
        jq -c --arg fence "$1" '.fence = $fence | .library.spin = "0s" |
            .workloads[0] |= (.sync_updaters = 1 | .expedited_updaters = 0)')" || return
    expect_placed
    first=($(calls)) started=$SECONDS
    "${@:2}"
    count_calls
    took=$((SECONDS - started + 1))
    end
    echo "fence $1: $(jq '.runs[0].library.heavy_fences' "$result") heavy fences in the run;" \
        "calls for a CPU of the run $here, for another one $elsewhere, in $took s"
}

# expect_near WHAT COUNTED EXPECTED: within 10 %, but for 20 of somebody else.
expect_near() {
    [ $((10 * $2)) -ge $((9 * $3)) ] && [ $((10 * ($2 - 20))) -le $((11 * $3)) ] || wrong "$1: $2, and the model has $3"
}

# The model of docs/scaling.md, which nothing here was fitted to.
test_costs='a heavy fence interrupts each other CPU that runs a thread, an exclusive section signals each vCPU that executes'
costs() {
    local count most=$((${#cpus[@]} - 1)) said fences calls sections signals requests
    needs_nodes 2 || return 0
    for count in 1 2 4 8 $most $((most * 3 / 2)); do
        said=$("$interrupts" fences "$count") || wrong "interrupts fences $count: $said"
        echo "$count readers: $said"
        read -r fences calls <<<"$(jq -r '"\(.heavy_fences) \(.calls)"' <<<"$said")"
        expect_near "interrupts of $fences fences, $count readers" "$calls" \
            $((fences * (count < most ? count : most)))
    done
    for count in 1 2 4 8 $most; do
        said=$("$interrupts" kicks "$count") || wrong "interrupts kicks $count: $said"
        echo "$count vCPUs: $said"
        read -r sections signals <<<"$(jq -r '"\(.sections) \(.signals)"' <<<"$said")"
        expect_near "signals of $sections sections, $count vCPUs" "$signals" $((sections * count))
    done
}

# ---- CPUs that go --------------------------------------------------------------------------------

test_hot_unplug='CPUs that go offline and come back under torture: no thread is lost, and it is noted'
hot_unplug() {
    local i cpu gone=()
    may_change || return 0
    for cpu in "${cpus[@]:1}"; do
        [ $((cpu % 5)) -ne 0 ] || gone+=("$cpu")
    done
    begin "$(scenario "$(pipe 1 $((${#cpus[@]} - 3)) 1), $(exclusive 4)" '"policy": "scatter"')" || return
    expect_placed
    for cpu in "${gone[@]}"; do echo 0 >$system/cpu/cpu"$cpu"/online || wrong "CPU $cpu stays online"; done
    have_run
    for i in "${name_of[@]}"; do
        ! among "${on[$i]-none}" "none ${gone[*]}" || wrong "$i is on CPU ${on[$i]-none}, and ${gone[*]} are offline"
    done
    refuses '"roles": {"sleeper": {"cpuset": "'"${gone[0]}"'"}}' "cpuset: CPU ${gone[0]} is not available here"
    for cpu in "${gone[@]}"; do echo 1 >$system/cpu/cpu"$cpu"/online || wrong "CPU $cpu does not come back"; done
    have_run
    end_with_strays
    # And whoever comes then has all of them again.
    scatter
}

no_group() { rmdir "$group" 2>/dev/null; }
within() { # CPUS: all threads are
    local name
    look
    for name in "${!allowed[@]}"; do
        for cpu in $(expand "${allowed[$name]}"); do among "$cpu" "$*" || return 1; done
    done
}

test_cpuset_shrinks='a cpuset is kept to, and one that shrinks under a run: no thread is lost, and it is noted'
cpuset_shrinks() {
    local many few name group=/sys/fs/cgroup/stillpoint-$$ everywhere policy
    may_change || return 0
    many=$(cpus_of "${nodes[0]}" "${nodes[1]}" | paste -sd ,) few=$(cpus_of "${nodes[1]}" | head -n 2 | paste -sd ,)
    mkdir "$group" && echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control &&
        echo "$many" >"$group/cpuset.cpus" && echo "${with_memory[0]},${with_memory[1]}" >"$group/cpuset.mems" ||
        { wrong 'there is no cpuset to be made' && return 1; }
    everywhere=$(<"$group/cpuset.cpus.effective")
    # shellcheck disable=SC2016
    begin "$(scenario "$(pipe 1 12 1), $(exclusive 4)" '"memory": "interleave"')" \
        sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" || return
    expect_placed
    # shellcheck disable=SC2086
    within $(expand "$many") || wrong "a thread may run elsewhere than on $many"
    policy=${memory[sleeper-0]}
    # shellcheck disable=SC2046
    [ "$(echo $(expand "${policy#*:}"))" = "${with_memory[*]:0:2}" ] || wrong "sleeper-0 gets memory by $policy"
    echo "$few" >"$group/cpuset.cpus" || wrong 'the cpuset does not shrink'
    # shellcheck disable=SC2046
    until_true within $(expand "$few") || wrong "a thread may run elsewhere than on $few: ${allowed[*]}"
    have_run
    end_with_strays
    until_true no_group
}

# ---- One after the other -------------------------------------------------------------------------

clean_up() {
    [ -z "${driver-}" ] || kill -KILL "$driver"
}
one() { # NAME
    local what=test_$1 said status started=$SECONDS
    said=$(trap clean_up EXIT; driver='' failed=''; "$1" 2>&1 && [ -z "$failed" ])
    status=$?
    case $status:$said in
    0:skip:*) echo "ok ${!what} # skip ${said#skip: }" ;;
    0:*) echo "ok ${!what}" ;;
    *) echo "not ok ${!what}" ;;
    esac
    [ -z "$said" ] || [[ $said == skip:* ]] || sed 's/^/# /' <<<"$said"
    echo "# $((SECONDS - started)) s"
    [ $status -eq 0 ] || [ -z "${KEPT-}" ] || cp -r "$work" "$KEPT/$1"
    return $status
}

for name; do
    among "$name" "${names[*]}" || { echo "tests/numa/suite.sh: no check \"$name\"; there are: ${names[*]}" >&2 && exit 64; }
done
[ $# -gt 0 ] || set -- "${names[@]}"
read_machine
everywhere=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
echo "1..$#"
bad=0
for name; do one "$name" || bad=1; done
exit $bad
