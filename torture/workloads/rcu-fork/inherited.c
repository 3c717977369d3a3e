/* rcu-fork, the child's side: what came over the fork. */
#include "child.h"

#include <stdlib.h>

/* --- The section --- */

/* Replaces what the inherited section holds, waits for a grace period, and marks the old one as
 * done. Not registered: any thread may wait. */
struct replacer {
    bool polls, published;
    struct item *old, *fresh;
    unsigned long cookie;
    atomic_uint waits, returned;
};

static void *replace(void *argument)
{
    struct replacer *r = argument;
    struct items *u = r->old->items;

    /* When its ancestor has replaced it, a callback is on its way that marks it as done. */
    r->published = u->current == r->old;
    r->fresh->items = u;
    flavor_assign_pointer(u->current, r->fresh);
    if (r->polls)
        r->cookie = flavor_start_poll();
    /* Orders: STORE r->cookie -> STORE r->waits.
     * Pairs with: child_use_inherited(), LOAD r.waits (acquire) -> LOAD r->cookie.
     * Broken: the first thread polls for a cookie that nobody took. */
    atomic_store_explicit(&r->waits, 1, memory_order_release);
    flavor_synchronize();
    if (r->published)
        atomic_store_explicit(&r->old->done, 1, memory_order_relaxed);
    /* Orders: flavor_synchronize() -> STORE r->returned.
     * Pairs with: child_use_inherited(), LOAD r.returned (acquire) -> flavor_thread_offline().
     * Broken: nothing that is used; the thread is joined before its memory goes. */
    atomic_store_explicit(&r->returned, 1, memory_order_release);
    return NULL;
}

static void expect_held(struct child *c, struct replacer *r, const char *what)
{
    if (atomic_load_explicit(&r->old->done, memory_order_relaxed) ||
        atomic_load_explicit(&r->returned, memory_order_relaxed))
        child_fail(c, "A grace period of a child's ended while its first thread was still %s.",
                   what);
    if (r->polls && flavor_poll_state(r->cookie))
        child_fail(c, "A cookie expired in a child while its first thread was still %s.", what);
    child_count(&c->report->checks, 2);
}

/* The section, or being online, protects what was loaded before the fork: a thread that replaces it
 * waits. */
void child_use_inherited(struct child *c, const struct fork_birth *birth)
{
    const char *what =
        birth->from == FROM_ONLINE ? "online" : "inside the section in which it was forked";
    struct replacer r = {
        .polls = c->polls, .old = birth->item, .fresh = calloc(1, sizeof *r.fresh)};
    pthread_t thread;

    if (atomic_load_explicit(&birth->item->done, memory_order_relaxed))
        child_fail(c, "What a thread held when it forked had been freed.");
    thread = child_start_thread(c, replace, &r);
    /* Orders: LOAD r.waits -> LOAD r.cookie (in expect_held()).
     * Pairs with: replace(), STORE r->cookie -> STORE r->waits (release).
     * Broken: the first thread polls for a cookie that nobody took. */
    while (!atomic_load_explicit(&r.waits, memory_order_acquire))
        child_nap(10 * 1000);
    child_nap((int64_t)random_below(&c->random, 2 * (uint64_t)c->params->child_stay_ns + 1));
    expect_held(c, &r, what);
    if (birth->from == FROM_ONLINE) {
        while (!atomic_load_explicit(&r.returned, memory_order_acquire)) {
            flavor_quiescent_state();
            child_nap(10 * 1000);
        }
        flavor_thread_offline();
    } else {
        for (unsigned level = birth->nest; level > 1; level--)
            flavor_read_unlock();
        child_expect_inside(c, true,
                            "At the outermost level of the section in which it was forked");
        expect_held(c, &r, what);
        flavor_read_unlock();
    }
    pthread_join(thread, NULL);
    child_count(&c->report->kept_sections, 1);
}

void child_use_inherited_lock(struct child *c)
{
    if (!big_lock_held(c->state->big_lock))
        child_fail(c, "A child lost the big lock of the thread that forked it.");
    flavor_barrier();
    if (!big_lock_held(c->state->big_lock))
        child_fail(c, "A barrier that a child called with the big lock returned without it.");
    big_lock_release(c->state->big_lock);
    child_count(&c->report->checks, 2);
}

/* --- Callbacks --- */

/* One callback at most was running at each fork: it is lost, and the one after it comes first. */
void fork_inherited_ran(struct fork_state *state, uint64_t sequence, uint64_t expected, bool again,
                        bool locked)
{
    uint64_t missing = sequence - expected;
    const char *wrong = NULL;

    if (missing > state->half_run)
        wrong = sequence < expected ? "again" : "before its turn";
    else
        state->half_run -= (unsigned)missing;
    if (again)
        wrong = "again";
    if (!locked)
        wrong = "without the big lock";
    if (wrong && !state->inherited_wrong) {
        state->wrong_sequence = sequence;
        state->wrong_expected = expected;
        state->inherited_wrong = wrong;
    }
    atomic_fetch_add_explicit(&state->inherited_ran, 1, memory_order_relaxed);
}

/* Those that were pending at the fork have run, or never will. */
void child_expect_inherited(struct child *c)
{
    uint64_t ran = atomic_load_explicit(&c->state->inherited_ran, memory_order_relaxed);

    if (ran > 0 && !flavor_inherits())
        child_fail(c, "Callbacks that were queued before a fork ran in the child.");
    if (c->state->inherited_wrong)
        child_fail(
            c,
            "Callback %lu of a thread, queued before a fork, ran in a child of generation %u %s: "
            "%lu was next.",
            (unsigned long)c->state->wrong_sequence, c->generation, c->state->inherited_wrong,
            (unsigned long)c->state->wrong_expected);
    child_count(&c->report->inherited, ran);
    child_count(&c->report->dropped, c->pending > ran ? c->pending - ran : 0);
}
