/* Fork: the child gets a library as new, with one thread in it.
 *
 * There is no prepare handler. The forking thread may be inside a section, or hold the callback
 * lock, so it must not wait for a leader or for the callback thread. Nor need it: all
 * that other threads were doing is thrown away in the child, where no other thread is, and every
 * lock is made anew.
 */
#include "fork.h"

#include "callback.h"
#include "grace_period.h"
#include "polled.h"
#include "registry.h"

#include "stillpoint/asymmetric_fence.h"
#include "stillpoint/rcu_fork.h"
#include "sync/platform.h"

#include <stdatomic.h>

static atomic_bool disabled;

static void in_child(void)
{
    if (atomic_load_explicit(&disabled, memory_order_relaxed))
        return;
    /* The kernel keeps the registration of a process for its child; to register again costs nothing
     * and relies on nothing. */
    if (!asymmetric_fence_is_full)
        platform_heavy_fence_available();
    rcu_registry_after_fork();
    rcu_grace_periods_after_fork();
    rcu_callbacks_after_fork();
    rcu_polled_after_fork();
}

void rcu_fork_start(void)
{
    platform_at_fork(in_child);
}

void rcu_disable_atfork(void)
{
    atomic_store_explicit(&disabled, true, memory_order_relaxed);
}

void rcu_enable_atfork(void)
{
    atomic_store_explicit(&disabled, false, memory_order_relaxed);
}
