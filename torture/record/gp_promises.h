/* What a flavor promises of its grace periods, with the settings that it has. */
#ifndef STILLPOINT_GP_PROMISES_H
#define STILLPOINT_GP_PROMISES_H

#include <stdbool.h>
#include <stdint.h>

/* Whoever makes promises at all also promises: no nap where no reader is in the way; at most one
 * that begins after the last one has left; a request to force ends the nap that is under way, and
 * there is none in a forced grace period; who shares a grace period is woken by its end. */
struct gp_promises {
    /* What forces a grace period that nobody has requested to be forced. -1: that never does. */
    int64_t naps;      /* of its leader */
    int64_t after_ns;  /* its age, once it naps */
    int64_t callbacks; /* that are pending */
    /* At most so many callbacks run before the callback lock is let go, and about so many do where
     * there are as many. */
    int64_t batch;
    /* From so many pending callbacks on, each call that queues one puts its caller to sleep; but
     * not one that holds up a grace period or the callbacks: inside, online, with the callback
     * lock, in a callback. 0: it never does. */
    int64_t slowed_from;
    /* Callbacks may wait until there are as many as force, or until force is asked for. */
    bool piles_up;
};

#endif
