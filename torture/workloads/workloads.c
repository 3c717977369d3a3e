/* The table of workloads: what `list` shows and a scenario may name. */
#include "torture/record/workload.h"

extern const struct workload hash_workload, io_handlers_workload, rcu_pipe_workload,
    rcu_callback_workload, rcu_fork_workload, rcu_promise_workload, rcu_replay_workload,
    rcu_list_workload, rcu_settings_workload, exclusive_workload, safe_work_workload, kick_workload,
    run_on_cpu_workload, pause_workload, event_workload, unmap_workload, ram_list_workload,
    dispatch_workload, once_init_workload, refcount_weak_workload, gp_wait_workload,
    gp_latency_workload, poll_latency_workload, read_side_workload, registry_workload,
    exec_pair_workload, exclusive_latency_workload, kick_latency_workload, call_rcu_workload,
    update_mix_workload, memory_workload, limits_workload;

const struct workload *const workloads[] = {
    &rcu_pipe_workload,     &rcu_callback_workload,  &rcu_fork_workload,
    &rcu_promise_workload,  &rcu_replay_workload,    &rcu_list_workload,
    &rcu_settings_workload, &exclusive_workload,     &safe_work_workload,
    &kick_workload,         &run_on_cpu_workload,    &pause_workload,
    &event_workload,        &unmap_workload,         &ram_list_workload,
    &io_handlers_workload,  &hash_workload,          &dispatch_workload,
    &once_init_workload,    &refcount_weak_workload, &gp_wait_workload,
    &gp_latency_workload,   &poll_latency_workload,  &read_side_workload,
    &registry_workload,     &call_rcu_workload,      &update_mix_workload,
    &memory_workload,       &exec_pair_workload,     &exclusive_latency_workload,
    &kick_latency_workload, &limits_workload,        NULL,
};
