/* Grace periods: who leads, how the end is awaited. That readers are done is proven in scan.c.
 *
 * Sharing. The sequence is odd while a grace period runs. A caller that loads s is served by the
 * first grace period that begins after the load, the one that ends with (s + 3) & ~1.
 *
 * The orders here were model-checked (RC11, IMM, TSO); what breaks without each stands
 * in docs/architecture.md.
 */
#include "grace_period.h"

#include "callback.h"
#include "callback_queue.h"
#include "duty.h"
#include "force.h"
#include "force_notifier.h"
#include "gp_record.h"
#include "long_wait.h"
#include "parked.h"
#include "polled.h"
#include "registry.h"
#include "replay.h"
#include "scan.h"
#include "settings.h"
#include "stats.h"

#include "start.h"
#include "stillpoint/asymmetric_fence.h"
#include "stillpoint/event.h"
#include "stillpoint/rcu.h"
#include "sync/platform.h"

atomic_ulong rcu_gp_number = RCU_NUMBER_STEP | RCU_OUTER_LEVEL;
atomic_ulong rcu_sequence;

static struct {
    platform_mutex lock; /* guards the fields up to followers */
    platform_cond ended;
    bool leading;
    unsigned followers;
    struct manual_event event; /* the leader's: a reader left, or a request came */
} gp;

void rcu_grace_periods_start(void)
{
    platform_mutex_init(&gp.lock);
    platform_cond_init(&gp.ended);
    manual_event_init(&gp.event, false);
}

void rcu_start_counting_at(unsigned long number, unsigned long sequence)
{
    atomic_store_explicit(&rcu_gp_number, (number & ~RCU_LEVELS_MASK) | RCU_OUTER_LEVEL,
                          memory_order_relaxed);
    atomic_store_explicit(&rcu_sequence, sequence & ~1UL, memory_order_relaxed);
    rcu_requests_reset(sequence);
    rcu_polled_reset(sequence);
}

void rcu_wake_leader(void)
{
    manual_event_set(&gp.event);
}

int64_t rcu_age_ns(struct grace_period *g)
{
    int64_t now = platform_now_ns();

    if (g->start_ns == 0)
        g->start_ns = now;
    return now - g->start_ns;
}

/* => Leader. Advances the number; remembers it without levels. */
static void number_advance(struct grace_period *g)
{
    unsigned long number = atomic_load_explicit(&rcu_gp_number, memory_order_relaxed);

#ifdef STILLPOINT_TWO_PHASE
    number ^= RCU_NUMBER_STEP;
#else
    number += RCU_NUMBER_STEP;
#endif
    /* Orders: STORE p by the callers -> STORE rcu_gp_number (release).
     * Pairs with: rcu_read_lock(), LOAD rcu_gp_number (acquire) -> LOAD p.
     * Broken: a reader shows the new number, which is proof without a fence, and still finds the
     * old p. */
    atomic_store_explicit(&rcu_gp_number, number, memory_order_release);
    g->number = number & ~RCU_LEVELS_MASK;
}

/* Whether this grace period is forced from now on. */
static bool becomes_forced(struct grace_period *g, int policy)
{
    bool by_call, by_time = false;

    if (rcu_force_requested(g->end))
        return true;
    if (rcu_replaying())
        return false;
    if (rcu_over_callback_bound(callback_queue_pending())) {
        count_up(&rcu_counts.gps_forced_by_call);
        return true;
    }
    if (policy != RCU_GP_FQS && policy != RCU_GP_ADAPTIVE)
        return false;
    by_call = callback_queue_pending() >= tuned(force_callbacks);
    if (by_call)
        count_up(&rcu_counts.gps_forced_by_call);
    else if (policy == RCU_GP_FQS)
        by_time = g->naps >= tuned(force_naps);
    else
        by_time = rcu_age_ns(g) >= tuned(force_after_ns);
    if (by_time)
        count_up(&rcu_counts.gps_forced_by_time);
    return by_call || by_time;
}

/* => Registry lock. */
static void request_wake(struct grace_period *g)
{
    struct rcu_link *l, *after;

    /* Orders: STORE rcu_gp_number (release) -> STORE attention (release).
     * Pairs with: take_request(), LOAD attention (acquire) -> LOAD rcu_gp_number.
     * Broken: a section that begins after the request was taken shows the old number, for which the
     * leader waits again: that costs a round, not a hang. */
    list_for_each (l, after, &rcu_registry.pending)
        atomic_fetch_or_explicit(&reader_of(l)->attention, RCU_WAITED_FOR, memory_order_release);
    g->waiting = true;
}

/* => Registry lock. Whether every pending reader still has the request. One that took it is done,
 * but for a reader whose signal handler took it in a section of its own, in the middle of the
 * reader's entry: the reader goes on to store the number that it had loaded before. */
static bool all_requested(void)
{
    struct rcu_link *l, *after;

    list_for_each (l, after, &rcu_registry.pending)
        if (!(atomic_load_explicit(&reader_of(l)->attention, memory_order_relaxed) &
              RCU_WAITED_FOR))
            return false;
    return true;
}

static void leader_does(const struct grace_period *g, enum leader_doing doing)
{
    duty_go_on(&rcu_leader_duty, (g->forced ? LEADER_DOINGS : 0) + doing);
}

/* => Registry lock, let go meanwhile. Each pending reader has the request to wake us. */
static void sleep_until_woken(struct grace_period *g, int64_t warning_due_ns)
{
    leader_does(g, LEADER_SLEEPS);
    platform_mutex_unlock(&rcu_registry.lock);
    count_up(&rcu_counts.sleeps);
    if (warning_due_ns < INT64_MAX && !manual_event_timedwait(&gp.event, warning_due_ns)) {
        platform_mutex_lock(&rcu_registry.lock);
        rcu_warn_of_long_wait(g);
        platform_mutex_unlock(&rcu_registry.lock);
    }
    manual_event_wait(&gp.event);
    rcu_record_woken(g);
    leader_does(g, LEADER_SCANS);
    platform_mutex_lock(&rcu_registry.lock);
    count_up(&rcu_counts.wakeups);
}

/* => Registry lock, let go meanwhile. Ends early when a request comes. */
static void nap(struct grace_period *g, int policy)
{
    int64_t length = tuned(poll_interval_ns);

    if (policy == RCU_GP_ADAPTIVE) {
        /* An eighth of its age: grows from the first nap on, and the end is never noticed later
         * than by that part. Not beyond the moment at which the grace period becomes forced. */
        int64_t age = rcu_age_ns(g), least = tuned(first_nap_ns),
                left = tuned(force_after_ns) - age;
        int64_t wanted = age / 8 > least ? age / 8 : least;

        if (wanted < length)
            length = wanted;
        if (left < length)
            length = left > 1 ? left : 1;
    }
    rcu_record_nap(g, length);
    leader_does(g, LEADER_NAPS);
    platform_mutex_unlock(&rcu_registry.lock);
    manual_event_timedwait(&gp.event, length);
    rcu_record_woken(g);
    leader_does(g, LEADER_SCANS);
    platform_mutex_lock(&rcu_registry.lock);
    g->naps++;
    count_up(&rcu_counts.naps);
}

/* => Registry lock, let go while napping or sleeping. Until nobody is pending. */
static void await_readers(struct grace_period *g)
{
    for (;;) {
        int policy;
        bool done, by_event;
        int64_t warning_due_ns;

        /* First the event is reset, then requests and counters are loaded: what comes after the
         * load sets it again, and the nap or sleep ends at once. */
        manual_event_reset(&gp.event);
        policy = tuned(gp_policy);
        if (!g->forced && becomes_forced(g, policy)) {
            g->forced = true;
            count_up(&rcu_counts.gps_forced);
        }
        by_event = g->forced || policy == RCU_GP_EVENT;
        if (by_event && !g->waiting) {
            request_wake(g);
            done = rcu_scan_with_fence(g);
        } else {
            done = rcu_scan_as_needed(g);
        }
        if (!done && by_event && !all_requested()) {
            request_wake(g);
            done = rcu_scan_with_fence(g);
        }
        if (done)
            return;
        rcu_record_pending(g);
        warning_due_ns = rcu_warning_due_ns(g);
        if (warning_due_ns == 0) {
            rcu_warn_of_long_wait(g);
            warning_due_ns = INT64_MAX;
        }
        if (g->forced)
            rcu_run_force_notifiers();
        if (by_event) {
            sleep_until_woken(g, warning_due_ns);
        } else if (policy == RCU_GP_ADAPTIVE && !g->spun && platform_cpus() > 1) {
            /* Readers outside made a spin before the fence pointless; those that are left are
             * inside. */
            if (rcu_spin(g))
                return;
        } else {
            nap(g, policy);
        }
    }
}

/* => Registry lock, let go meanwhile. Advances the number and waits for all readers that are
 *    still in a section from before. */
static void phase(struct grace_period *g)
{
    number_advance(g);
    g->waiting = false;
    if (!rcu_collect(g) && !(rcu_worth_spinning(g) && rcu_spin(g)))
        await_readers(g);
}

/* => gp.lock, or the one leader. Whoever asks for a grace period from now on is not served by this
 *    one. */
static void begin_grace_period(unsigned long end)
{
    /* Orders: LOAD counter in the grace period before (its leader's, by gp.lock) -> STORE
     * rcu_sequence (release).
     * Pairs with: reached(), LOAD rcu_sequence (acquire) -> STORE *p.
     * Broken: a cookie of the grace period before expires by this value, beyond its own, and *p is
     * freed while readers of that grace period still read it. Not on x86. */
    atomic_store_explicit(&rcu_sequence, end - 1, memory_order_release);
    /* Orders: STORE rcu_sequence (release) -> STORE rcu_gp_number (release) in number_advance(),
     * LOAD unparked (relaxed) in rcu_collect_unparked() and pass_at_once().
     * Pairs with: rcu_goal(), STORE p -> LOAD rcu_sequence (relaxed); rcu_reader_entered(), STORE
     * unparked (release) -> LOAD p; a full fence is between, in both.
     * Broken: a caller whose goal is this grace period is served by readers that show the new
     * number and still find the old p; or a parked reader that has announced itself is missed. */
    atomic_thread_fence(memory_order_seq_cst);
}

/* => The one leader, outside sections. */
static void lead(struct grace_period *g)
{
    begin_grace_period(g->end);
    /* After the fence, and so after the call of everyone that this grace period serves. */
    rcu_record_start(g);

    rcu_registry_lead();
    rcu_collect_unparked();
#ifdef STILLPOINT_TWO_PHASE
    phase(g);
#endif
    g->last_phase = true;
    phase(g);
    platform_mutex_unlock(&rcu_registry.lock);
    count_up(&rcu_counts.gps);
    if (!g->fenced)
        count_up(&rcu_counts.gps_proven);
}

/* => gp.lock, and nobody leads. */
static unsigned long next_end(void)
{
    return atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 2;
}

/* => gp.lock. */
static void end_grace_period(unsigned long end)
{
    /* Orders: LOAD counter (acquire), or LOAD watched (acquire) -> STORE rcu_sequence (release).
     * Pairs with: reached(), LOAD rcu_sequence (acquire) -> STORE *p.
     * Broken: a cookie expires, and *p is freed while a section still reads it. Not on x86. */
    atomic_store_explicit(&rcu_sequence, end, memory_order_release);
}

/* => gp.lock, let go meanwhile. */
static void take_the_lead(struct grace_period *g)
{
    gp.leading = true;
    platform_mutex_unlock(&gp.lock);
    duty_begin(&rcu_leader_duty, LEADER_SCANS);
    lead(g);
    duty_end(&rcu_leader_duty);
    platform_mutex_lock(&gp.lock);
    gp.leading = false;
    rcu_record_end(g);
    end_grace_period(g->end);
    if (gp.followers > 0)
        platform_cond_broadcast(&gp.ended);
}

/* => gp.lock, and nobody leads. The whole grace period, when there is no reader to look at: all are
 *    parked, and none has announced itself. Nobody compares a counter, so the number stays.
 *    False: it may have begun, and is to be led. */
static bool pass_at_once(struct grace_period *g)
{
    /* Orders: LOAD watched (acquire) -> STORE *p.
     * Pairs with: rcu_unregister_thread(), LOAD *p -> RMW watched (release).
     * Broken: *p is freed before the last load of a thread that has unregistered is done. Not on
     * x86. Only leaders add to the count, and one after the other. */
    if (atomic_load_explicit(&rcu_registry.watched, memory_order_acquire) > 0)
        return false;
    begin_grace_period(g->end);
    rcu_record_start(g);
    if (atomic_load_explicit(&rcu_registry.unparked, memory_order_relaxed) != 0)
        return false;
    rcu_record_end(g);
    end_grace_period(g->end);
    count_up(&rcu_counts.gps);
    count_up(&rcu_counts.gps_proven);
    return true;
}

/* => gp.lock, let go meanwhile; nobody leads. */
static void next_grace_period(bool force)
{
    struct grace_period g = {.end = next_end()};

    if (pass_at_once(&g))
        return;
    if (force)
        rcu_request_force(g.end);
    take_the_lead(&g);
}

unsigned long rcu_goal(void)
{
    /* Orders: STORE p -> LOAD rcu_sequence (relaxed).
     * Pairs with: begin_grace_period(), STORE rcu_sequence (release) -> number_advance(), STORE
     * rcu_gp_number (release); a full fence is between.
     * Broken: the goal is a grace period that began before p was visible, and *p is freed early. On
     * x86 too. */
    atomic_thread_fence(memory_order_seq_cst);
    return (atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 3) & ~1UL;
}

/* Not in a callback, which has its own, and so have those after it. */
static void record_served(unsigned long end)
{
    if (!rcu_in_callback())
        rcu_record_served(end);
}

void rcu_wait_for(unsigned long goal, bool force)
{
    bool led = false;

    rcu_run_inherited_callbacks();
    if (force)
        rcu_request_force(goal);
    platform_mutex_lock(&gp.lock);
    if (force && gp.leading)
        rcu_wake_leader();
    /* Orders: LOAD rcu_sequence (acquire) -> STORE *p by the caller.
     * Pairs with: reader_state(), LOAD counter (acquire) -> end_grace_period(), STORE rcu_sequence
     * (release).
     * Broken: nothing as long as both sides hold gp.lock, which gives the same order; a waiter
     * without it frees *p while a section still reads it. */
    while (!sequence_reached(atomic_load_explicit(&rcu_sequence, memory_order_acquire), goal)) {
        if (!gp.leading) {
            next_grace_period(false); /* what is to be forced has been requested */
            led = true;
        } else {
            gp.followers++;
            platform_cond_wait(&gp.ended, &gp.lock);
            gp.followers--;
        }
    }
    if (!led)
        count_up(&rcu_counts.gps_shared);
    record_served(goal);
    platform_mutex_unlock(&gp.lock);
}

void rcu_check_may_wait(const char *inside_section)
{
    if (rcu_self()->in_wait)
        rcu_misuse(
            "waiting for a grace period while the thread waits for one already; do not do it in "
            "a signal handler");
    if (rcu_read_locked())
        rcu_misuse(inside_section);
}

/* Leads the next grace period, which begins after the call, unless another one is on: then the
 * caller waits for its goal. */
static bool lead_at_once(bool force)
{
    bool leads;

    rcu_run_inherited_callbacks();
    if (!platform_mutex_trylock(&gp.lock))
        return false;
    leads = !gp.leading;
    if (leads) {
        unsigned long end = next_end();

        next_grace_period(force);
        record_served(end);
    }
    platform_mutex_unlock(&gp.lock);
    return leads;
}

static void synchronize(bool force)
{
    bool online = rcu_parked_begin();

    if (!lead_at_once(force))
        rcu_wait_for(rcu_goal(), force);
    rcu_parked_end(online);
}

void synchronize_rcu(void)
{
    rcu_check_may_wait("synchronize_rcu() inside a read section would wait for itself; "
                       "leave the section first, or use call_rcu()");
    synchronize(false);
}

void synchronize_rcu_expedited(void)
{
    rcu_check_may_wait("synchronize_rcu_expedited() inside a read section would wait for itself; "
                       "leave the section first, or use call_rcu()");
    synchronize(true);
}

void rcu_grace_periods_after_fork(void)
{
    unsigned long sequence = atomic_load_explicit(&rcu_sequence, memory_order_relaxed);

    rcu_grace_periods_start();
    gp.leading = false;
    gp.followers = 0;
    duty_end(&rcu_leader_duty);
    /* A grace period that was under way has no leader any more: back to before it. A wait for its
     * end, or for that of the next, gets two more. */
    atomic_store_explicit(&rcu_sequence, sequence & ~1UL, memory_order_relaxed);
    rcu_requests_reset(sequence);
    rcu_polled_reset(sequence);
}
