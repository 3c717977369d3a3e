/* What threads do that others wait for, as reports name it: duty.c has the words. Stored and loaded
 * relaxed; each value is true of some moment, and nothing depends on it. */
#ifndef STILLPOINT_RCU_DUTY_H
#define STILLPOINT_RCU_DUTY_H

#include "registry.h"

#include "stillpoint/rcu_policy.h"

struct duty {
    atomic_int thread_id; /* 0: nobody has it */
    atomic_uint doing;    /* a row of its words */
};

enum leader_doing { LEADER_SCANS, LEADER_SPINS, LEADER_NAPS, LEADER_SLEEPS, LEADER_DOINGS };
enum callbacks_doing {
    CALLBACKS_PILE_UP,
    CALLBACKS_WAIT_FOR_GP,
    CALLBACKS_WAIT_FOR_LOCK,
    CALLBACKS_RUN,
    CALLBACKS_DOINGS
};
extern struct duty rcu_leader_duty, rcu_callbacks_duty;

static inline void duty_go_on(struct duty *d, unsigned doing)
{
    atomic_store_explicit(&d->doing, doing, memory_order_relaxed);
}

/* => The thread whose it becomes. */
static inline void duty_begin(struct duty *d, unsigned doing)
{
    int id = rcu_self()->thread_id;

    duty_go_on(d, doing);
    atomic_store_explicit(&d->thread_id, id ? id : platform_thread_id(), memory_order_relaxed);
}

static inline void duty_end(struct duty *d)
{
    atomic_store_explicit(&d->thread_id, 0, memory_order_relaxed);
}

/* Adds what a thread has to the first `count` of them, when there is room; returns how many. */
unsigned duty_add(struct rcu_duty *duties, unsigned count, unsigned room, struct duty *d,
                  const char *const *words);

#endif
