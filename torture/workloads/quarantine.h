/* What was freed, and was poisoned before: it is kept until many more were, so that whoever still
 * reaches it finds the poison, and not what somebody else keeps there. */
#ifndef STILLPOINT_QUARANTINE_H
#define STILLPOINT_QUARANTINE_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define QUARANTINE 256

struct quarantine {
    _Atomic(void *) kept[QUARANTINE];
    _Atomic uint64_t count;
};

/* Any thread. */
static inline void quarantine_add(struct quarantine *q, void *memory)
{
    uint64_t at = atomic_fetch_add_explicit(&q->count, 1, memory_order_relaxed) % QUARANTINE;

    /* Orders: STOREs to the memory before -> EXCHANGE kept[at] (acq_rel) -> free().
     * Pairs with: quarantine_add(), EXCHANGE kept[at] (acq_rel), of who kept it.
     * Broken: it is given to somebody else while its poison is still on the way. */
    free(atomic_exchange_explicit(&q->kept[at], memory, memory_order_acq_rel));
}

/* When nobody uses it any more. */
static inline void quarantine_close(struct quarantine *q)
{
    for (unsigned i = 0; i < QUARANTINE; i++)
        free(atomic_load_explicit(&q->kept[i], memory_order_relaxed));
}

#endif
