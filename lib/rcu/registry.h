/* The registry of threads, registry.c. */
#ifndef STILLPOINT_RCU_REGISTRY_H
#define STILLPOINT_RCU_REGISTRY_H

#include "link.h"

#include "stillpoint/rcu.h"
#include "sync/platform.h"

/* Parked readers are in groups, one for each bit of a long, so that those which announced
 * themselves are found without a search of all groups. */
#ifndef RCU_GROUPS
#define RCU_GROUPS (8 * (unsigned)sizeof(unsigned long))
#endif

struct reader_group {
    platform_mutex lock;
    struct rcu_link readers;
};

/* Registered threads: those that a leader watches, and those that are parked. The leader moves
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
    atomic_uint watched;       /* readers in the leader's lists; only leaders add */
    atomic_uint wanting;       /* threads on their way to `lock` */
};
extern struct registry rcu_registry;

static inline struct rcu_reader *reader_of(struct rcu_link *l)
{
    return container_of(l, struct rcu_reader, link);
}

/* => Its thread. In `attention` for the slow path of an unlock. */
static inline void reader_set_online(struct rcu_reader *r, bool online)
{
    r->online = online;
    if (online)
        atomic_fetch_or_explicit(&r->attention, RCU_ONLINE, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&r->attention, ~RCU_ONLINE, memory_order_relaxed);
}

static inline struct reader_group *group_of(const struct rcu_reader *r)
{
    return &rcu_registry.groups[r->group];
}

/* Takes the registry lock for a leader that just let go of it. Threads that waited meanwhile come
 * first; a leader in a loop would otherwise keep them out. */
void rcu_registry_lead(void);
/* Takes and lets go of it for everybody else. */
void rcu_registry_enter(void);
void rcu_registry_leave(void);

/* In a forked child: locks anew, and the calling thread alone in it, if it was registered. */
void rcu_registry_after_fork(void);

#endif
