/* What a flavor tells of one grace period. Times are CLOCK_MONOTONIC. */
#ifndef STILLPOINT_GP_FACTS_H
#define STILLPOINT_GP_FACTS_H

#include <stdint.h>

#define GP_FACTS_READERS 8

struct gp_facts {
    int leader; /* thread id; 0: nothing is known */
    int64_t start_ns, end_ns;
    /* The last time that the leader found readers in the way; 0: it never did. They have been
     * inside since the start, and had left when it looked again: by wake_ns, or just after. */
    int64_t pending_ns;
    unsigned reader_count; /* how many; the first of them by thread id */
    int readers[GP_FACTS_READERS];
    int64_t nap_ends_ns; /* when the nap after that was to end; 0: it slept until a reader left */
    int64_t wake_ns;     /* when it ran again after its last nap or sleep; 0: there was none */
    /* Since then, or since the start: */
    int64_t ran_ns;   /* CPU time of the leader */
    int64_t fence_ns; /* in heavy fences */
};

#endif
