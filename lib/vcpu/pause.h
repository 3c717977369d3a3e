/* pause.c: pauses as a vCPU meets them. */
#ifndef STILLPOINT_LIB_VCPU_PAUSE_H
#define STILLPOINT_LIB_VCPU_PAUSE_H

#include "stillpoint/vcpu.h"

/* Whether the vCPU has to stop, or to stay stopped. */
static inline bool vcpu_must_stop(struct vcpu *cpu)
{
    /* Orders: LOAD stop (acquire), as false -> accesses of the vCPU after the pause.
     * Pairs with: let_one_go(), STORE stop (release).
     * Broken: a vCPU that was woken by something else goes on, on what the pausing thread has
     * replaced. (A true is ordered by the request that vcpu_serve() has taken before.) */
    return atomic_load_explicit(&cpu->stop, memory_order_acquire);
}

/* The thread that has paused this one vCPU; 0: none. */
static inline int vcpu_pauser_of(struct vcpu *cpu)
{
    return atomic_load_explicit(&cpu->paused_by, memory_order_relaxed);
}
/* Whether the calling thread has paused any by itself. */
bool vcpu_has_paused_one(void);

/* Counts the vCPU as stopped if a pause is on; true when it is. */
bool vcpu_report_stopped(struct vcpu *cpu);
/* => vcpu_lock; it is about to come into the list. */
void vcpu_pause_add(struct vcpu *cpu);
void vcpu_pause_attach(struct vcpu *cpu);
void vcpu_pause_detach(struct vcpu *cpu);
/* => vcpu_fork_child(): the calling thread's pause is on, or none. */
void vcpu_pause_after_fork(void);
/* Whether the pause that is on is this thread's; 0 is none. */
bool vcpu_is_pauser(int thread_id);
/* The thread that has paused, if that is the calling one, or one for which it runs work: its id;
 * otherwise 0. */
int vcpu_my_pauser(void);
static inline bool vcpu_paused_by_me(void)
{
    return vcpu_my_pauser() != 0;
}
/* Whose work the calling thread runs, of those that paused and waited for it; 0: nobody's. */
extern STILLPOINT_THREAD_LOCAL int vcpu_acts_for;

#endif
