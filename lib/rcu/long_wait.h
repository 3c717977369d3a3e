/* The warning of a grace period that lasts long, long_wait.c. */
#ifndef STILLPOINT_RCU_LONG_WAIT_H
#define STILLPOINT_RCU_LONG_WAIT_H

#include <stdint.h>

struct grace_period;

/* => Leader. In how long it is to be given; INT64_MAX: not at all, or no more. */
int64_t rcu_warning_due_ns(struct grace_period *g);
/* => Leader, registry lock, let go meanwhile. Gives it. */
void rcu_warn_of_long_wait(struct grace_period *g);

#endif
