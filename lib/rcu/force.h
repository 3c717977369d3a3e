/* Requests to force grace periods, force.c. */
#ifndef STILLPOINT_RCU_FORCE_H
#define STILLPOINT_RCU_FORCE_H

#include <stdbool.h>

/* Whether the grace period that ends with `end` is requested to be forced. */
bool rcu_force_requested(unsigned long end);
/* Requests it for all grace periods up to the one that ends with `end`; does not wake the
 * leader. */
void rcu_request_force(unsigned long end);
/* While the count is above 0 all grace periods are forced. */
void rcu_drain_begin(void);
void rcu_drain_end(void);
bool rcu_draining(void);
/* Forgets what was requested before this sequence; also in a forked child. */
void rcu_requests_reset(unsigned long sequence);

#endif
