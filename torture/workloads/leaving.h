/* Things that were given to the code under test to be reclaimed, and are not yet. */
#ifndef STILLPOINT_LEAVING_H
#define STILLPOINT_LEAVING_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <stdatomic.h>

struct leaving {
    _Alignas(64) atomic_uint count; /* a futex word */
};

static inline unsigned leaving_count(struct leaving *l)
{
    return atomic_load_explicit(&l->count, memory_order_relaxed);
}

/* Before it is given away. */
static inline void leaving_begin(struct leaving *l)
{
    atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed);
}

/* Last, where it is reclaimed. */
static inline void leaving_end(struct leaving *l)
{
    /* Orders: STOREs of who reclaims -> RMW l->count (release).
     * Pairs with: leaving_wait(), LOAD l->count (acquire).
     * Broken: the end of the run frees what is still used here. */
    atomic_fetch_sub_explicit(&l->count, 1, memory_order_release);
    shared_wake(&l->count);
}

/* Until there are at most so many, or for 10 ms; beats when one is reclaimed. False: there are
 * more. => Outside sections. */
static inline bool leaving_wait(struct torture_thread *t, struct leaving *l, unsigned most)
{
    /* Orders: LOAD l->count (acquire) -> finish(), which frees all.
     * Pairs with: leaving_end(), RMW l->count (release).
     * Broken: the end of the run frees what is still used there. */
    unsigned left = atomic_load_explicit(&l->count, memory_order_acquire);

    if (left <= most)
        return true;
    flavor_reclaim();
    shared_wait(&l->count, left, 10 * 1000 * 1000);
    if (leaving_count(l) != left)
        torture_beat(t);
    return false;
}

#endif
