/* Deterministic mode, replay.c. */
#ifndef STILLPOINT_RCU_REPLAY_INTERNAL_H
#define STILLPOINT_RCU_REPLAY_INTERNAL_H

#include <stdbool.h>

/* While true, nothing is forced by counts or by time. */
bool rcu_replaying(void);
/* Of `queued` callbacks, how many the next grace period covers; 0: not yet. `barrier`: one is among
 * them. */
unsigned long rcu_replay_next(unsigned long queued, bool barrier, bool *force);

#endif
