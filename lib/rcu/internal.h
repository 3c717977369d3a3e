/* What the files of lib/rcu/ share. */
#ifndef STILLPOINT_RCU_INTERNAL_H
#define STILLPOINT_RCU_INTERNAL_H

#include "parked.h"

#include "stillpoint/asymmetric_fence.h"
#include "stillpoint/event.h"
#include "stillpoint/rcu.h"
#include "sync/platform.h"

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* A ring of links: an empty list's head points to itself. */
static inline void link_init(struct rcu_link *l)
{
    l->next = l->previous = l;
}

static inline bool link_alone(const struct rcu_link *l)
{
    return l->next == l;
}

static inline void link_remove(struct rcu_link *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    link_init(l);
}

static inline void link_insert(struct rcu_link *l, struct rcu_link *head)
{
    l->next = head;
    l->previous = head->previous;
    head->previous->next = l;
    head->previous = l;
}

static inline void link_move(struct rcu_link *l, struct rcu_link *head)
{
    link_remove(l);
    link_insert(l, head);
}

/* Safe against removal of `l` itself in the body. */
#define list_for_each(l, after, head) \
    for ((l) = (head)->next, (after) = (l)->next; (l) != (head); (l) = (after), (after) = (l)->next)

/* Readers that are asleep are kept in groups, one bit of a long each, so that those that announce
 * themselves are found without looking at all. */
#define RCU_GROUPS (8 * (unsigned)sizeof(unsigned long))

struct reader_group {
    platform_mutex lock;
    struct rcu_link readers;
};

/* Registered threads: those that a leader looks at, and those that are asleep. The leader moves
 * readers it waits for to `pending` and back. `lock` is let go while it naps or sleeps, so a thread
 * may unregister from either list then. A reader changes between `readers` and its group under
 * `lock` and the group's lock, in this order; a thread registers under its group's lock alone. */
struct registry {
    platform_mutex lock;
    platform_cond entered;
    bool leader_waits; /* for one of those that want the lock */
    struct rcu_link readers;
    struct rcu_link pending;
    struct reader_group groups[RCU_GROUPS];
    _Alignas(RCU_CACHE_LINE)
        atomic_ulong unparked; /* groups in which readers announced themselves */
    atomic_uint wanting;       /* threads on their way to `lock` */
};
extern struct registry rcu_registry;

static inline struct rcu_reader *reader_of(struct rcu_link *l)
{
    return container_of(l, struct rcu_reader, link);
}

/* Takes the registry lock for a leader that just let go of it: those who waited meanwhile come
 * first, or a leader in a loop would keep them out. */
void rcu_registry_lead(void);
/* Takes and lets go of it for everybody else. */
void rcu_registry_enter(void);
void rcu_registry_leave(void);

unsigned long rcu_exits_registered(void);

/* => Registry lock. Brings back the readers that announced themselves. */
void rcu_collect_unparked(void);
/* => Registry lock. Takes a reader off the leader's lists. */
void rcu_move_to_group(struct rcu_reader *r);

/* Puts the calling thread to sleep, outside sections: its next section announces it. */
void rcu_park(void);

/* One grace period, as its leader sees it. */
struct grace_period {
    unsigned long number;
    unsigned long end; /* the sequence that says it has ended */
    bool timed;        /* its start and end are remembered */
    int64_t start_ns;  /* 0: not asked for yet */
    bool last_phase;   /* no second phase follows */
    bool fenced;       /* its heavy fence has been run: 0 counts */
    bool spun;
    bool waiting; /* readers have been asked to wake us */
    bool forced;
    unsigned naps;
};

/* Looking at readers, scan.c. All of them: registry lock; the leader. */
/* Everyone that is not done at the first look becomes pending; true when that is nobody. */
bool rcu_collect(struct grace_period *g);
/* Looks at the pending readers once, with the heavy fence only when a 0 is in the way. */
bool rcu_scan_as_needed(struct grace_period *g);
/* The same, and runs the fence in any case. */
bool rcu_scan_with_fence(struct grace_period *g);
/* Looks again and again for spin_ns, where that is worth its time; true when nobody is left. */
bool rcu_worth_spinning(const struct grace_period *g);
bool rcu_spin(struct grace_period *g);

/* Grace periods, grace_period.c. The sequence that a grace period which begins from now on ends
 * with. */
unsigned long rcu_goal(void);
/* Until that sequence is reached. `force` as synchronize_rcu_expedited(). Any thread outside
 * sections; blocks. */
void rcu_wait_for(unsigned long goal, bool force);
/* Wakes a leader that naps or sleeps, to look at the requests again. */
void rcu_wake_leader(void);
/* Aborts when the calling thread must not wait for a grace period. */
void rcu_check_may_wait(const char *inside_section, const char *inside_callback);

/* Installs the handler, fork.c. Called from the registry rather than by a constructor of its own: a
 * static library's file that nobody refers to is not linked. */
void rcu_fork_start(void);
/* Of a forked child, each in its file: nothing that other threads held or did is left. */
void rcu_registry_after_fork(void);
void rcu_grace_periods_after_fork(void);
void rcu_callbacks_after_fork(void);
void rcu_polled_after_fork(void);

/* The sum of what callers and callbacks ask of a grace period, policy.c. */
struct tuning {
    atomic_int gp_policy;
    _Atomic int64_t spin_ns, first_nap_ns, poll_interval_ns, force_after_ns, callback_hold_ns;
    atomic_uint force_naps, force_callbacks, callback_batch;
    atomic_ulong callback_bound;
    atomic_bool gp_times;
};
extern struct tuning rcu_tuning;
#define tuned(field) atomic_load_explicit(&rcu_tuning.field, memory_order_relaxed)

/* Sequence of grace periods: odd while one runs. */
extern atomic_ulong rcu_sequence;

/* A goal is at most 3 ahead of the sequence when it is taken, and the sequence never goes back:
 * what seems farther ahead is behind, however far. So a wrap does no harm. */
static inline bool sequence_reached(unsigned long now, unsigned long goal)
{
    return goal - now - 1 >= 3;
}

/* Whether somebody asked for the grace period that ends with `end` to be forced. */
bool rcu_force_requested(unsigned long end);
/* Asks it for all grace periods up to the one that ends with `end`; does not wake the leader. */
void rcu_request_force(unsigned long end);
/* While the count is above 0 all grace periods are forced. */
void rcu_drain_begin(void);
void rcu_drain_end(void);
bool rcu_draining(void);
/* Forgets what was requested before this sequence; also in a forked child. */
void rcu_requests_reset(unsigned long sequence);

/* Callbacks, callback.c. */
unsigned long rcu_callbacks_pending(void);
bool rcu_in_callback(void);
bool rcu_over_callback_bound(unsigned long pending);
void rcu_callback_stats(struct rcu_stats *stats);
/* Makes a callback thread that lets callbacks pile up look again. */
void rcu_end_pile_up(void);
/* Makes it look for callbacks again. */
void rcu_recount_callbacks(void);
bool rcu_barrier_queued(void);
/* Deterministic mode, replay.c: nothing is forced by counts or by time. */
bool rcu_replaying(void);
/* Of `queued` callbacks, how many the next grace period covers; 0: not yet. `barrier`: one is among
 * them. */
unsigned long rcu_replay_next(unsigned long queued, bool barrier, bool *force);

/* Counters of the leader's: one thread at a time writes, any thread reads. */
struct gp_counts {
    atomic_ulong gps, gps_proven, gps_forced, gps_forced_by_call, gps_forced_by_time, gps_shared,
        heavy_fences, spins, naps, sleeps, wakeups, readers_parked, readers_unparked;
};
extern struct gp_counts rcu_counts;

/* Relaxed load and store, not an atomic addition: leaders follow one another under a lock. */
static inline void count_up(atomic_ulong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

#endif
