/* Duties in words. */
#include "vcpu/duty.h"

#include "stillpoint/vcpu.h"

static const char *const big_lock[] = {"holds the big lock"};

static const char *const exclusive[EXCLUSIVE_DOINGS] = {
    [EXCLUSIVE_STOPS] = "waits for vCPUs to leave, for its exclusive section",
    [EXCLUSIVE_IS_ON] = "is in an exclusive section",
};

static const char *const pause[PAUSE_DOINGS] = {
    [PAUSE_STOPS] = "waits for vCPUs to stop, for its pause",
    [PAUSE_IS_ON] = "has paused the vCPUs",
};

unsigned vcpu_duties(struct rcu_duty *duties, unsigned room)
{
    unsigned count = duty_add(duties, 0, room, &vcpu_big_lock_duty, big_lock);

    count = duty_add(duties, count, room, &vcpu_exclusive_duty, exclusive);
    return duty_add(duties, count, room, &vcpu_pause_duty, pause);
}
