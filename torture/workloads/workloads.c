/* The table of workloads: what `list` shows and a scenario may name. */
#include "torture/engine/workload.h"

extern const struct workload rcu_pipe_workload, rcu_callback_workload, gp_latency_workload,
    read_side_workload;

const struct workload *const workloads[] = {
    &rcu_pipe_workload, &rcu_callback_workload, &gp_latency_workload, &read_side_workload, NULL,
};
