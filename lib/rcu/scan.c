/* Scans: the proof that no reader is in a section from before.
 *
 * Callers publish, then the leader advances the number and loads the counter of every reader that
 * is not parked in its group:
 *
 *   the new number   the reader loaded it with acquire, so its section sees what was published, and
 *                    stored it with release, so its sections before have ended. Done, no fence
 *                    needed.
 *   an old number    in a section from before. Not done.
 *   0                outside, or inside with the counter still in its store buffer. Done only when
 *                    this 0 is loaded after this grace period's heavy fence: an entry before the
 *                    fence is visible after it, an entry after the fence sees what was published.
 *   0 and parked     reads nothing until it has announced itself, through a full fence. Done.
 *
 * So a leader spins for a moment; readers that come and go show the new number, and the grace
 * period has cost no fence. Only when a 0 is in the way, one heavy fence is run. A reader that was
 * once seen inside an old section and now shows 0 is no better than any other 0: the next entry may
 * be on its way already.
 *
 * With two phases the number comes round at once, so that a reader which loaded it long ago may
 * show the current phase in an old section: a number proves nothing, the fence is always run, and
 * every reader is scanned in either phase. One fence is enough for both: a section that holds what
 * was unpublished was entered before it, and is visible from then on with one phase or the other.
 */
#include "scan.h"

#include "duty.h"
#include "gp_record.h"
#include "grace_period.h"
#include "parked.h"
#include "registry.h"
#include "settings.h"
#include "stats.h"

#include "stillpoint/asymmetric_fence.h"
#include "stillpoint/rcu.h"
#include "sync/platform.h"

/* How many grace periods in a row a reader may let the spin run out before it is no longer spun
 * for, and how often it then gets another chance. */
#ifndef MISSED_SPINS_LIMIT
#define MISSED_SPINS_LIMIT 3
#define SPIN_AGAIN_EVERY   64
#endif
/* A reader that so many grace periods in a row found outside is parked. A heavy fence that is a
 * system call takes as long as many sections; one that is not is so short that a reader would be
 * parked between two of its sections, and gain nothing. */
#ifndef OUTSIDE_LIMIT
#define OUTSIDE_LIMIT (asymmetric_fence_is_full ? 1000 : 3)
#endif

enum state { INSIDE, PERHAPS_OUTSIDE, OUTSIDE, ENTERED_SINCE, PARKED };

static enum state reader_state(const struct grace_period *g, struct rcu_reader *r)
{
    /* Orders: LOAD counter (acquire) -> STORE *p by the callers.
     * Pairs with: rcu_read_lock(), LOAD *p in the section before -> STORE counter (release);
     * rcu_read_unlock(), LOAD *p -> STORE counter (release); rcu_reader_renews(), LOAD *p -> STORE
     * counter (release).
     * Broken: *p is freed before the last load of it is done. Not on x86. */
    unsigned long counter = atomic_load_explicit(&r->counter, memory_order_acquire);

    if (counter != 0)
        return (counter & ~RCU_LEVELS_MASK) == g->number ? ENTERED_SINCE : INSIDE;
    /* Orders: LOAD attention (acquire) -> STORE *p by the callers.
     * Pairs with: rcu_park(), LOAD *p in the sections before -> STORE attention (release).
     * Broken: the 0 is older than a section that ended before the flag was set, and *p is freed
     * while that still reads it. Not on x86. */
    if ((atomic_load_explicit(&r->attention, memory_order_acquire) & RCU_PARKED) &&
        (!r->proposed || (g->fenced && g->last_phase)))
        return PARKED;
    return g->fenced ? OUTSIDE : PERHAPS_OUTSIDE;
}

/* It was outside once more, by the proof of the fence. */
static void found_outside(struct rcu_reader *r)
{
    if (r->proposed && !(atomic_load_explicit(&r->attention, memory_order_relaxed) & RCU_PARKED)) {
        r->proposed = false; /* it has read since, and announced itself */
        r->outside_gps = 0;
    } else if (++r->outside_gps >= OUTSIDE_LIMIT) {
        /* Relaxed: before it moves to its group, a later heavy fence orders this store before the
         * load of the counter. */
        atomic_fetch_or_explicit(&r->attention, RCU_PARKED, memory_order_relaxed);
        r->proposed = true;
    }
}

/* It holds up nobody. */
static void reader_passed(const struct grace_period *g, struct rcu_reader *r, enum state state)
{
    /* Only a leader makes the request, so no other's is erased. Relaxed: nothing comes with it. */
    if (atomic_load_explicit(&r->attention, memory_order_relaxed) & RCU_WAITED_FOR)
        atomic_fetch_and_explicit(&r->attention, ~RCU_WAITED_FOR, memory_order_relaxed);
    if (state == ENTERED_SINCE) {
        r->outside_gps = 0;
        r->proposed = false;
        if (!g->fenced)
            r->missed_spins = 0; /* proven without a fence */
    } else if (state == OUTSIDE && g->last_phase) {
        found_outside(r);
    }
}

/* Scans the readers of a list once; those that are not done are pending after it. True when nobody
 * is. */
static bool scan_list(struct grace_period *g, struct rcu_link *head)
{
    struct rcu_link *l, *after;

    g->uncertain = false;
    list_for_each (l, after, head) {
        struct rcu_reader *r = reader_of(l);
        enum state state = reader_state(g, r);

        g->uncertain |= state == PERHAPS_OUTSIDE;
        if (state >= OUTSIDE)
            reader_passed(g, r, state);
        if (state == PARKED)
            rcu_move_to_group(r);
        else if ((state >= OUTSIDE) != (head == &rcu_registry.readers))
            link_move(l, state >= OUTSIDE ? &rcu_registry.readers : &rcu_registry.pending);
    }
    return link_alone(&rcu_registry.pending);
}

static bool scan(struct grace_period *g)
{
    return scan_list(g, &rcu_registry.pending);
}

bool rcu_scan_with_fence(struct grace_period *g)
{
    int64_t begun_ns = g->recorded ? platform_now_ns() : 0;

    /* Orders: STORE p by the callers, STORE attention -> LOAD counter (acquire).
     * Pairs with: rcu_read_lock(), STORE counter (release) -> LOAD p; rcu_read_unlock(), STORE
     * counter (release) -> LOAD attention (relaxed).
     * Broken: the counter is loaded as 0 of a reader that has loaded the old p; or a reader leaves
     * without the request, and the leader sleeps for ever. */
    asymmetric_fence_heavy();
    count_up(&rcu_counts.heavy_fences);
    rcu_record_fence(g, begun_ns);
    g->fenced = true;
    return scan(g);
}

bool rcu_scan_as_needed(struct grace_period *g)
{
    /* With a 0 in the way already, one more scan without a fence would find it there again. */
    return (!g->uncertain && scan(g)) || (g->uncertain && rcu_scan_with_fence(g));
}

bool rcu_collect(struct grace_period *g)
{
#ifdef STILLPOINT_TWO_PHASE
    /* Orders: STORE p by the callers -> LOAD counter (acquire).
     * Pairs with: rcu_read_lock(), STORE counter (release) -> LOAD p.
     * Broken: the counter is loaded as 0 of a reader that has loaded the old p.
     * Once for both phases, before the first scan; not when there is nobody to be scanned. */
    if (!g->fenced && !link_alone(&rcu_registry.readers)) {
        asymmetric_fence_heavy();
        count_up(&rcu_counts.heavy_fences);
        g->fenced = true;
    }
#endif
    return scan_list(g, &rcu_registry.readers);
}

/* Only when every pending reader can be expected to show the new number: one that does not makes
 * the fence necessary anyway. */
bool rcu_worth_spinning(const struct grace_period *g)
{
    bool again = g->end / 2 % SPIN_AGAIN_EVERY == 0;
    struct rcu_link *l, *after;

    if (platform_cpus() == 1)
        return false;
    list_for_each (l, after, &rcu_registry.pending)
        if (reader_of(l)->missed_spins >= MISSED_SPINS_LIMIT && !again)
            return false;
    return true;
}

/* The lock is held for spin_ns at most. */
bool rcu_spin(struct grace_period *g)
{
    int64_t limit_ns = tuned(spin_ns), end = 0;
    struct rcu_link *l, *after;

    if (limit_ns > 0) {
        if (!g->spun) /* else in the phase before */
            count_up(&rcu_counts.spins);
        duty_go_on(&rcu_leader_duty, LEADER_SPINS);
    }
    g->spun = true;
    for (unsigned i = 0; limit_ns > 0; i++) {
        if (scan(g))
            return true;
        if (i % 16 == 15) { /* the clock costs as much as a scan */
            int64_t now = platform_now_ns();

            if (end == 0)
                end = now + limit_ns;
            else if (now >= end)
                break;
        }
        platform_relax();
    }
    list_for_each (l, after, &rcu_registry.pending)
        if (reader_of(l)->missed_spins < MISSED_SPINS_LIMIT)
            reader_of(l)->missed_spins++;
    return false;
}
