/* Threads of the library's own. */
#include "own_thread.h"

void own_thread_init(struct own_thread *t)
{
    static const platform_once once = PLATFORM_ONCE_INITIALIZER;

    t->once = once;
    atomic_store_explicit(&t->started, false, memory_order_relaxed);
    atomic_store_explicit(&t->ends, false, memory_order_relaxed);
}

void own_thread_start(struct own_thread *t, const char *name, void (*run)(void), bool inherits)
{
    t->thread = platform_thread_start(name, run, inherits);
    /* Orders: STORE thread -> STORE started (release).
     * Pairs with: own_thread_end(), LOAD started (acquire) -> LOAD thread.
     * Broken: rcu_shutdown() waits for a thread that is none. */
    atomic_store_explicit(&t->started, true, memory_order_release);
}

void own_thread_end(struct own_thread *t, void (*wake)(void))
{
    /* Orders: LOAD started (acquire) -> LOAD thread.
     * Pairs with: own_thread_start(), STORE thread -> STORE started (release).
     * Broken: rcu_shutdown() waits for a thread that is none. */
    if (!atomic_load_explicit(&t->started, memory_order_acquire))
        return;
    /* Relaxed: the event's setting releases it, and its reset acquires it. */
    atomic_store_explicit(&t->ends, true, memory_order_relaxed);
    wake();
    platform_thread_join(t->thread);
    own_thread_init(t);
}

bool own_thread_ends(struct own_thread *t)
{
    return atomic_load_explicit(&t->ends, memory_order_relaxed);
}
