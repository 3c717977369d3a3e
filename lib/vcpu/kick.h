/* kick.c: requests to a vCPU, and the wake-up of one that sleeps in its loop. */
#ifndef STILLPOINT_LIB_VCPU_KICK_H
#define STILLPOINT_LIB_VCPU_KICK_H

#include "stillpoint/accel.h"
#include "stillpoint/vcpu.h"

/* Leaves a request for the vCPU's thread, which is on its way to look, so without a kick. */
static inline void vcpu_leave_request(struct vcpu *cpu)
{
    /* An exchange, not a store: that would stand between a requester's release and the acquire in
     * vcpu_serve().
     * Relaxed: it says nothing itself.
     * Pairs with: the exchange in vcpu_serve(). Broken: the vCPU takes our 1, without the reason of
     * a requester that found it there. */
    atomic_exchange_explicit(&cpu->exit_request, 1, memory_order_relaxed);
}

/* What the vCPU's thread sleeps on in its loop. */
static inline struct event *vcpu_wake_event(struct vcpu *cpu)
{
    return cpu->rr ? &cpu->rr->wake : &cpu->wake;
}

/* Wakes the vCPU's thread if it sleeps in its loop; true when it did, so that it will look for
 * requests before it enters. False may be wrong. */
bool vcpu_wake(struct vcpu *cpu);
/* A kick for such an inner loop, which has seen the request already: for one that sleeps. */
void vcpu_kick_sleeper(struct vcpu *cpu);

#endif
