/* Grace periods, grace_period.c. */
#ifndef STILLPOINT_RCU_GRACE_PERIOD_H
#define STILLPOINT_RCU_GRACE_PERIOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One grace period, as its leader sees it. */
struct grace_period {
    unsigned long number;
    unsigned long end; /* the sequence with which it ends */
    bool timed;        /* its start and end are remembered */
    bool recorded;     /* and the rest of its record */
    int64_t start_ns;  /* 0: not taken yet */
    bool last_phase;   /* the second of two, or the only one */
    bool fenced;       /* its heavy fence has been run: 0 counts */
    bool uncertain;    /* the last scan met a 0 that did not count */
    bool spun;
    bool waiting; /* readers have the request to wake the leader */
    bool forced;
    bool warned; /* that it lasts long */
    unsigned naps;
};

/* Sequence of grace periods: odd while one runs. */
extern atomic_ulong rcu_sequence;

/* A goal is at most 3 ahead of the sequence when it is taken. But a thread to which it came without
 * any order may still load a much older sequence. So what is up to this far ahead is ahead, and all
 * the rest of the range behind: an old view errs towards "not yet", and a wrap does no harm. It is
 * half of what a cookie of a DEBUG build counts. Of 32 bits it is less, since what was kept for too
 * long seems to be pending for so long; no CPU's view is older than that. */
#define SEQUENCE_AHEAD (sizeof(unsigned long) < 8 ? 1UL << 16 : ~0UL >> 13)

/* Whether `later` is not before `earlier`. */
static inline bool sequence_covers(unsigned long later, unsigned long earlier)
{
    return later - earlier <= SEQUENCE_AHEAD;
}

static inline bool sequence_reached(unsigned long now, unsigned long goal)
{
    return now == goal || !sequence_covers(goal, now);
}

/* The sequence with which the first grace period ends that begins after the call. What the caller
 * unpublished before the call, no reader of a later grace period finds. */
unsigned long rcu_goal(void);
/* Until that sequence is reached. `force` as synchronize_rcu_expedited(). Any thread outside
 * sections; blocks. */
void rcu_wait_for(unsigned long goal, bool force);
/* Wakes a leader that naps or sleeps: it loads the requests and the settings again. */
void rcu_wake_leader(void);
/* => Leader. How old it is; from the first call on, unless its start was recorded. */
int64_t rcu_age_ns(struct grace_period *g);
/* Aborts when the calling thread must not wait for a grace period. */
void rcu_check_may_wait(const char *inside_section);

/* In a forked child: nobody leads, nobody follows. */
void rcu_grace_periods_after_fork(void);

#endif
