/* rcu-lull: the scenes. Each asks for one thing, and returns when it is there. */
#include "rcu_lull.h"

#include "torture/runner/violation.h"

#define LONGEST_DELAY 15   /* as a power of two, in ns */
#define CLOSE_LOOKS   8192 /* some 20 us */
#define BUSY_LOOKS    (CLOSE_LOOKS + 256)
#define LONG_LULL_NS  400000 /* in which a thread that lingers for more work goes to sleep */

/* --- Aim --- */

/* Half of the delays are of any length, each power of two as likely as another. The others are
 * around the one at which the answers become slow: whoever is to hear a request that comes later
 * than that sleeps already, and is to be woken. */
static void choose_delay(struct torture_thread *t, struct asker *a)
{
    if (random_one_in(&t->random, 2))
        a->next_delay_ns = a->aim->middle_ns / 2 + random_below(&t->random, a->aim->middle_ns + 1);
    else
        a->next_delay_ns =
            random_below(&t->random, UINT64_C(1) << random_below(&t->random, LONGEST_DELAY + 1));
    torture_note(t, NOTE_WAITS, a->next_delay_ns, 0);
}

static void learn(struct asker *a, uint64_t answer)
{
    struct aim *aim = a->aim;
    bool slow = answer > aim->answer;

    /* Towards the median, which a few answers that take milliseconds do not move. */
    if (slow)
        aim->answer += aim->answer / 32 + 1;
    else
        aim->answer -= aim->answer / 32;
    if (slow && a->delay_ns < aim->middle_ns)
        aim->middle_ns -= aim->middle_ns / 16;
    else if (!slow && a->delay_ns > aim->middle_ns && aim->middle_ns < UINT64_C(1) << LONGEST_DELAY)
        aim->middle_ns += aim->middle_ns / 16 + 16;
}

static void delay(const struct asker *a)
{
    if (a->delay_ns > 0)
        torture_spin(a->delay_ns);
}

/* --- Waits --- */

static void wait_until(struct torture_thread *t, struct asker *a, bool (*is_there)(struct asker *))
{
    /* The first looks follow one another closely: the next request is timed from the moment at
     * which this one is fulfilled. */
    for (unsigned looks = 1; !is_there(a); looks++) {
        if (looks < CLOSE_LOOKS)
            continue;
        if (looks < BUSY_LOOKS)
            torture_spin(random_below(&t->random, 400));
        else
            shared_wait(&t->header->stop, !torture_running(t),
                        (int64_t)random_below(&t->random, 100 * 1000));
    }
}

/* When it asked: now. */
static uint64_t asks(struct torture_thread *t, struct asker *a)
{
    choose_delay(t, a);
    return clock_ticks();
}

static void answered(struct asker *a, uint64_t asked)
{
    learn(a, clock_ticks() - asked);
    a->delay_ns = a->next_delay_ns;
}

/* => Just after the request. */
static void await_answer(struct torture_thread *t, struct asker *a,
                         bool (*is_there)(struct asker *))
{
    uint64_t asked = asks(t, a);

    wait_until(t, a, is_there);
    answered(a, asked);
}

/* --- Sections --- */

static void enter(struct torture_thread *t, struct asker *a)
{
    atomic_store_explicit(&a->notifier.told, false, memory_order_relaxed);
    torture_section(t, true);
    flavor_read_lock();
}

static void leave(struct torture_thread *t)
{
    flavor_read_unlock();
    torture_section(t, false);
}

/* --- Cookies --- */

static void keep(struct asker *a, unsigned long cookie)
{
    a->cookie = cookie;
    a->cookies[a->taken++ % COOKIES] = cookie;
}

/* From the youngest to the oldest: one may expire between two looks. */
static void check_ages(struct torture_thread *t, struct asker *a)
{
    unsigned long count = a->taken < COOKIES ? a->taken : COOKIES;
    bool due = false;

    torture_count(t, CHECKS, 1);
    for (unsigned long age = 1; age <= count; age++) {
        bool expired = flavor_poll_state(a->cookies[(a->taken - age) % COOKIES]);

        if (due && !expired)
            torture_violation(t->instance, t, LULL,
                              "A cookie had not expired though one that was taken later had; %lu "
                              "were taken after it.",
                              age - 1);
        due = due || expired;
    }
}

static bool has_expired(struct asker *a)
{
    return flavor_poll_state(a->cookie);
}

/* In the section; to be judged outside. */
static void check_early(struct torture_thread *t, bool expired)
{
    torture_count(t, CHECKS, 1);
    if (expired)
        torture_violation(t->instance, t, LULL,
                          "A cookie that was taken inside a section had expired before the section "
                          "ended.");
}

static unsigned long start(struct torture_thread *t)
{
    return random_one_in(&t->random, 4) ? flavor_start_poll_expedited() : flavor_start_poll();
}

/* --- Callbacks --- */

static void callback_ran(flavor_head *head)
{
    struct lull_callback *c = (struct lull_callback *)head; /* its first member */

    /* Orders: accesses of the head by the code under test -> STORE ran (release).
     * Pairs with: has_run(), LOAD ran (acquire).
     * Broken: the head is queued again while it is still used. */
    atomic_store_explicit(&c->ran, true, memory_order_release);
}

static bool has_run(struct asker *a)
{
    /* Orders: LOAD ran (acquire) -> accesses of the head, queued again.
     * Pairs with: callback_ran(), STORE ran (release).
     * Broken: the head is queued again while it is still used. */
    return atomic_load_explicit(&a->callback.ran, memory_order_acquire);
}

static void call(struct asker *a)
{
    atomic_store_explicit(&a->callback.ran, false, memory_order_relaxed);
    flavor_call(&a->callback.head, callback_ran);
}

/* --- Force --- */

/* In the thread that leads. */
static void notified(flavor_notifier *base)
{
    struct lull_notifier *n = (struct lull_notifier *)base; /* its first member */

    atomic_store_explicit(&n->told, true, memory_order_relaxed);
}

void lull_open_asker(struct asker *a)
{
    if (FLAVOR_CAN_FORCE)
        flavor_add_notifier(&a->notifier.base, notified);
}

void lull_close_asker(struct asker *a)
{
    if (FLAVOR_CAN_FORCE)
        flavor_remove_notifier(&a->notifier.base);
}

static bool is_told(struct asker *a)
{
    return atomic_load_explicit(&a->notifier.told, memory_order_relaxed);
}

/* --- Scenes --- */

/* Takes a cookie in a section of no length. A leader that met it would nap, so nobody leads. */
static bool expires_inside(struct torture_thread *t, struct asker *a)
{
    bool expired;

    enter(t, a);
    keep(a, flavor_get_state());
    expired = has_expired(a);
    leave(t);
    return expired;
}

/* Whoever leads goes to sleep, for the last one has ended. */
static void play_poll(struct torture_thread *t, struct asker *a)
{
    const struct lull_params *p = t->instance->params;
    bool expired = false;

    delay(a);
    if (p->askers == 1 && random_one_in(&t->random, 2))
        expired = expires_inside(t, a);
    keep(a, start(t));
    check_early(t, expired);
    check_ages(t, a);
    await_answer(t, a, has_expired);
}

/* The asker goes to sleep, and whoever leads comes to the end. */
static void play_wait(struct torture_thread *t, struct asker *a)
{
    uint64_t asked;

    keep(a, start(t));
    delay(a);
    asked = asks(t, a);
    if (random_one_in(&t->random, 4))
        flavor_cond_synchronize_expedited(a->cookie);
    else
        flavor_cond_synchronize(a->cookie);
    answered(a, asked);
    torture_count(t, CHECKS, 1);
    if (!has_expired(a))
        torture_violation(t->instance, t, LULL,
                          "A cookie had not expired after a wait for its grace period.");
    check_ages(t, a);
}

/* One that ends at once: whoever leads the next one has not gone to sleep yet. Then what was asked
 * for earlier, and was for one that had not begun, is for none of those that follow. */
static void begin_awake(struct torture_thread *t, struct asker *a)
{
    keep(a, flavor_start_poll());
    wait_until(t, a, has_expired);
}

/* Whoever leads goes to sleep for the section. */
static void play_leave(struct torture_thread *t, struct asker *a)
{
    bool expired;

    begin_awake(t, a);
    enter(t, a);
    keep(a, flavor_start_poll_expedited());
    delay(a);
    expired = has_expired(a);
    leave(t);
    await_answer(t, a, has_expired);
    check_early(t, expired);
}

/* Whoever leads naps for the section. */
static void play_force(struct torture_thread *t, struct asker *a)
{
    bool expired;

    begin_awake(t, a);
    enter(t, a);
    keep(a, flavor_start_poll());
    delay(a);
    if (random_one_in(&t->random, 2))
        flavor_force();
    else
        keep(a, flavor_start_poll_expedited());
    await_answer(t, a, is_told);
    expired = has_expired(a);
    leave(t);
    wait_until(t, a, has_expired);
    check_early(t, expired);
}

/* The callback thread goes to sleep, for it has run the last one. Where it lingers for more, it
 * does so only when it has been busy. */
static void play_call(struct torture_thread *t, struct asker *a)
{
    torture_sleep(t, random_below(&t->random, LONG_LULL_NS));
    call(a);
    wait_until(t, a, has_run);
    delay(a);
    call(a);
    await_answer(t, a, has_run);
}

/* The callback thread lets callbacks pile up. It has just run one, and not gone to sleep yet. */
static void play_end_pile_up(struct torture_thread *t, struct asker *a)
{
    call(a);
    flavor_force();
    wait_until(t, a, has_run);
    call(a);
    delay(a);
    flavor_force();
    await_answer(t, a, has_run);
}

/* It naps for the section, or lets them pile up. */
static void play_force_call(struct torture_thread *t, struct asker *a)
{
    bool ran;

    enter(t, a);
    call(a);
    delay(a);
    flavor_force();
    await_answer(t, a, is_told);
    ran = has_run(a);
    leave(t);
    wait_until(t, a, has_run);
    torture_count(t, CHECKS, 1);
    if (ran)
        torture_violation(t->instance, t, LULL,
                          "A callback that was queued inside a section had run before the section "
                          "ended.");
    flavor_synchronize();
}

/* As it goes to sleep, or on its way to run it. */
static void play_barrier(struct torture_thread *t, struct asker *a)
{
    bool before = random_one_in(&t->random, 2);
    uint64_t asked;

    if (before)
        delay(a);
    call(a);
    if (!before)
        delay(a);
    asked = asks(t, a);
    flavor_barrier();
    answered(a, asked);
    torture_count(t, CHECKS, 1);
    if (!has_run(a))
        torture_violation(t->instance, t, LULL,
                          "A callback had not run after a wait for all that were queued.");
}

const struct scene lull_scenes[SCENES] = {
    {.play = play_poll, .needs = CAN_POLL, .counter = POLLED},
    {.play = play_wait, .needs = CAN_POLL, .counter = COOKIES_WAITED},
    {.play = play_leave, .needs = CAN_POLL, .counter = LEFT_GPS},
    {.play = play_force, .needs = CAN_POLL | CAN_FORCE | CAN_SYNCHRONIZE, .counter = FORCED_GPS},
    {.play = play_call, .needs = CAN_CALL, .counter = CALLS, .piles = NO_PILES},
    {.play = play_end_pile_up,
     .needs = CAN_CALL | CAN_FORCE,
     .counter = ENDED_PILES,
     .piles = PILES},
    {.play = play_force_call,
     .needs = CAN_CALL | CAN_FORCE | CAN_SYNCHRONIZE,
     .counter = FORCED_CALLS},
    {.play = play_barrier, .needs = CAN_CALL | CAN_BARRIER, .counter = BARRIERS},
};
