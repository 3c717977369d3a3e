/* Threads that end without unregistering. */
#include "thread_exit.h"

#include "registry.h"

#include "sync/platform.h"

static atomic_ulong exits_registered;

/* After most of the thread's other destructors have had their chance to use RCU. */
static void thread_ends(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (!self->registered)
        return;
    if (++self->exit_calls < PLATFORM_EXIT_CALLS) {
        platform_call_at_thread_exit();
        return;
    }
    atomic_fetch_add_explicit(&exits_registered, 1, memory_order_relaxed);
    if (rcu_read_locked()) {
#ifdef STILLPOINT_DEBUG
        rcu_misuse("a thread ended inside a read section; leave it with rcu_read_unlock() first");
#endif
        reader_set_online(self, false);
        /* The outermost level; the unlock is the one that ends it. */
        atomic_store_explicit(&self->counter, RCU_OUTER_LEVEL, memory_order_relaxed);
        rcu_read_unlock();
    }
    rcu_unregister_thread();
}

void rcu_thread_exit_start(void)
{
    platform_at_thread_exit(thread_ends);
}

unsigned long rcu_exits_registered(void)
{
    return atomic_load_explicit(&exits_registered, memory_order_relaxed);
}
