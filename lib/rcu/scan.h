/* Scans of the readers, scan.c.
 * => All of them: registry lock; the leader. */
#ifndef STILLPOINT_RCU_SCAN_H
#define STILLPOINT_RCU_SCAN_H

#include <stdbool.h>

struct grace_period;

/* The first scan: readers that are not done become pending; true when there are none. */
bool rcu_collect(struct grace_period *g);
/* Scans the pending readers, unless the scan before has met a 0 that is in the way; behind the
 * heavy fence when there is one. */
bool rcu_scan_as_needed(struct grace_period *g);
/* Scans them behind the heavy fence in any case. */
bool rcu_scan_with_fence(struct grace_period *g);
/* Whether spinning may spare the fence. */
bool rcu_worth_spinning(const struct grace_period *g);
/* Scans again and again for spin_ns; true when nobody is left. */
bool rcu_spin(struct grace_period *g);

#endif
