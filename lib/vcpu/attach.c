/* Which thread runs a vCPU. */
#include "vcpu/attach.h"

#include "stillpoint/accel.h"
#include "stillpoint/vcpu_kick.h"
#include "sync/platform.h"
#include "vcpu/kick.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"
#include "vcpu/wait.h"

#include <stddef.h>

STILLPOINT_THREAD_LOCAL struct vcpu *current_cpu;

bool vcpu_is_mine(struct vcpu *cpu)
{
    if (!current_cpu)
        return false;
    for (const struct vcpu_frame *f = vcpu_frames; f; f = f->outer)
        if (f->cpu == cpu)
            return true;
    return cpu == current_cpu || (vcpu_shares_thread(current_cpu) && cpu->rr == current_cpu->rr);
}

bool vcpu_executes(void)
{
    return current_cpu && atomic_load_explicit(&current_cpu->running, memory_order_relaxed);
}

/* => Registry lock of RCU, in the leader's thread: a grace period waits for this vCPU. */
static void leave_for_grace_period(struct rcu_force_notifier *notifier)
{
    cpu_exit((struct vcpu *)((char *)notifier - offsetof(struct vcpu, notifier)));
}

void vcpu_attach(struct vcpu *cpu)
{
    if (rcu_read_locked())
        vcpu_misuse("vCPU %u is to run inside a read section, which would never end", cpu->index);
    if (current_cpu && !vcpu_is_mine(cpu))
        vcpu_misuse(
            "vCPU %u is to run in the thread of vCPU %u; only those of one rr share a thread",
            cpu->index, current_cpu->index);
    current_cpu = cpu;
    cpu->notifier.notify = leave_for_grace_period;
    rcu_add_force_notifier(&cpu->notifier);
    vcpu_pause_attach(cpu);
    /* Relaxed: vcpu_signal_begin() releases it with `waits`. */
    atomic_store_explicit(&cpu->thread_id, platform_thread_id(), memory_order_relaxed);
}

void vcpu_detach(struct vcpu *cpu)
{
    if (!cpu->attached || current_cpu != cpu)
        vcpu_misuse("vcpu_detach() of vCPU %u by a thread that has not attached it", cpu->index);
    if (vcpu_executes())
        vcpu_misuse("vcpu_detach() of vCPU %u, which executes; call cpu_exec_end() first",
                    cpu->index);
    atomic_store_explicit(&cpu->thread_id, 0, memory_order_relaxed);
    vcpu_pause_detach(cpu);
    rcu_remove_force_notifier(&cpu->notifier);
    current_cpu = NULL;
}

void vcpu_unplug(struct vcpu *cpu)
{
    /* Relaxed: the exchange in cpu_exit() releases it. */
    atomic_store_explicit(&cpu->unplug, true, memory_order_relaxed);
    cpu_exit(cpu);
}
