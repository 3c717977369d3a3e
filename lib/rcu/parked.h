/* What the rest of the library says to RCU before a thread sleeps. */
#ifndef STILLPOINT_RCU_BLOCKED_H
#define STILLPOINT_RCU_BLOCKED_H

#include <stdbool.h>

/* The calling thread, outside of sections, is about to wait inside the library: an online thread
 * goes offline, and is parked. rcu_parked_end() takes what this returns. */
bool rcu_parked_begin(void);
void rcu_parked_end(bool online);

#endif
