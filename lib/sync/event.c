#include "stillpoint/event.h"

#include "sync/platform.h"

#ifndef STILLPOINT_PORTABLE

/* FREE -> BUSY when a waiter is about to sleep; either -> SET by a setter, which wakes when it
 * found BUSY; SET -> FREE by a reset.
 *
 * Every store to the word is a read-modify-write, so all stand in one order, and each carries on
 * the releases of those before it. A reset that comes after a set has therefore seen what the
 * setter did; one that comes before it leaves the event set, and the wait that follows returns. A
 * setter that only loaded the word ("already set: nothing to do") would order nothing: its X could
 * become visible after the reset and the waiter's test of its condition.
 *
 * X is what a caller stores before manual_event_set(), and what a waiter's condition loads. */
enum { EVENT_FREE, EVENT_SET, EVENT_BUSY };

void manual_event_init(struct manual_event *e, bool set)
{
    atomic_init(&e->state, set ? EVENT_SET : EVENT_FREE);
}

void manual_event_destroy(struct manual_event *e)
{
    (void)e;
}

bool manual_event_set(struct manual_event *e)
{
    /* Orders: STORE X -> STORE state (acq_rel; the acquire half serves no order that is promised).
     * Pairs with: manual_event_reset(), LOAD state (acq_rel) -> LOAD X; manual_event_is_set(), LOAD
     * state (acquire) -> LOAD X.
     * Broken: the waiter finds the old X, and sleeps although its condition holds. */
    if (atomic_exchange_explicit(&e->state, EVENT_SET, memory_order_acq_rel) != EVENT_BUSY)
        return false;
    platform_futex_wake(&e->state); /* only the address: the event may be gone by now */
    return true;
}

void manual_event_reset(struct manual_event *e)
{
    unsigned set = EVENT_SET;

    /* Orders: LOAD state (acquire) -> LOAD X. Also when it fails: another waiter's reset may have
     * erased the set, and carries it on.
     * Pairs with: manual_event_set(), STORE X -> STORE state (acq_rel).
     * Broken: a set is erased, and the waiter still finds the old X and sleeps. */
    atomic_compare_exchange_strong_explicit(&e->state, &set, EVENT_FREE, memory_order_acq_rel,
                                            memory_order_acquire);
}

static bool manual_event_is_set(struct manual_event *e)
{
    /* Orders: LOAD state (acquire) -> LOAD X.
     * Pairs with: manual_event_set(), STORE X -> STORE state (acq_rel).
     * Broken: the waiter goes on, and what was announced is not there. */
    return atomic_load_explicit(&e->state, memory_order_acquire) == EVENT_SET;
}

static bool wait_until(struct manual_event *e, int64_t deadline_ns)
{
    while (!manual_event_is_set(e)) {
        unsigned state = EVENT_FREE;

        /* Relaxed: announces a sleeper. The futex compares again under the kernel's lock, and a set
         * that slipped in between makes it return at once. */
        atomic_compare_exchange_strong_explicit(&e->state, &state, EVENT_BUSY, memory_order_relaxed,
                                                memory_order_relaxed);
        if (state == EVENT_SET)
            continue;
        if (!platform_futex_wait(&e->state, EVENT_BUSY, deadline_ns))
            return manual_event_is_set(e);
    }
    return true;
}

#else

void manual_event_init(struct manual_event *e, bool set)
{
    platform_mutex_init(&e->lock);
    platform_cond_init(&e->changed);
    e->set = set;
}

void manual_event_destroy(struct manual_event *e)
{
    platform_cond_destroy(&e->changed);
    platform_mutex_destroy(&e->lock);
}

bool manual_event_set(struct manual_event *e)
{
    platform_mutex_lock(&e->lock);
    e->set = true;
    platform_cond_broadcast(&e->changed);
    platform_mutex_unlock(&e->lock);
    return false;
}

void manual_event_reset(struct manual_event *e)
{
    platform_mutex_lock(&e->lock);
    e->set = false;
    platform_mutex_unlock(&e->lock);
}

/* Under the lock also when the event is set already: the setter has left when we return, so that
 * the caller may destroy the event. */
static bool wait_until(struct manual_event *e, int64_t deadline_ns)
{
    bool in_time = true;

    platform_mutex_lock(&e->lock);
    while (!e->set && in_time)
        if (deadline_ns < 0)
            platform_cond_wait(&e->changed, &e->lock);
        else
            in_time = platform_cond_wait_until(&e->changed, &e->lock, deadline_ns);
    in_time = e->set;
    platform_mutex_unlock(&e->lock);
    return in_time;
}

#endif

void manual_event_wait(struct manual_event *e)
{
    wait_until(e, -1);
}

bool manual_event_timedwait(struct manual_event *e, int64_t timeout_ns)
{
    int64_t deadline_ns;

    if (__builtin_add_overflow(platform_now_ns(), timeout_ns > 0 ? timeout_ns : 0, &deadline_ns))
        deadline_ns = INT64_MAX;
    return wait_until(e, deadline_ns);
}
