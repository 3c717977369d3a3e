/* pause.c: pauses as a vCPU meets them. */
#ifndef STILLPOINT_LIB_VCPU_PAUSE_H
#define STILLPOINT_LIB_VCPU_PAUSE_H

#include "stillpoint/vcpu.h"

/* Whether the vCPU has to stop, or to stay so. */
static inline bool vcpu_told_to_stop(struct vcpu *cpu)
{
    /* Acquire: with a false comes what was done during the pause. (A true comes with the request
     * that has been taken before.)
     * Pairs with: the release in let_go(). Broken: a vCPU that something else woke goes on, on what
     * the pausing thread has replaced. */
    return atomic_load_explicit(&cpu->stop, memory_order_acquire);
}

/* Counts the vCPU as stopped if a pause is on; true when it is. */
bool vcpu_report_stopped(struct vcpu *cpu);
void vcpu_pause_attach(struct vcpu *cpu);
void vcpu_pause_detach(struct vcpu *cpu);
/* True when it is the calling thread that has paused. */
bool vcpu_paused_by_me(void);

#endif
