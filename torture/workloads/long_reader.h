/* A reader that stays: it holds its section for long, and leaves when it is kicked.
 *
 * It stands for a vCPU that executes inside a read section until it is kicked. Where the flavor has
 * force notifiers, one of them wakes it; elsewhere it stays for its time. Blocking inside the
 * section enters the kernel, so it is no reader for finding missing fences; the others are.
 */
#ifndef STILLPOINT_LONG_READER_H
#define STILLPOINT_LONG_READER_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

struct long_reader {
    flavor_notifier notifier;
    atomic_uint kicked;
};

static void long_reader_kick(flavor_notifier *n)
{
    struct long_reader *r = (struct long_reader *)n; /* its first member */

    atomic_store_explicit(&r->kicked, 1, memory_order_relaxed);
    shared_wake(&r->kicked);
}

/* Registered thread. */
static inline void long_reader_open(struct long_reader *r)
{
    atomic_init(&r->kicked, 0);
    if (FLAVOR_CAN_FORCE)
        flavor_add_notifier(&r->notifier, long_reader_kick);
}

static inline void long_reader_close(struct long_reader *r)
{
    if (FLAVOR_CAN_FORCE)
        flavor_remove_notifier(&r->notifier);
}

/* Inside a section: stays for ns, until kicked, or until the run ends. True when kicked. */
static inline bool long_reader_stay(struct long_reader *r, const struct torture_thread *t,
                                    uint64_t ns)
{
    int64_t end = clock_monotonic_ns() + (int64_t)ns, now;

    while (torture_running(t) && !atomic_load_explicit(&r->kicked, memory_order_relaxed) &&
           (now = clock_monotonic_ns()) < end) {
        int64_t left = end - now;

        shared_wait(&r->kicked, 0, left < 100000000 ? left : 100000000);
    }
    return atomic_exchange_explicit(&r->kicked, 0, memory_order_relaxed) != 0;
}

#endif
