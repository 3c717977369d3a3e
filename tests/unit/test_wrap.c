/* Grace periods are numbered; everything holds when the numbers, or the sequence, come round. */
/* Left out of DEBUG PORTABLE SANITIZE: numbers come round in the same way there. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <sched.h>

#define ROUNDS 300

/* Where to start: the number is a number of grace periods in the upper bits, the sequence counts by
 * two. In a cookie of a DEBUG build there are fewer bits. */
static const unsigned long starts[] = {
    0,
    ~0UL - 1,
    ~0UL - ROUNDS,
    ~0UL - 2 * ROUNDS + 7,
    (~0UL >> 12) - ROUNDS,
    (~0UL >> 1) - ROUNDS,
    0xffffffffUL - ROUNDS,
    0x7fffffffUL - ROUNDS,
};
#define STARTS (int)(sizeof starts / sizeof *starts)

static struct actor reader, updater;

static void begin_test(int i, enum rcu_gp_policy policy)
{
    rcu_start_counting_at(starts[i] - ROUNDS * (RCU_NUMBER_STEP / 4), starts[i]);
    use(patient(policy, MS_NS));
    hire_reader(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

#define the_start      (_i / POLICIES)
#define policy_of_loop ((enum rcu_gp_policy)(_i % POLICIES))

START_TEST(cookies_expire_with_their_grace_period)
{
    unsigned long first = 0, kept[8] = {0};

    begin_test(the_start, policy_of_loop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned long cookie = get_state_synchronize_rcu();

        ck_assert(!poll_state_synchronize_rcu(cookie));
        ck_assert(poll_state_synchronize_rcu(get_completed_synchronize_rcu()));
        if (i % 16 == 0) {
            make(&reader, enter);
            begin_and_wait(&updater, primitives[i / 16 % 2], 1);
            ck_assert(!poll_state_synchronize_rcu(cookie));
            make(&reader, leave);
            finish(&updater);
        } else if (i % 3 == 0) {
            cond_synchronize_rcu(cookie);
        } else {
            synchronize_rcu();
        }
        ck_assert(poll_state_synchronize_rcu(cookie));
        kept[i % 8] = cookie;
        if (i == 0)
            first = cookie;
        ck_assert(poll_state_synchronize_rcu(first));
        for (unsigned k = 0; k < 8 && k <= i; k++)
            ck_assert(poll_state_synchronize_rcu(kept[k]));
    }
    end_test();
}
END_TEST

START_TEST(an_expired_cookie_costs_no_grace_period)
{
    begin_test(the_start, policy_of_loop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned long cookie = get_state_synchronize_rcu(), gps = stats().gps;

        cond_synchronize_rcu(cookie);
        ck_assert_uint_eq(stats().gps, gps + 1);
        cond_synchronize_rcu(cookie);
        cond_synchronize_rcu_expedited(get_completed_synchronize_rcu());
        ck_assert_uint_eq(stats().gps, gps + 1);
    }
    end_test();
}
END_TEST

START_TEST(started_ones_expire_with_nobody_waiting)
{
    begin_test(the_start, policy_of_loop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned long cookie =
            i % 4 == 0 ? start_poll_synchronize_rcu_expedited() : start_poll_synchronize_rcu();

        UNTIL(poll_state_synchronize_rcu(cookie));
        if (i % 32 == 0) {
            make(&reader, enter);
            cookie = start_poll_synchronize_rcu();
            UNTIL(leader_waits_for(1));
            ck_assert(!poll_state_synchronize_rcu(cookie));
            make(&reader, leave);
        }
    }
    end_test();
}
END_TEST

/* Only those that were asked for, neither missed nor more. */
START_TEST(requests_force_their_grace_period_only)
{
    begin_test(the_start, policy_of_loop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct rcu_stats before = stats();
        bool expedited = i % 2 == 1; /* not the very first */

        if (i % 10 < 2) {
            make(&reader, enter);
            begin_and_wait(&updater, primitives[expedited], 1);
            make(&reader, leave);
            finish(&updater);
            ck_assert_uint_eq(stats().gps_forced, before.gps_forced + expedited);
        } else {
            synchronize_rcu();
        }
    }
    end_test();
}
END_TEST

static atomic_uint ran;

static void run(struct rcu_head *head)
{
    (void)head;
    atomic_fetch_add(&ran, 1);
}

START_TEST(callbacks_run_after_their_grace_period)
{
    static struct rcu_head heads[ROUNDS];

    begin_test(the_start, policy_of_loop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (i % 32 == 0)
            make(&reader, enter);
        call_rcu(&heads[i], run);
        if (i % 32 == 0) {
            force_rcu();
            UNTIL(leader_waits_for(1));
            ck_assert_uint_eq(atomic_load(&ran), i);
            make(&reader, leave);
        }
        if (i % 8 < 6) {
            rcu_barrier();
        } else {
            force_rcu();
            UNTIL(atomic_load(&ran) == i + 1);
        }
        ck_assert_uint_eq(atomic_load(&ran), i + 1);
    }
    end_test();
}
END_TEST

/* Readers that are online show the number itself. */
START_TEST(online_threads_are_waited_for)
{
    begin_test(the_start, policy_of_loop);
    make(&reader, rcu_thread_online);
    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        begin_and_wait(&updater, primitives[i % 2], 1);
        while (is_busy(&updater))
            make(&reader, quiesce);
    }
    end_test();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrap");
    TCase *wrap = add_case(suite, "wrap");

    tcase_add_loop_test(wrap, cookies_expire_with_their_grace_period, 0, STARTS * POLICIES);
    tcase_add_loop_test(wrap, an_expired_cookie_costs_no_grace_period, 0, STARTS * POLICIES);
    tcase_add_loop_test(wrap, started_ones_expire_with_nobody_waiting, 0, STARTS * POLICIES);
    tcase_add_loop_test(wrap, requests_force_their_grace_period_only, 0, STARTS * POLICIES);
    tcase_add_loop_test(wrap, callbacks_run_after_their_grace_period, 0, STARTS * POLICIES);
    tcase_add_loop_test(wrap, online_threads_are_waited_for, 0, STARTS * POLICIES);
    return run_suite(suite);
}
