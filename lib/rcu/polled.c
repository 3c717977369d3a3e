/* Polled grace periods: a cookie is the sequence that the grace period which it waits for ends
 * with.
 *
 * Nobody waits for a started one, so a thread of the library's leads it: one of its own, since the
 * callback thread may have to wait for the program's lock.
 */
#include "polled.h"

#include "force.h"
#include "grace_period.h"
#include "own_thread.h"
#include "parked.h"

#include "start.h"
#include "stillpoint/event.h"
#include "stillpoint/rcu.h"
#include "sync/platform.h"

static struct {
    struct own_thread thread;
    atomic_ulong goal; /* the newest that was started */
    struct manual_event started;
} polled;

#ifdef STILLPOINT_DEBUG
/* The upper bits of a cookie are its process's tag. What is left still counts thousands of grace
 * periods: 20 bits where a long has 32. */
#define TAG_BITS   12
#define VALUE_MASK (~0UL >> TAG_BITS)
static unsigned long tag;

static unsigned long to_cookie(unsigned long goal)
{
    return (goal & VALUE_MASK) | tag;
}

static unsigned long to_goal(unsigned long cookie, unsigned long now)
{
    if ((cookie & ~VALUE_MASK) != tag)
        rcu_misuse("a cookie of another process, or none at all; in a forked child, take a new one "
                   "with get_state_synchronize_rcu()");
    /* The value that is nearest ahead of the sequence; sequence_reached() takes what is too far
     * ahead for behind. */
    return now + ((cookie - now) & VALUE_MASK);
}

static void choose_tag(void)
{
    /* Spread over the bits, and never 0: what was never set is no cookie. */
    tag =
        (((unsigned long)platform_process_id() * 2654435761UL | 1) << (8 * sizeof tag - TAG_BITS));
}
#else
static unsigned long to_cookie(unsigned long goal)
{
    return goal;
}

static unsigned long to_goal(unsigned long cookie, unsigned long now)
{
    (void)now;
    return cookie;
}

static void choose_tag(void)
{
}
#endif

void rcu_polled_start(void)
{
    own_thread_init(&polled.thread);
    manual_event_init(&polled.started, false);
    choose_tag();
}

void rcu_polled_reset(unsigned long sequence)
{
    atomic_store_explicit(&polled.goal, sequence & ~1UL, memory_order_relaxed);
}

void rcu_polled_after_fork(void)
{
    rcu_polled_start();
}

static bool reached(unsigned long goal)
{
    /* Orders: LOAD rcu_sequence (acquire) -> STORE *p by the caller.
     * Pairs with: reader_state(), LOAD counter (acquire) -> end_grace_period(), STORE
     * rcu_sequence (release), or begin_grace_period(), STORE rcu_sequence (release), of the grace
     * period after it.
     * Broken: *p is freed while a section still reads it. Not on x86. */
    return sequence_reached(atomic_load_explicit(&rcu_sequence, memory_order_acquire), goal);
}

static void polled_thread(void)
{
    for (;;) {
        unsigned long goal;

        manual_event_reset(&polled.started);
        /* Relaxed: manual_event_reset() acquires both. */
        goal = atomic_load_explicit(&polled.goal, memory_order_relaxed);
        if (!reached(goal))
            rcu_wait_for(goal, false);
        else if (own_thread_ends(&polled.thread))
            return;
        else
            manual_event_wait(&polled.started);
    }
}

static void start_inheriting(void)
{
    own_thread_start(&polled.thread, "rcu-poll", polled_thread, true);
}

static void start_ordinary(void)
{
    own_thread_start(&polled.thread, "rcu-poll", polled_thread, false);
}

static void wake_thread(void)
{
    manual_event_set(&polled.started);
}

void rcu_polled_shutdown(void)
{
    own_thread_end(&polled.thread, wake_thread);
}

void rcu_start_poll_thread(void)
{
    platform_call_once(&polled.thread.once, start_inheriting);
}

unsigned long get_state_synchronize_rcu(void)
{
    return to_cookie(rcu_goal());
}

unsigned long get_completed_synchronize_rcu(void)
{
    return to_cookie(atomic_load_explicit(&rcu_sequence, memory_order_relaxed) & ~1UL);
}

static unsigned long start_polled(bool force)
{
    unsigned long goal = rcu_goal(), newest;

    newest = atomic_load_explicit(&polled.goal, memory_order_relaxed);
    /* Ours may be old by now: what others have started since stays. */
    while (!sequence_covers(newest, goal) &&
           !atomic_compare_exchange_weak_explicit(&polled.goal, &newest, goal, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    if (force) {
        rcu_request_force(goal);
        rcu_wake_leader();
    }
    platform_call_once(&polled.thread.once, start_ordinary);
    manual_event_set(&polled.started);
    return to_cookie(goal);
}

unsigned long start_poll_synchronize_rcu(void)
{
    return start_polled(false);
}

unsigned long start_poll_synchronize_rcu_expedited(void)
{
    return start_polled(true);
}

bool poll_state_synchronize_rcu(unsigned long cookie)
{
    return reached(to_goal(cookie, atomic_load_explicit(&rcu_sequence, memory_order_relaxed)));
}

static void cond_synchronize(unsigned long cookie, bool force)
{
    unsigned long goal = to_goal(cookie, atomic_load_explicit(&rcu_sequence, memory_order_relaxed));
    bool online;

    if (reached(goal))
        return;
    online = rcu_parked_begin();
    rcu_wait_for(goal, force);
    rcu_parked_end(online);
}

void cond_synchronize_rcu(unsigned long cookie)
{
    rcu_check_may_wait("cond_synchronize_rcu() inside a read section may wait for itself; "
                       "leave the section first, or poll");
    cond_synchronize(cookie, false);
}

void cond_synchronize_rcu_expedited(unsigned long cookie)
{
    rcu_check_may_wait(
        "cond_synchronize_rcu_expedited() inside a read section may wait for itself; "
        "leave the section first, or poll");
    cond_synchronize(cookie, true);
}
