/* kick.c: requests to a vCPU, and the wake-up of one that sleeps in its loop. */
#ifndef STILLPOINT_LIB_VCPU_KICK_H
#define STILLPOINT_LIB_VCPU_KICK_H

#include "stillpoint/accel.h"
#include "stillpoint/vcpu.h"

/* Leaves a request for the vCPU's thread, without a kick: the thread checks for one before it
 * sleeps or executes. */
static inline void vcpu_leave_request(struct vcpu *cpu)
{
    /* Orders: STORE exit_request (release half, in cpu_exit()) -> LOAD exit_request, across this
     * one: an exchange continues the release sequence of the 1 that it overwrites.
     * Pairs with: vcpu_serve(), LOAD exit_request (acquire half).
     * Broken: with a store, the vCPU takes this 1 and misses the reason that the other came with.
     * Relaxed, as this request has no reason of its own. */
    atomic_exchange_explicit(&cpu->exit_request, 1, memory_order_relaxed);
}

/* Its thread runs others in turn. One of rr that never ran, and is removed, is its remover's alone.
 * => Of a vCPU whose thread waits, or is the calling one. */
static inline bool vcpu_shares_thread(const struct vcpu *cpu)
{
    return cpu->rr && cpu->in_rr;
}

/* What the vCPU's thread sleeps on in its loop. */
static inline struct manual_event *vcpu_wake_event(struct vcpu *cpu)
{
    return vcpu_shares_thread(cpu) ? &cpu->rr->wake : &cpu->wake;
}

#endif
