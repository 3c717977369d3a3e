/* rcu-pipe: updaters that poll for the end of a grace period, and readers that hold a cookie.
 *
 * A cookie may not expire while a section goes on that was entered before it was taken, and has
 * expired once a grace period has passed that began after it was taken. So of two cookies the one
 * that was taken first never outlasts the other.
 */
#include "torture/runner/violation.h"
#include "visits.h"

/* What is polled this often without success is polled with pauses. */
#define BUSY_POLLS 32
/* How often a poll updater polls for a grace period of another's, before it starts one. */
#define BORROWED_POLLS 64

static void pause_between_polls(struct torture_thread *t, unsigned polls)
{
    if (polls < BUSY_POLLS)
        torture_spin(random_below(&t->random, 2000));
    else
        shared_wait(&t->header->stop, !torture_running(t),
                    (int64_t)random_below(&t->random, 100 * 1000));
}

static void poll_until_expired(struct torture_thread *t, unsigned long cookie)
{
    for (unsigned polls = 1; !flavor_poll_state(cookie); polls++)
        pause_between_polls(t, polls);
}

static bool expires_within(struct torture_thread *t, unsigned long cookie, unsigned polls)
{
    for (unsigned i = 1; i <= polls; i++) {
        if (flavor_poll_state(cookie))
            return true;
        pause_between_polls(t, i);
    }
    return false;
}

static void check_expired(struct torture_thread *t, unsigned long cookie, const char *since)
{
    torture_count(t, CHECKS, 1);
    if (!flavor_poll_state(cookie))
        torture_violation(t->instance, t, POLLED_COOKIES,
                          "A cookie had not expired although %s had.", since);
}

/* Starts a grace period and polls until it has ended. Does not beat meanwhile: with nobody else it
 * must end all the same, or it is a stall. */
static void start_and_poll(struct torture_thread *t, const struct params *p)
{
    bool expedited = random_one_in(&t->random, (uint64_t)p->poll_expedite_one_in);
    int64_t requested = clock_monotonic_ns();
    unsigned long cookie = expedited ? flavor_start_poll_expedited() : flavor_start_poll();

    poll_until_expired(t, cookie);
    torture_measure(t, GP_POLLED, (uint64_t)(clock_monotonic_ns() - requested));
    torture_count(t, POLLED, 1);
    torture_count(t, POLLED_EXPEDITED, expedited);
}

/* Takes a cookie and hopes for the grace periods of others. */
static void borrow(struct torture_thread *t, const struct params *p)
{
    unsigned long cookie = flavor_get_state();

    if (expires_within(t, cookie, BORROWED_POLLS)) {
        torture_count(t, COOKIES_BORROWED, 1);
        return;
    }
    start_and_poll(t, p);
    check_expired(t, cookie, "one that was taken after it");
}

/* Waits for what is left of the cookie's grace period, or for one more. */
static void wait_for_cookie(struct torture_thread *t, const struct params *p)
{
    bool expedited = random_one_in(&t->random, (uint64_t)p->poll_expedite_one_in);
    unsigned long cookie = random_one_in(&t->random, 2) ? flavor_start_poll() : flavor_get_state();

    if (random_one_in(&t->random, 2))
        (void)expires_within(t, cookie, (unsigned)random_below(&t->random, BUSY_POLLS));
    if (random_one_in(&t->random, 4)) {
        flavor_synchronize();
        check_expired(t, cookie, "a whole grace period");
    } else {
        if (expedited)
            flavor_cond_synchronize_expedited(cookie);
        else
            flavor_cond_synchronize(cookie);
        check_expired(t, cookie, "the grace period that was waited for");
    }
    torture_count(t, COOKIES_WAITED, 1);
}

static void pass_grace_period(struct torture_thread *t, const struct params *p)
{
    if (random_one_in(&t->random, (uint64_t)p->poll_wait_one_in))
        wait_for_cookie(t, p);
    else if (random_one_in(&t->random, 4))
        borrow(t, p);
    else
        start_and_poll(t, p);
}

void pipe_poll_updater(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct updater *u = pipe_own_cell(t);
    struct visits v;

    flavor_register_thread();
    pipe_visits_begin(t, &v);
    while (torture_running(t)) {
        unsigned long old = pipe_retire(u, t);
        uint64_t begun = clock_ticks();

        torture_note_at(t, begun, NOTE_POLLS, old, 0);
        pass_grace_period(t, p);
        torture_note(t, NOTE_EXPIRED, old, 0);
        pipe_age(u);
        pipe_gp_ended(t, begun);
        torture_count(t, GPS, 1);
        pipe_progress(t);
        pipe_visits_settle(t, &v);
        if (p->poll_pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->poll_pause_ns + 1));
    }
    for (unsigned i = 0; i <= PIPE_LENGTH && u->pipe; i++) {
        start_and_poll(t, p);
        pipe_age(u);
        torture_beat(t);
    }
    pipe_visits_end(t, &v);
    pipe_check_outside(t);
    flavor_unregister_thread();
}

/* --- Cookies that are taken inside a section --- */

/* Taking a cookie and polling may fence: a role of its own, which finds no missing fence. */
static void hold_cookie(struct torture_thread *t, const struct params *p, const struct state *state)
{
    struct updater *u = any_updater(state, &t->random);
    unsigned polls = 1 + (unsigned)random_below(&t->random, 8);
    bool start = random_one_in(&t->random, (uint64_t)p->cookie_start_one_in), expired = false;
    struct sight sight = {.entered = clock_ticks()};
    unsigned long cookie;

    torture_section(t, true);
    flavor_read_lock();
    see(&sight, u);
    delay(t, p, &sight);
    cookie = start ? flavor_start_poll() : flavor_get_state();
    for (unsigned i = 0; i < polls && !expired; i++) {
        delay(t, p, &sight);
        expired = flavor_poll_state(cookie);
    }
    see_again(&sight);
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, COOKIE_SECTIONS, 1);
    torture_count(t, READS, 1);
    torture_count(t, CHECKS, 1);
    if (__builtin_expect(expired, 0)) {
        torture_note_at(t, sight.entered, NOTE_ENTERED, sight.id, sight.first_age);
        torture_note(t, NOTE_COOKIE, sight.id, 0);
        torture_violation(t->instance, t, POLLED_COOKIES,
                          "A cookie that a reader took inside its section had expired before the "
                          "section ended.");
    }
    judge(t, &sight);
}

void pipe_cookie_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            hold_cookie(t, p, state);
        torture_beat(t);
    }
    flavor_unregister_thread();
}
