/* The table of workloads: what `list` shows and a scenario may name. */
#include "torture/engine/workload.h"

extern const struct workload rcu_pipe_workload, rcu_callback_workload, rcu_fork_workload,
    rcu_replay_workload, rcu_list_workload, gp_latency_workload, poll_latency_workload,
    read_side_workload, registry_workload;

const struct workload *const workloads[] = {
    &rcu_pipe_workload,     &rcu_callback_workload,
    &rcu_fork_workload,     &rcu_replay_workload,
    &rcu_list_workload,     &gp_latency_workload,
    &poll_latency_workload, &read_side_workload,
    &registry_workload,     NULL,
};
