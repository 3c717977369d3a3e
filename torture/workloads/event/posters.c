/* event: several threads set one event, each for what it has posted, and one thread drains: it
 * resets the event, looks into all boxes, and waits.
 *
 * No poster begins while a post is not taken: a set that was lost would be healed by the next. So a
 * drainer that sleeps while there is one, in the same sleep at each look, has lost the last of
 * them. */
#include "event.h"

#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#define FEW_NAPS           5  /* in which a drainer that is well has come */
#define LOOKS_WITHOUT_WAIT 16 /* between two waits, in the mean: sets come while it looks */

static struct event_posts *posts_of(const struct torture_thread *t)
{
    return &((struct event_state *)t->instance->state)->posts;
}

static bool is_taken(struct event_box *box)
{
    return atomic_load_explicit(&box->taken, memory_order_relaxed) ==
           atomic_load_explicit(&box->posted, memory_order_relaxed);
}

static bool all_taken(struct torture_thread *t, struct event_posts *posts)
{
    const struct event_params *p = t->instance->params;
    int64_t i = 0;

    while (i < p->posters && is_taken(&posts->boxes[i]))
        i++;
    return i == p->posters;
}

static void post(struct torture_thread *t, struct event_posts *posts, struct event_box *box)
{
    unsigned long number = atomic_load_explicit(&box->posted, memory_order_relaxed) + 1;

    atomic_store_explicit(&posts->contended, number, memory_order_relaxed);
    atomic_store_explicit(&box->posted, number, memory_order_relaxed);
    torture_count(t, POSTED_TO_SLEEPER, manual_event_set(&posts->event));
    torture_count(t, POSTS, 1);
}

/* Whether no poster is on its way from a set that found the drainer asleep to waking it: it may
 * have lost its CPU there. */
static bool all_wait(struct torture_thread *t, struct event_posts *posts)
{
    const struct event_params *p = t->instance->params;
    int64_t i = 0;

    /* Orders: LOAD waits (acquire) -> LOADs of the drainer's state.
     * Pairs with: await_drainer(), RMW event -> STORE waits (release).
     * Broken: a drainer that is being woken is taken for one that sleeps on. */
    while (i < p->posters && atomic_load_explicit(&posts->boxes[i].waits, memory_order_acquire))
        i++;
    return i == p->posters;
}

/* True when the drainer sleeps, and has since the last look, and our post is not taken, and nobody
 * is about to wake it. */
static bool sleeps_on(struct torture_thread *t, struct event_posts *posts, struct event_box *box,
                      struct cpu_sleep *before)
{
    struct cpu_sleep now = {.asleep = false};
    unsigned long request;
    bool lasting;

    if (all_wait(t, posts) && request_line_asks(&posts->wait, &request))
        now = overtaken_sleep_of(posts->drainer);
    lasting = cpu_sleep_lasts(*before, now) && !is_taken(box);
    *before = now;
    return lasting;
}

/* Silent: a drainer that does not come is a stall as well. */
static void await_drainer(struct torture_thread *t, struct event_posts *posts,
                          struct event_box *box)
{
    struct cpu_sleep before = {.asleep = false};
    unsigned times = 0;

    /* Orders: RMW event in post() -> STORE waits (release).
     * Pairs with: all_wait(), LOAD waits (acquire) -> LOADs of the drainer's state.
     * Broken: a drainer that is being woken is taken for one that sleeps on. */
    atomic_store_explicit(&box->waits, true, memory_order_release);
    for (unsigned naps = 0; torture_running(t) && !all_taken(t, posts); naps++) {
        torture_sleep(t, 10 * 1000);
        if (naps < FEW_NAPS)
            continue;
        times = sleeps_on(t, posts, box, &before) ? times + 1 : 0;
        if (times < LOOKS)
            continue;
        torture_violation(t->instance, t, EVENT_CHECK,
                          "Poster %u has posted %lu and set the event, and the drainer sleeps on; "
                          "it has taken %lu.",
                          t->index, atomic_load_explicit(&box->posted, memory_order_relaxed),
                          atomic_load_explicit(&box->taken, memory_order_relaxed));
        manual_event_set(&posts->event); /* what was found is reported; the run goes on */
        times = 0;
    }
    atomic_store_explicit(&box->waits, false, memory_order_relaxed);
}

void event_poster(struct torture_thread *t)
{
    const struct event_params *p = t->instance->params;
    struct event_posts *posts = posts_of(t);
    struct event_box *box = &posts->boxes[t->index];

    while (torture_running(t)) {
        torture_note(t, NOTE_POSTS, t->index,
                     atomic_load_explicit(&box->posted, memory_order_relaxed) + 1);
        for (uint64_t i = random_below(&t->random, (uint64_t)p->burst) + 1; i > 0; i--) {
            post(t, posts, box);
            torture_spin(random_below(&t->random, 60));
        }
        await_drainer(t, posts, box);
        torture_count(t, CHECKS, 1);
        torture_beat(t);
        if (random_one_in(&t->random, 4))
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    }
    atomic_fetch_sub_explicit(&posts->left, 1, memory_order_relaxed);
    manual_event_set(&posts->event);
}

static void drain(struct torture_thread *t, struct event_posts *posts)
{
    const struct event_params *p = t->instance->params;

    for (int64_t i = 0; i < p->posters; i++) {
        struct event_box *box = &posts->boxes[i];
        unsigned long posted = atomic_load_explicit(&box->posted, memory_order_relaxed);

        if (posted == box->found)
            continue;
        box->found = posted;
        atomic_store_explicit(&box->taken, posted, memory_order_relaxed);
        torture_note(t, NOTE_FOUND, (unsigned long)i, posted);
    }
}

void event_drainer(struct torture_thread *t)
{
    const struct event_params *p = t->instance->params;
    struct event_posts *posts = posts_of(t);

    if (p->posters == 0)
        return;
    while (atomic_load_explicit(&posts->left, memory_order_relaxed) > 0) {
        torture_beat(t);
        for (uint64_t i = random_below(&t->random, 2 * LOOKS_WITHOUT_WAIT) + 1; i > 0; i--) {
            atomic_store_explicit(&posts->contended, i, memory_order_relaxed);
            /* What is posted after the look leaves the event set. */
            manual_event_reset(&posts->event);
            drain(t, posts);
        }
        /* The last poster's set may have been erased by the last reset. */
        if (atomic_load_explicit(&posts->left, memory_order_relaxed) == 0)
            return;
        request_line_turn(&posts->wait);
        if (random_one_in(&t->random, 2))
            manual_event_wait(&posts->event);
        else
            manual_event_timedwait(&posts->event,
                                   (int64_t)random_below(&t->random, 50 * 1000 * 1000));
        request_line_turn(&posts->wait);
    }
}

void event_posts_open(struct event_posts *posts, const struct instance *in)
{
    const struct event_params *p = in->params;

    manual_event_init(&posts->event, false);
    posts->boxes = cache_lines((size_t)p->posters * sizeof *posts->boxes);
    atomic_store_explicit(&posts->left, (unsigned)p->posters, memory_order_relaxed);
    for (size_t i = 0; i < in->thread_count; i++)
        if (in->threads[i].instance == in && in->threads[i].role->run == event_drainer)
            posts->drainer = &in->threads[i];
}

void event_posts_close(struct event_posts *posts)
{
    manual_event_destroy(&posts->event);
    free(posts->boxes);
}

#endif
