/* Threads that end without unregistering. */
#include "thread_exit.h"

#include "registry.h"

#include "sync/platform.h"

static struct platform_exit at_exit;
static atomic_ulong exits_registered;

/* After most of the thread's other destructors have had their chance to use RCU. */
static void thread_ends(void)
{
    struct rcu_reader *self = rcu_self();

    if (!self->registered)
        return;
    if (++self->exit_calls < PLATFORM_EXIT_CALLS) {
        rcu_thread_exit_request();
        return;
    }
    if (rcu_read_locked())
        rcu_misuse("a thread ended inside a read section; leave it with rcu_read_unlock() first");
    atomic_fetch_add_explicit(&exits_registered, 1, memory_order_relaxed);
    rcu_unregister_thread();
}

void rcu_thread_exit_start(void)
{
    platform_exit_init(&at_exit, thread_ends);
}

void rcu_thread_exit_request(void)
{
    platform_exit_request(&at_exit);
}

unsigned long rcu_exits_registered(void)
{
    return atomic_load_explicit(&exits_registered, memory_order_relaxed);
}
