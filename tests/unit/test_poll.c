/* Polled grace periods: what stillpoint/rcu_poll.h promises. The wrap has a file of its own,
 * test_wrap.c. */
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"

#include <check.h>
#include <sched.h>

/* ---- what the tests have in common ---- */

static unsigned long (*const takes[])(void) = {
    get_state_synchronize_rcu, start_poll_synchronize_rcu, start_poll_synchronize_rcu_expedited};
#define TAKES 3
/* Loops over every way to take a cookie with every way to wait under every policy. */
#define COOKIE_WAYS    (TAKES * WAYS)
#define cookie_way     (_i % TAKES)
#define wait_of_loop   primitives[_i / TAKES % 2]
#define policy_of_loop ((enum rcu_gp_policy)(_i / TAKES / 2))

static struct actor reader, updater;

static void begin_test(struct rcu_settings settings)
{
    use(settings);
    hire_reader(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

static bool expired(unsigned long cookie)
{
    return poll_state_synchronize_rcu(cookie);
}

/* ---- when a cookie expires ---- */

START_TEST(a_cookie_does_not_expire_in_a_section_from_before)
{
    begin_test(patient(policy_of_loop, MS_NS));
    for (int i = 0; i < 5; i++) {
        unsigned long cookie;

        make(&reader, enter);
        cookie = takes[cookie_way]();
        ck_assert(!expired(cookie));
        begin_and_wait(&updater, wait_of_loop, 1);
        ck_assert(!expired(cookie));
        force_rcu();
        ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
        ck_assert(!expired(cookie));
        make(&reader, leave);
        finish(&updater);
        /* The updater's began after the cookie was taken. */
        ck_assert(expired(cookie));
    }
    end_test();
}
END_TEST

START_TEST(a_cookie_does_not_expire_in_the_section_it_was_taken_in)
{
    unsigned expirations = 0;
    unsigned long cookie;

    use(patient(policy_of_loop, MS_NS));
    hire(&updater);
    rcu_register_thread();
    rcu_read_lock();
    cookie = takes[cookie_way]();
    begin_and_wait(&updater, wait_of_loop, 1);
    FOR_A_WHILE(1000)
    {
        expirations += expired(cookie);
        sched_yield();
    }
    ck_assert_uint_eq(expirations, 0);
    rcu_read_unlock();
    finish(&updater);
    ck_assert(expired(cookie));
    rcu_unregister_thread();
    dismiss(&updater);
}
END_TEST

/* One that is under way began before the cookie was taken, and need not wait for what came
 * since. */
START_TEST(a_grace_period_under_way_is_not_a_cookies)
{
    struct actor second;
    unsigned long cookie;

    begin_test(patient(policy_of_loop, MS_NS));
    hire_reader(&second);
    make(&reader, enter);
    begin_and_wait(&updater, wait_of_loop, 1);
    if (!TWO_PHASES)
        make(&second, enter);
    cookie = takes[cookie_way]();
    make(&reader, leave);
    finish(&updater);
    if (TWO_PHASES) {
        ck_assert(cookie_way != 0 || !expired(cookie));
        make(&updater, wait_of_loop);
    } else {
        ck_assert(!expired(cookie));
        begin(&updater, wait_of_loop);
        UNTIL(leader_waits_for(1));
        ck_assert(!expired(cookie));
        make(&second, leave);
        finish(&updater);
    }
    ck_assert(expired(cookie));
    dismiss_reader(&second);
    end_test();
}
END_TEST

START_TEST(any_grace_period_from_after_expires_a_cookie)
{
    begin_test(patient(the_policy, MS_NS));
    for (int i = 0; i < 20; i++) {
        unsigned long cookie = get_state_synchronize_rcu();

        ck_assert(!expired(cookie));
        the_wait();
        ck_assert(expired(cookie));
    }
    end_test();
}
END_TEST

START_TEST(a_state_alone_starts_nothing)
{
    unsigned long gps = stats().gps, cookie = get_state_synchronize_rcu();

    FOR_A_WHILE(1000)
    {
        ck_assert(!expired(cookie));
        sched_yield();
    }
    ck_assert_uint_eq(stats().gps, gps);
}
END_TEST

/* ---- cookies as values ---- */

START_TEST(a_completed_cookie_has_always_expired)
{
    unsigned long gps = stats().gps, cookie = get_completed_synchronize_rcu();

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    ck_assert(expired(cookie));
    cond_synchronize_rcu(cookie);
    ck_assert_uint_eq(stats().gps, gps);
    for (int i = 0; i < 50; i++) {
        synchronize_rcu();
        ck_assert(expired(cookie));
        ck_assert(expired(get_completed_synchronize_rcu()));
    }
}
END_TEST

START_TEST(a_completed_cookie_has_expired_during_a_grace_period)
{
    begin_test(patient((enum rcu_gp_policy)_i, MS_NS));
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    ck_assert(expired(get_completed_synchronize_rcu()));
    make(&reader, leave);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(cookies_are_the_same_when_they_wait_for_the_same)
{
    unsigned long first = get_state_synchronize_rcu(), second = get_state_synchronize_rcu(), third;

    ck_assert(same_state_synchronize_rcu(first, second));
    ck_assert(!same_state_synchronize_rcu(first, get_completed_synchronize_rcu()));
    synchronize_rcu();
    third = get_state_synchronize_rcu();
    ck_assert(!same_state_synchronize_rcu(first, third));
    ck_assert(expired(first) && expired(second) && !expired(third));
    ck_assert(same_state_synchronize_rcu(first, get_completed_synchronize_rcu()));
}
END_TEST

START_TEST(a_cookie_that_is_kept_long_stays_expired)
{
    unsigned long cookie = takes[_i]();

    synchronize_rcu();
    UNTIL(expired(cookie));
    for (int i = 0; i < 2000; i++) {
        synchronize_rcu();
        ck_assert(expired(cookie));
        cond_synchronize_rcu(cookie);
    }
    /* A new one is pending again, and what was asked for long ago is in nobody's way. */
    cookie = start_poll_synchronize_rcu();
    UNTIL(expired(cookie));
}
END_TEST

/* ---- what is protected ---- */

static void *life_reader_main(void *unused)
{
    rcu_register_thread();
    for (unsigned i = 0; life_goes_on(); i++) {
        rcu_read_lock();
        life_look(i % 512);
        rcu_read_unlock();
        if (i % 64 == 0)
            sched_yield();
    }
    rcu_unregister_thread();
    return unused;
}

static void *synchronize_always(void *unused)
{
    while (life_goes_on())
        synchronize_rcu();
    return unused;
}

/* Half the objects are on their way at once, each with its cookie. */
START_TEST(no_section_sees_what_was_retired_by_a_cookie)
{
    int64_t end_ns = search_end_ns(150);
    struct {
        struct object *old;
        unsigned long cookie;
    } retired[OBJECTS / 2] = {0};
    pthread_t threads[2];

    use(patient((enum rcu_gp_policy)(_i / TAKES), MS_NS / 20));
    life_begin();
    ck_assert_int_eq(pthread_create(&threads[0], NULL, life_reader_main, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, synchronize_always, NULL), 0);
    for (unsigned i = 1; i < 50 || now_ns() < end_ns; i++) {
        unsigned place = i % (OBJECTS / 2);

        if (retired[place].old != NULL) {
            UNTIL(expired(retired[place].cookie));
            retired[place].old->alive = 0;
        }
        retired[place].old = life_publish(i);
        retired[place].cookie = takes[cookie_way]();
    }
    atomic_store(&life.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_cookies(Suite *suite)
{
    TCase *expiry = add_case(suite, "expiry"), *values = add_case(suite, "values");

    tcase_add_loop_test(expiry, a_cookie_does_not_expire_in_a_section_from_before, 0, COOKIE_WAYS);
    tcase_add_loop_test(expiry, a_cookie_does_not_expire_in_the_section_it_was_taken_in, 0,
                        COOKIE_WAYS);
    tcase_add_loop_test(expiry, a_grace_period_under_way_is_not_a_cookies, 0, COOKIE_WAYS);
    tcase_add_loop_test(expiry, any_grace_period_from_after_expires_a_cookie, 0, WAYS);
    tcase_add_test(expiry, a_state_alone_starts_nothing);
    tcase_add_loop_test(expiry, no_section_sees_what_was_retired_by_a_cookie, 0, TAKES * POLICIES);

    tcase_add_loop_test(values, a_completed_cookie_has_always_expired, 0, POLICIES);
    tcase_add_loop_test(values, a_completed_cookie_has_expired_during_a_grace_period, 0, POLICIES);
    tcase_add_test(values, cookies_are_the_same_when_they_wait_for_the_same);
    tcase_add_loop_test(values, a_cookie_that_is_kept_long_stays_expired, 0, TAKES);
}

int main(void)
{
    Suite *suite = suite_create("poll");

    add_tests_of_cookies(suite);
    return run_suite(suite);
}
