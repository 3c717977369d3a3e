/* Deterministic mode: the program decides how many callbacks the next grace period covers. */
#include "replay.h"

#include "callback.h"

#include "stillpoint/rcu_replay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static struct rcu_replay replay; /* changed only while no callback is queued */
static atomic_bool on;

int rcu_set_replay(const struct rcu_replay *r)
{
    if (r && r->group == 0 && !r->decide)
        return -EINVAL;
    replay = r ? *r : (struct rcu_replay){.group = 0};
    /* Orders: STORE replay -> STORE on (release).
     * Pairs with: rcu_replaying(), LOAD on (acquire) -> LOAD replay.
     * Broken: the callback thread calls a hook that is not there yet. */
    atomic_store_explicit(&on, r != NULL, memory_order_release);
    rcu_recount_callbacks();
    return 0;
}

void rcu_replay_ask(void)
{
    rcu_recount_callbacks();
}

bool rcu_replaying(void)
{
    /* Orders: LOAD on (acquire) -> LOAD replay.
     * Pairs with: rcu_set_replay(), STORE replay -> STORE on (release).
     * Broken: the callback thread calls a hook that is not there yet. */
    return atomic_load_explicit(&on, memory_order_acquire);
}

unsigned long rcu_replay_next(unsigned long queued, bool barrier, bool *force)
{
    unsigned long count = replay.group;

    *force = replay.force;
    /* Groups are full up to a barrier; otherwise they would depend on when this thread counts. */
    if (!replay.decide && count <= queued)
        return count;
    if (barrier)
        return queued; /* the batch ends with the barrier */
    if (!replay.decide)
        return 0;
    count = replay.decide(replay.data, queued);
    return count <= queued ? count : 0;
}
