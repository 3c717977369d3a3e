/* The event: what stillpoint/event.h promises. */
#include <stillpoint/event.h>

#include "library.h"

#include <check.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOUR_NS   INT64_C(3600000000000)
#define SECOND_NS INT64_C(1000000000)
#define WAITERS   4

/* ---- what the tests have in common ---- */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* A meeting of two threads: fast where each has a CPU, possible where they share one. */
static void meet(atomic_uint *word, unsigned value)
{
    for (unsigned i = 1; atomic_load_explicit(word, memory_order_acquire) != value; i++)
        if (i % 256 == 0)
            sched_yield();
}

/* Whether the kernel has put the thread to sleep. */
static bool is_asleep(int thread_id)
{
    char path[64], line[512] = "";
    const char *state;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    state = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    return state != NULL && state[1] == ' ' && state[2] == 'S';
}

/* A thread that waits once. */
struct waiter {
    pthread_t thread;
    struct manual_event *event;
    int64_t timeout_ns; /* 0: manual_event_wait() */
    atomic_int thread_id;
    bool result;
};

static void *waiter_main(void *argument)
{
    struct waiter *w = argument;

    atomic_store(&w->thread_id, gettid());
    if (w->timeout_ns != 0) {
        w->result = manual_event_timedwait(w->event, w->timeout_ns);
    } else {
        manual_event_wait(w->event);
        w->result = true;
    }
    return NULL;
}

static void waiter_start(struct waiter *w, struct manual_event *e, int64_t timeout_ns)
{
    *w = (struct waiter){.event = e, .timeout_ns = timeout_ns};
    ck_assert_int_eq(pthread_create(&w->thread, NULL, waiter_main, w), 0);
}

/* Nothing but the event puts it to sleep after it has told its number. */
static void waiter_sleeps(struct waiter *w)
{
    UNTIL(atomic_load(&w->thread_id) != 0 && is_asleep(atomic_load(&w->thread_id)));
}

static bool waiter_end(struct waiter *w)
{
    ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
    return w->result;
}

/* ---- one thread ---- */

START_TEST(a_set_event_is_not_waited_for)
{
    struct manual_event e;

    manual_event_init(&e, false);
    manual_event_set(&e);
    manual_event_wait(&e);
    ck_assert(manual_event_timedwait(&e, 0));
    manual_event_destroy(&e);
}
END_TEST

START_TEST(an_event_may_begin_set)
{
    struct manual_event e;

    manual_event_init(&e, true);
    manual_event_wait(&e);
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_wait_leaves_it_set)
{
    struct manual_event e;

    manual_event_init(&e, false);
    manual_event_set(&e);
    manual_event_set(&e);
    for (int i = 0; i < 3; i++) {
        manual_event_wait(&e);
        ck_assert(manual_event_timedwait(&e, HOUR_NS));
    }
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_timed_wait_tells_that_nothing_came)
{
    static const int64_t timeouts_ns[] = {0, 1, 1000000, -1, INT64_MIN};
    struct manual_event e;

    manual_event_init(&e, false);
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof *timeouts_ns; i++)
        ck_assert_msg(!manual_event_timedwait(&e, timeouts_ns[i]), "%" PRId64, timeouts_ns[i]);
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_reset_takes_the_set_back)
{
    struct manual_event e;

    manual_event_init(&e, true);
    for (int i = 0; i < 3; i++) {
        manual_event_reset(&e);
        manual_event_reset(&e);
        ck_assert(!manual_event_timedwait(&e, 1000));
        manual_event_set(&e);
        ck_assert(manual_event_timedwait(&e, 0));
    }
    manual_event_destroy(&e);
}
END_TEST

/* ---- sleepers ---- */

START_TEST(a_sleeping_waiter_is_woken)
{
    for (int i = 0; i < 10; i++) {
        struct waiter w;
        struct manual_event e;

        manual_event_init(&e, false);
        waiter_start(&w, &e, 0);
        waiter_sleeps(&w);
        manual_event_set(&e);
        ck_assert(waiter_end(&w));
        manual_event_destroy(&e);
    }
}
END_TEST

START_TEST(a_set_ends_a_timed_wait_of_any_length)
{
    static const int64_t timeouts_ns[] = {HOUR_NS, INT64_MAX / 2, INT64_MAX};
    struct waiter w;
    struct manual_event e;

    manual_event_init(&e, false);
    waiter_start(&w, &e, timeouts_ns[_i]);
    waiter_sleeps(&w);
    manual_event_set(&e);
    ck_assert(waiter_end(&w));
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_set_wakes_all_waiters)
{
    struct waiter waiters[WAITERS];
    struct manual_event e;

    manual_event_init(&e, false);
    for (int i = 0; i < WAITERS; i++)
        waiter_start(&waiters[i], &e, i % 2 == 0 ? 0 : HOUR_NS);
    for (int i = 0; i < WAITERS; i++)
        waiter_sleeps(&waiters[i]);
    manual_event_set(&e);
    for (int i = 0; i < WAITERS; i++)
        ck_assert(waiter_end(&waiters[i]));
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_reset_does_not_hide_a_sleeper_from_the_next_set)
{
    struct waiter w;
    struct manual_event e;

    manual_event_init(&e, false);
    waiter_start(&w, &e, 0);
    waiter_sleeps(&w);
    manual_event_reset(&e);
    manual_event_set(&e);
    ck_assert(waiter_end(&w));
    manual_event_destroy(&e);
}
END_TEST

START_TEST(a_wait_that_ran_out_of_time_leaves_the_event_usable)
{
    struct waiter w;
    struct manual_event e;

    manual_event_init(&e, false);
    ck_assert(!manual_event_timedwait(&e, 1));
    ck_assert(!manual_event_timedwait(&e, 1));
    waiter_start(&w, &e, 0);
    waiter_sleeps(&w);
    ck_assert(!manual_event_timedwait(&e, 1));
    manual_event_set(&e);
    ck_assert(waiter_end(&w));
    manual_event_reset(&e);
    ck_assert(!manual_event_timedwait(&e, 1));
    manual_event_destroy(&e);
}
END_TEST

/* ---- two threads that race ---- */

#define ROUNDS 20000

static struct {
    struct manual_event event, answer;
    atomic_uint begun, ended;
    atomic_uint condition; /* relaxed: only the event orders it */
    unsigned payload;      /* plain: a race unless the event orders it */
    unsigned rounds;       /* what was done, at the end */
} race;

static void race_init(bool set)
{
    manual_event_init(&race.event, set);
    manual_event_init(&race.answer, false);
}

static void race_destroy(void)
{
    manual_event_destroy(&race.event);
    manual_event_destroy(&race.answer);
}

static void *echo_main(void *unused)
{
    for (;;) {
        manual_event_wait(&race.event);
        manual_event_reset(&race.event);
        if (race.rounds != 0)
            return unused;
        race.payload++;
        manual_event_set(&race.answer);
    }
}

START_TEST(no_wake_up_is_lost_in_a_ping_pong)
{
    int64_t end_ns = now_ns() + 5 * SECOND_NS; /* on a machine that is busy with other things */
    unsigned i, wrong = 0;
    pthread_t thread;

    race_init(false);
    ck_assert_int_eq(pthread_create(&thread, NULL, echo_main, NULL), 0);
    for (i = 0; i < ROUNDS && now_ns() < end_ns; i++) {
        wrong += race.payload != 2 * i;
        race.payload++;
        manual_event_set(&race.event);
        manual_event_wait(&race.answer);
        manual_event_reset(&race.answer);
    }
    race.rounds = i;
    manual_event_set(&race.event);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(race.payload, 2 * i);
    ck_assert_uint_eq(wrong, 0);
    race_destroy();
}
END_TEST

/* The setter's side: the condition, then a set of what is set already. */
static void *setter_main(void *unused)
{
    for (unsigned i = 1;; i++) {
        meet(&race.begun, i);
        if (race.rounds != 0)
            return unused;
        race.payload = i;
        atomic_store_explicit(&race.condition, i, memory_order_relaxed);
        manual_event_set(&race.event);
        atomic_store_explicit(&race.ended, i, memory_order_release);
    }
}

/* A setter that only looked ("it is set, nothing to do") would have its condition in the store
 * buffer while the waiter resets the event and looks: the waiter then sleeps for ever. */
START_TEST(a_set_counts_also_when_already_set)
{
    int64_t end_ns = now_ns() + SECOND_NS;
    unsigned i, wrong = 0;
    pthread_t thread;

    race_init(true);
    ck_assert_int_eq(pthread_create(&thread, NULL, setter_main, NULL), 0);
    for (i = 1; i <= 10 * ROUNDS && now_ns() < end_ns; i++) {
        atomic_store_explicit(&race.begun, i, memory_order_release);
        for (unsigned pause = i % 64; pause > 0; pause--)
            atomic_signal_fence(memory_order_seq_cst);
        manual_event_reset(&race.event);
        if (atomic_load_explicit(&race.condition, memory_order_relaxed) != i) {
            manual_event_wait(&race.event);
            wrong += atomic_load_explicit(&race.condition, memory_order_relaxed) != i;
            wrong += race.payload != i;
        }
        meet(&race.ended, i);
        manual_event_set(&race.event);
    }
    race.rounds = i;
    atomic_store_explicit(&race.begun, i, memory_order_release);
    pthread_join(thread, NULL);
    race_destroy();
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* The waiter as it is meant: reset, look, wait, from several setters. */
static void *counter_main(void *unused)
{
    for (unsigned i = 0; i < ROUNDS / WAITERS; i++) {
        atomic_fetch_add_explicit(&race.condition, 1, memory_order_relaxed);
        manual_event_set(&race.event);
    }
    return unused;
}

START_TEST(several_setters_are_all_heard)
{
    pthread_t threads[WAITERS];

    race_init(false);
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, counter_main, NULL), 0);
    for (;;) {
        manual_event_reset(&race.event);
        if (atomic_load_explicit(&race.condition, memory_order_relaxed) == ROUNDS)
            break;
        manual_event_wait(&race.event);
    }
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
    race_destroy();
}
END_TEST

static _Atomic(struct manual_event *) doomed;

static void *doomed_setter_main(void *unused)
{
    for (unsigned i = 1;; i++) {
        meet(&race.begun, i);
        if (race.rounds != 0)
            return unused;
        manual_event_set(atomic_load(&doomed));
    }
}

/* Freed memory is filled, and AddressSanitizer sees whoever touches it. */
START_TEST(a_waiter_may_free_the_event_at_once)
{
    int64_t end_ns = now_ns() + SECOND_NS;
    unsigned i, wrong = 0;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, doomed_setter_main, NULL), 0);
    for (i = 1; i <= ROUNDS && now_ns() < end_ns; i++) {
        struct manual_event *e = malloc(sizeof *e);

        if (e == NULL)
            abort();
        manual_event_init(e, false);
        atomic_store(&doomed, e);
        atomic_store_explicit(&race.begun, i, memory_order_release);
        if (i % 2 == 0)
            manual_event_wait(e);
        else
            wrong += !manual_event_timedwait(e, HOUR_NS);
        manual_event_destroy(e);
        memset(e, 0x5a, sizeof *e);
        free(e);
    }
    race.rounds = i;
    atomic_store_explicit(&race.begun, i, memory_order_release);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

static Suite *event_suite(void)
{
    Suite *suite = suite_create("event");
    TCase *alone = tcase_create("one thread"), *asleep = tcase_create("sleepers"),
          *races = tcase_create("races");

    tcase_set_timeout(alone, 120);
    tcase_add_test(alone, a_set_event_is_not_waited_for);
    tcase_add_test(alone, an_event_may_begin_set);
    tcase_add_test(alone, a_wait_leaves_it_set);
    tcase_add_test(alone, a_timed_wait_tells_that_nothing_came);
    tcase_add_test(alone, a_reset_takes_the_set_back);
    suite_add_tcase(suite, alone);

    tcase_set_timeout(asleep, 120);
    tcase_add_test(asleep, a_sleeping_waiter_is_woken);
    tcase_add_loop_test(asleep, a_set_ends_a_timed_wait_of_any_length, 0, 3);
    tcase_add_test(asleep, a_set_wakes_all_waiters);
    tcase_add_test(asleep, a_reset_does_not_hide_a_sleeper_from_the_next_set);
    tcase_add_test(asleep, a_wait_that_ran_out_of_time_leaves_the_event_usable);
    suite_add_tcase(suite, asleep);

    tcase_set_timeout(races, 120);
    tcase_add_test(races, no_wake_up_is_lost_in_a_ping_pong);
    tcase_add_test(races, a_set_counts_also_when_already_set);
    tcase_add_test(races, several_setters_are_all_heard);
    tcase_add_test(races, a_waiter_may_free_the_event_at_once);
    suite_add_tcase(suite, races);
    return suite;
}

int main(void)
{
    return run_suite(event_suite());
}
