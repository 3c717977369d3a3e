/* Kicks: requests to a vCPU, and the wake-up of one that sleeps in its loop. */
#include "vcpu/kick.h"

void cpu_exit(struct vcpu *cpu)
{
    atomic_fetch_add_explicit(&cpu->kicks, 1, memory_order_relaxed);
    /* An exchange, so that one requester kicks for all that come before the vCPU has looked.
     * Release: the reason comes before the request. Acquire and the total order: who finds 0 looks
     * next at whether the thread is there and sleeps.
     * Pairs with: the exchange in vcpu_serve(); each reads what the other wrote, so a request that
     * finds 1 is seen by the look that comes next. Broken: a request that nobody kicks for and
     * nobody sees. */
    if (atomic_exchange_explicit(&cpu->exit_request, 1, memory_order_seq_cst) != 0) {
        atomic_fetch_add_explicit(&cpu->kicks_merged, 1, memory_order_relaxed);
        return;
    }
    if (cpu->accel)
        cpu->accel->kick(cpu);
    else
        vcpu_wake(cpu);
}

bool vcpu_wake(struct vcpu *cpu)
{
    return event_set(vcpu_wake_event(cpu));
}

void vcpu_kick_sleeper(struct vcpu *cpu)
{
    vcpu_wake(cpu);
}
