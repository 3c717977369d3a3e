/* Callbacks, callback.c. */
#ifndef STILLPOINT_RCU_CALLBACK_INTERNAL_H
#define STILLPOINT_RCU_CALLBACK_INTERNAL_H

#include <stdbool.h>

struct rcu_stats;

/* Whether the calling thread runs one. */
bool rcu_in_callback(void);
bool rcu_over_callback_bound(unsigned long pending);
void rcu_callback_stats(struct rcu_stats *stats);
/* Makes a callback thread that lets callbacks pile up decide again whether there are enough. */
void rcu_end_pile_up(void);
/* What is queued no longer piles up, and its grace period is forced. */
void rcu_force_callbacks(void);
/* Makes a callback thread that sleeps count the queue again. */
void rcu_recount_callbacks(void);
/* Whether one of rcu_barrier()'s is in the queue. */
bool rcu_barrier_queued(void);
/* In a forked child: keeps what is pending, unless the settings drop it. */
void rcu_callbacks_after_fork(void);
/* Starts the callback thread where a fork has left callbacks, and no thread. */
void rcu_run_inherited_callbacks(void);
/* Ends the thread, when there are no callbacks. => As rcu_barrier(). */
void rcu_callbacks_shutdown(void);

#endif
