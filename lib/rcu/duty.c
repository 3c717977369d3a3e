/* Duties in words. */
#include "duty.h"

struct duty rcu_leader_duty, rcu_callbacks_duty;

/* Those of a forced grace period follow, in the same order. */
static const char *const leader[2 * LEADER_DOINGS] = {
    [LEADER_SCANS] = "leads a grace period: scans readers",
    [LEADER_SPINS] = "leads a grace period: spins for readers",
    [LEADER_NAPS] = "leads a grace period: naps",
    [LEADER_SLEEPS] = "leads a grace period: sleeps until a reader leaves",
    [LEADER_DOINGS + LEADER_SCANS] = "leads a forced grace period: scans readers",
    [LEADER_DOINGS + LEADER_SPINS] = "leads a forced grace period: spins for readers",
    [LEADER_DOINGS + LEADER_NAPS] = "leads a forced grace period: naps",
    [LEADER_DOINGS + LEADER_SLEEPS] = "leads a forced grace period: sleeps until a reader leaves",
};

static const char *const callbacks[CALLBACKS_DOINGS] = {
    [CALLBACKS_PILE_UP] = "lets callbacks pile up",
    [CALLBACKS_WAIT_FOR_GP] = "has callbacks, and waits for their grace period",
    [CALLBACKS_WAIT_FOR_LOCK] = "has callbacks to run, and waits for their lock",
    [CALLBACKS_RUN] = "runs callbacks",
};

unsigned duty_add(struct rcu_duty *duties, unsigned count, unsigned room, struct duty *d,
                  const char *const *words)
{
    int id = atomic_load_explicit(&d->thread_id, memory_order_relaxed);

    if (id == 0 || count == room)
        return count;
    duties[count] = (struct rcu_duty){
        .thread_id = id,
        .what = words[atomic_load_explicit(&d->doing, memory_order_relaxed)],
    };
    return count + 1;
}

unsigned rcu_duties(struct rcu_duty *duties, unsigned room)
{
    unsigned count = duty_add(duties, 0, room, &rcu_leader_duty, leader);

    return duty_add(duties, count, room, &rcu_callbacks_duty, callbacks);
}
