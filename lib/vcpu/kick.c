/* Kicks: requests to a vCPU, and the wake-up of one that sleeps in its loop. */
#include "vcpu/kick.h"

void cpu_exit(struct vcpu *cpu)
{
    atomic_fetch_add_explicit(&cpu->kicks, 1, memory_order_relaxed);
    /* Orders: STORE of the reason -> STORE exit_request (release half); and, in the total order,
     * STORE exit_request -> LOAD waits (seq_cst, in vcpu_signal()).
     * Pairs with: vcpu_serve(), LOAD exit_request (acquire half) -> LOAD of the reason;
     * vcpu_signal_begin(), STORE waits, and its fence -> cpu_exit_requested(), LOAD exit_request.
     * Broken: the vCPU clears the request and misses the reason; or no signal is sent to a thread
     * that has missed the request.
     * An exchange: one that finds 1 joins a request whose kick is on its way, and the next exchange
     * in vcpu_serve() takes both. A load could find a 1 that is being cleared, while the reason is
     * still in the store buffer. */
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
    return manual_event_set(vcpu_wake_event(cpu));
}

void vcpu_kick_sleeper(struct vcpu *cpu)
{
    vcpu_wake(cpu);
}
