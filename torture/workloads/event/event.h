/* The workload `event`: what its files share. */
#ifndef STILLPOINT_EVENT_WORKLOAD_H
#define STILLPOINT_EVENT_WORKLOAD_H

#include "torture/workloads/fleet.h"
#include "torture/workloads/overtaken.h"

struct event_params {
    int64_t waiters, posters, pause_ns, limit_ns, burst;
};

enum event_counter {
    ROUNDS,
    WAITS,
    ALL_ASLEEP,
    TIMED_OUT,
    DESTROYED,
    RESET_FIRST,
    POSTS,
    POSTED_TO_SLEEPER,
    CHECKS,
    COUNTER_COUNT
};
enum { EVENT_CHECK, CHECK_COUNT };
enum event_note { NOTE_WAITS, NOTE_BACK, NOTE_SETS, NOTE_POSTS, NOTE_FOUND, NOTE_COUNT };

#if FLAVOR_CAN_VCPU

/* In a row, for a thread may be woken and about to sleep again at one of them. */
#define LOOKS 3

/* A poster's box. */
struct event_box {
    _Alignas(64) atomic_ulong posted; /* relaxed: the event is to order it */
    unsigned long found;              /* by the drainer; plain, its own */
    _Alignas(64) atomic_ulong taken;  /* the same, for the poster */
    atomic_bool waits;                /* the poster's last set has returned */
};

/* Several threads set one event. */
struct event_posts {
    struct manual_event event;
    struct event_box *boxes;              /* by poster */
    struct request_line wait;             /* the drainer's: odd while it is in the wait */
    _Alignas(64) atomic_uint left;        /* posters that have not ended */
    _Alignas(64) atomic_ulong contended;  /* stored to before a post, which is seen late then */
    const struct torture_thread *drainer; /* it ends at once where there are no posters */
};

/* posters.c: with the workload's state, where the run's threads are known; and their roles. */
void event_posts_open(struct event_posts *posts, const struct instance *in);
void event_posts_close(struct event_posts *posts);
void event_poster(struct torture_thread *t);
void event_drainer(struct torture_thread *t);

struct event_state {
    struct manual_event *event;     /* the setter's between two rounds, then the last waiter's */
    unsigned long written;          /* plain: the round whose event is being set */
    struct request_line *waits;     /* by waiter: odd while it is in the wait */
    struct cpu_sleep *looks;        /* the setter's, by waiter */
    _Alignas(64) atomic_uint round; /* a futex word; grows as one begins, and at the end */
    bool resets;                    /* the setter's: waiters may reset in this round */
    atomic_uint ready;              /* waiters that reset no more in this round */
    atomic_uint back;               /* waiters that have come back in this round */
    _Alignas(64) atomic_uint over;  /* a futex word; the round that all have come back from */
    struct event_posts posts;
};

#endif
#endif
