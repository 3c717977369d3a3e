/* The registry of threads: who may be in a read section. */
#include "registry.h"

#include "callback.h"
#include "fork.h"
#include "parked.h"
#include "thread_exit.h"
#include "version.h"

#include "start.h"
#include "stillpoint/asymmetric_fence.h"

_Static_assert(sizeof(struct rcu_reader) == 2 * RCU_CACHE_LINE || sizeof(long) < 8,
               "a reader's own line and the registry's line");

STILLPOINT_THREAD_LOCAL struct rcu_reader rcu_reader = {.attention = RCU_UNREGISTERED};

struct registry rcu_registry;

static atomic_uint next_group;

static void registry_init(void)
{
    platform_mutex_init(&rcu_registry.lock);
    platform_cond_init(&rcu_registry.entered);
    link_init(&rcu_registry.readers);
    link_init(&rcu_registry.pending);
    for (unsigned i = 0; i < RCU_GROUPS; i++) {
        platform_mutex_init(&rcu_registry.groups[i].lock);
        link_init(&rcu_registry.groups[i].readers);
    }
    rcu_registry.leader_waits = false;
    atomic_store_explicit(&rcu_registry.unparked, 0, memory_order_relaxed);
    atomic_store_explicit(&rcu_registry.watched, 0, memory_order_relaxed);
    atomic_store_explicit(&rcu_registry.wanting, 0, memory_order_relaxed);
}

void rcu_registry_start(void)
{
    registry_init();
    rcu_thread_exit_start();
    rcu_fork_start();
}

void rcu_misuse(const char *what)
{
    platform_fail(what);
}

void rcu_registry_lead(void)
{
    platform_mutex_lock(&rcu_registry.lock);
    /* Once is enough: each that leaves the registry wakes the leader, and none of them waits for
     * more than one turn of the leader's. Each counts itself out with the lock held, so one of them
     * is yet to come. */
    if (atomic_load_explicit(&rcu_registry.wanting, memory_order_relaxed) > 0) {
        rcu_registry.leader_waits = true;
        platform_cond_wait(&rcu_registry.entered, &rcu_registry.lock);
        rcu_registry.leader_waits = false;
    }
}

void rcu_registry_enter(void)
{
    atomic_fetch_add_explicit(&rcu_registry.wanting, 1, memory_order_relaxed);
    platform_mutex_lock(&rcu_registry.lock);
    atomic_fetch_sub_explicit(&rcu_registry.wanting, 1, memory_order_relaxed);
}

void rcu_registry_leave(void)
{
    if (rcu_registry.leader_waits)
        platform_cond_broadcast(&rcu_registry.entered);
    platform_mutex_unlock(&rcu_registry.lock);
}

void rcu_register_compiled(const char *version, unsigned layout)
{
    struct rcu_reader *self = rcu_self();

    rcu_check_layout(version, layout);
    if (self->registered)
        rcu_misuse("rcu_register_thread() in a thread that is registered already");
    self->thread_id = platform_thread_id();
    self->missed_spins = self->outside_gps = 0;
    self->proposed = self->online = false;
    self->exit_calls = 0;
    self->group = atomic_fetch_add_explicit(&next_group, 1, memory_order_relaxed) % RCU_GROUPS;
    atomic_store_explicit(&self->attention,
                          RCU_PARKED | (asymmetric_fence_is_full ? RCU_FULL_FENCE : 0),
                          memory_order_relaxed);
    link_init(&self->notifiers);
    link_init(&self->link);
    rcu_thread_exit_request();
    /* A grace period that is under way need not wait for us: the first section announces itself. */
    rcu_group_join(self);
    self->registered = true;
}

void rcu_register_main_compiled(const char *version, unsigned layout)
{
    if (platform_thread_id() == platform_process_id() && !rcu_self()->registered)
        rcu_register_compiled(version, layout);
}

void rcu_unregister_thread(void)
{
    struct rcu_reader *self = rcu_self();
    bool removed;

    if (!self->registered)
        rcu_misuse("rcu_unregister_thread() in a thread that is not registered");
    if (rcu_in_callback())
        rcu_misuse("rcu_unregister_thread() in a callback: the thread is the library's own");
    if (self->in_wait)
        rcu_misuse("rcu_unregister_thread() while the thread waits inside the library, as in "
                   "synchronize_rcu(); do not call it in a signal handler");
    if (rcu_read_locked())
        rcu_misuse("rcu_unregister_thread() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    if (!link_alone(&self->notifiers))
        rcu_misuse("a thread ended or unregistered with a force notifier of its own; call "
                   "rcu_remove_force_notifier(), or vcpu_detach(), first");
    if (self->online)
        rcu_thread_offline();
    platform_mutex_lock(&group_of(self)->lock);
    removed = self->in_group;
    if (removed)
        link_remove(&self->link);
    platform_mutex_unlock(&group_of(self)->lock);
    if (!removed) {
        rcu_registry_enter();
        /* A leader may have moved us to our group meanwhile. */
        platform_mutex_lock(&group_of(self)->lock);
        link_remove(&self->link);
        if (!self->in_group)
            /* Orders: LOAD *p -> RMW watched (release).
             * Pairs with: pass_at_once(), LOAD watched (acquire) -> STORE *p.
             * Broken: *p is freed before the last load of this thread is done. Not on x86. */
            atomic_fetch_sub_explicit(&rcu_registry.watched, 1, memory_order_release);
        platform_mutex_unlock(&group_of(self)->lock);
        rcu_registry_leave();
    }
    atomic_store_explicit(&self->attention, RCU_UNREGISTERED, memory_order_relaxed);
    self->registered = self->in_group = false;
}

unsigned rcu_holdouts(int *thread_ids, unsigned room)
{
    struct rcu_link *l, *after;
    unsigned count = 0;

    rcu_registry_enter();
    list_for_each (l, after, &rcu_registry.pending) {
        if (count < room)
            thread_ids[count] = reader_of(l)->thread_id;
        count++;
    }
    rcu_registry_leave();
    return count;
}

void rcu_registry_after_fork(void)
{
    struct rcu_reader *self = rcu_self();

    registry_init();
    self->thread_id = platform_thread_id();
    if (!self->registered)
        return;
    self->proposed = self->in_group = false;
    atomic_fetch_and_explicit(&self->attention, ~RCU_WAITED_FOR, memory_order_relaxed);
    link_init(&self->link);
    link_insert(&self->link, &rcu_registry.readers);
    atomic_store_explicit(&rcu_registry.watched, 1, memory_order_relaxed);
}
