/* Deterministic mode: the callback thread decides nothing by the clock.
 *
 * Programs that record a run and replay it need callbacks to happen at the same points of the
 * program's own time. Here a grace period covers a number of callbacks that is fixed, or that the
 * program decides, and these run in the order in which they were queued, in one batch, without
 * naps. Nothing is forced by counts or by time.
 *
 * => The order in which threads queue is the program's to fix; what the same thread queues is in
 *    order.
 * => rcu_barrier() and drain_call_rcu() run what was queued before them, the last group being
 *    short, and nothing of what that queues; `decide` is not called. A program calls them at points
 *    of its own.
 *
 * docs/library.md has an example that records and replays.
 */
#ifndef STILLPOINT_RCU_REPLAY_H
#define STILLPOINT_RCU_REPLAY_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

struct rcu_replay {
    /* The callbacks that one grace period covers and one batch runs; at least 1. They wait for that
     * many to be queued. */
    unsigned long group;
    /* Whether these grace periods are forced from their start. */
    bool force;
    /* Decides instead of `group`, unless NULL: given how many are queued, at least 1, returns how
     * many the next batch has; 0, or more than there are, means not yet: it is called again after
     * the next call_rcu() or rcu_replay_ask().
     * => In the callback thread, outside of the callback lock; it may block. */
    unsigned long (*decide)(void *data, unsigned long queued);
    void *data;
};

/* Copied; NULL: off, as at the start. Returns 0, or -EINVAL when group is 0 and there is no decide.
 * => While no callback is queued and none is running. */
int rcu_set_replay(const struct rcu_replay *replay);
/* The program's own time has gone on: `decide` is called again. Any thread. */
void rcu_replay_ask(void);

STILLPOINT_END

#endif
