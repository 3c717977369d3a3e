/* The registry of threads: who may be in a read section. */
#include "internal.h"

_Static_assert(sizeof(struct rcu_reader) == 2 * RCU_CACHE_LINE,
               "a reader's own line and the registry's line");

STILLPOINT_THREAD_LOCAL struct rcu_reader rcu_reader;

struct registry rcu_registry = {
    .lock = PLATFORM_MUTEX_INITIALIZER,
    .readers = {&rcu_registry.readers, &rcu_registry.readers},
    .pending = {&rcu_registry.pending, &rcu_registry.pending},
};

void rcu_misuse(const char *what)
{
    platform_fail(what);
}

void rcu_register_thread(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (self->registered)
        rcu_misuse("rcu_register_thread() in a thread that is registered already");
    self->thread_id = platform_thread_id();
    self->missed_spins = 0;
    link_init(&self->notifiers);
    /* A grace period that is under way need not wait for us: taking the lock after its leader, we
     * see what was published before it. */
    platform_mutex_lock(&rcu_registry.lock);
    link_insert(&self->link, &rcu_registry.readers);
    self->registered = true;
    platform_mutex_unlock(&rcu_registry.lock);
}

void rcu_unregister_thread(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (!self->registered)
        rcu_misuse("rcu_unregister_thread() in a thread that is not registered");
    if (rcu_read_locked())
        rcu_misuse("rcu_unregister_thread() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    platform_mutex_lock(&rcu_registry.lock);
    link_remove(&self->link);
    self->registered = false;
    platform_mutex_unlock(&rcu_registry.lock);
}

void rcu_park(void)
{
    /* Release: our sections end before a leader skips us.
     * Pairs with: the acquire in reader_is_done(). Broken: it frees what we were reading. */
    atomic_store_explicit(&rcu_reader.parked, 1, memory_order_release);
}

void rcu_unpark(void)
{
    atomic_store_explicit(&rcu_reader.parked, 0, memory_order_relaxed);
    /* Full fence: we are seen unparked before we read anything.
     * Pairs with: the full fence in lead(), between the callers' publishing and the look at the flag.
     * Broken: a leader skips us although we then read what it frees. */
    atomic_thread_fence(memory_order_seq_cst);
}

void rcu_add_force_notifier(struct rcu_force_notifier *notifier)
{
    if (!rcu_reader.registered)
        rcu_misuse("rcu_add_force_notifier() in a thread that is not registered");
    platform_mutex_lock(&rcu_registry.lock);
    link_insert(&notifier->link, &rcu_reader.notifiers);
    platform_mutex_unlock(&rcu_registry.lock);
}

void rcu_remove_force_notifier(struct rcu_force_notifier *notifier)
{
    platform_mutex_lock(&rcu_registry.lock);
    link_remove(&notifier->link);
    platform_mutex_unlock(&rcu_registry.lock);
}

unsigned rcu_holdouts(int *thread_ids, unsigned room)
{
    struct rcu_link *l, *after;
    unsigned count = 0;

    platform_mutex_lock(&rcu_registry.lock);
    list_for_each (l, after, &rcu_registry.pending) {
        if (count < room)
            thread_ids[count] = reader_of(l)->thread_id;
        count++;
    }
    platform_mutex_unlock(&rcu_registry.lock);
    return count;
}
