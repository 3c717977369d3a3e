/* The table of workloads: what `list` shows and a scenario may name. */
#include "torture/record/workload.h"

/* In the order in which they are listed. */
#define WORKLOADS(X)     \
    X(rcu_pipe)          \
    X(rcu_callback)      \
    X(rcu_fork)          \
    X(rcu_promise)       \
    X(rcu_lull)          \
    X(rcu_replay)        \
    X(rcu_list)          \
    X(rcu_settings)      \
    X(exclusive)         \
    X(safe_work)         \
    X(kick)              \
    X(run_on_cpu)        \
    X(pause)             \
    X(turnover)          \
    X(event)             \
    X(unmap)             \
    X(ram_list)          \
    X(io_handlers)       \
    X(hash)              \
    X(dispatch)          \
    X(once_init)         \
    X(refcount_weak)     \
    X(gp_wait)           \
    X(gp_latency)        \
    X(poll_latency)      \
    X(read_side)         \
    X(registry)          \
    X(call_rcu)          \
    X(update_mix)        \
    X(memory)            \
    X(exec_pair)         \
    X(exclusive_latency) \
    X(kick_latency)      \
    X(limits)

#define DECLARE(name) extern const struct workload name##_workload;
WORKLOADS(DECLARE)
#undef DECLARE

const struct workload *const workloads[] = {
#define ROW(name) &name##_workload,
    WORKLOADS(ROW)
#undef ROW
        NULL,
};
