/* What the files of lib/rcu/ share. */
#ifndef STILLPOINT_RCU_INTERNAL_H
#define STILLPOINT_RCU_INTERNAL_H

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

/* Registered threads. The leader moves those it waits for to `pending` and back. The lock is let go
 * while it naps or sleeps, so a thread may unregister from either list then. */
struct registry {
    platform_mutex lock;
    struct rcu_link readers;
    struct rcu_link pending;
};
extern struct registry rcu_registry;

static inline struct rcu_reader *reader_of(struct rcu_link *l)
{
    return container_of(l, struct rcu_reader, link);
}

/* Parking: the calling thread will read nothing until it unparks, so leaders may skip it. */
void rcu_park(void);
void rcu_unpark(void);

/* Grace periods, grace_period.c. `force` as synchronize_rcu_expedited(). Any thread outside sections;
 * blocks. */
void rcu_wait_for_grace_period(bool force);
/* Wakes a leader that naps or sleeps, to look at the requests again. */
void rcu_poke_leader(void);

/* The sum of what callers and callbacks ask of a grace period, policy.c. */
struct tuning {
    atomic_int gp_policy;
    _Atomic int64_t spin_ns, first_nap_ns, poll_interval_ns, force_after_ns;
    atomic_uint force_naps, force_callbacks, callback_batch;
    atomic_bool gp_times;
};
extern struct tuning rcu_tuning;
#define tuned(field) atomic_load_explicit(&rcu_tuning.field, memory_order_relaxed)

/* Sequence of grace periods: odd while one runs. Compared with wrap. */
extern atomic_ulong rcu_sequence;

static inline bool sequence_reached(unsigned long now, unsigned long goal)
{
    return (long)(now - goal) >= 0;
}

/* Whether somebody asked for the grace period that ends with `end` to be forced. */
bool rcu_force_requested(unsigned long end);
/* Asks it for all grace periods up to the one that ends with `end`; does not wake the leader. */
void rcu_request_force(unsigned long end);
/* While the count is above 0 all grace periods are forced. */
void rcu_drain_begin(void);
void rcu_drain_end(void);
bool rcu_draining(void);

/* Callbacks, callback.c. */
unsigned long rcu_callbacks_pending(void);
bool rcu_in_callback(void);
void rcu_callback_stats(struct rcu_stats *stats);
/* Makes a callback thread that lets callbacks pile up look again. */
void rcu_poke_callback_thread(void);

/* Counters of the leader's: one thread at a time writes, any thread reads. */
struct gp_counts {
    atomic_ulong gps, proven, forced, forced_by_call, forced_by_time, shared, heavy_fences, spins,
        naps, sleeps, wakeups;
};
extern struct gp_counts rcu_counts;

/* Relaxed load and store, not an atomic addition: leaders follow one another under a lock. */
static inline void count_up(atomic_ulong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

#endif
