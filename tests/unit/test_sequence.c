/* The sequence of grace periods as threads see it that know less than others, or come late. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include "rcu/force.h"
#include "rcu/grace_period.h"

#include <check.h>

/* ---- values ---- */

static const unsigned long starts[] = {
    0, 2, 1000, ~0UL - 1, ~0UL - 1001, ~0UL / 2 - 1, ~0UL / 2 + 1, 0xfffffffeUL};
#define STARTS (int)(sizeof starts / sizeof *starts)

START_TEST(what_is_ahead_of_an_old_view_is_not_reached)
{
    unsigned long now = starts[_i];

    for (unsigned long ahead = 1; ahead <= SEQUENCE_AHEAD && ahead != 0; ahead = 2 * ahead + 1) {
        ck_assert(!sequence_reached(now, now + ahead));
        ck_assert(!sequence_reached(now, now + ahead / 2 + 1));
        ck_assert(sequence_covers(now + ahead, now));
    }
    ck_assert(!sequence_reached(now, now + SEQUENCE_AHEAD));
    ck_assert(sequence_covers(now, now));
}
END_TEST

START_TEST(what_is_behind_stays_reached)
{
    unsigned long now = starts[_i], kept = ~SEQUENCE_AHEAD;

    for (unsigned long behind = 1; behind < kept / 2; behind = 2 * behind + 1) {
        ck_assert(sequence_reached(now, now - behind));
        ck_assert(!sequence_covers(now - behind, now));
    }
    ck_assert(sequence_reached(now, now));
    ck_assert(sequence_reached(now, now - kept));
}
END_TEST

/* ---- cookies ---- */

/* Grace periods by which one thread's view is older than the other's. */
static const unsigned long ages[] = {1, 2, 3, 7, 100, 1000, 32000, ~0UL};
#define AGES (int)(sizeof ages / sizeof *ages)

static unsigned long age_of(int i)
{
    return ages[i] == ~0UL ? SEQUENCE_AHEAD / 2 - 2 : ages[i];
}

/* The thread that took it has seen so many grace periods more than the one that polls. */
START_TEST(a_cookie_is_pending_in_an_older_view)
{
    unsigned long now = starts[_i / AGES] & ~1UL, age = age_of(_i % AGES), cookie, completed;

    rcu_start_counting_at(now * 4 * RCU_NUMBER_STEP, now + 2 * age);
    cookie = get_state_synchronize_rcu();
    completed = get_completed_synchronize_rcu();
    rcu_start_counting_at(now * 4 * RCU_NUMBER_STEP, now);
    ck_assert(!poll_state_synchronize_rcu(cookie));
    ck_assert(!poll_state_synchronize_rcu(completed));
    for (unsigned long i = 0; age <= 1000 && i <= age; i++) {
        ck_assert(!poll_state_synchronize_rcu(cookie));
        ck_assert(poll_state_synchronize_rcu(completed) == (i >= age));
        synchronize_rcu();
    }
    if (age <= 1000)
        ck_assert(poll_state_synchronize_rcu(cookie));
}
END_TEST

START_TEST(a_cookie_that_is_kept_for_long_has_expired)
{
    static const unsigned long kept[] = {1, 2, 3, 100, 100000, 490000};
    unsigned long start = starts[_i / 6] & ~1UL, cookie, gps;

    rcu_start_counting_at(0, start);
    cookie = get_state_synchronize_rcu();
    rcu_start_counting_at(0, start + 2 * kept[_i % 6]);
    gps = stats().gps;
    ck_assert(poll_state_synchronize_rcu(cookie));
    cond_synchronize_rcu(cookie);
    ck_assert_uint_eq(stats().gps, gps);
}
END_TEST

#ifndef STILLPOINT_DEBUG
START_TEST(a_cookie_may_be_kept_as_long_as_the_header_promises)
{
    unsigned long cookie;

    rcu_start_counting_at(0, 0);
    cookie = get_state_synchronize_rcu();
    rcu_start_counting_at(0, 2 * 2147000000UL);
    ck_assert(poll_state_synchronize_rcu(cookie));
}
END_TEST
#endif

/* ---- latecomers ---- */

/* A thread that was preempted between taking its goal and requesting it. */
START_TEST(a_request_from_long_ago_takes_back_nothing)
{
    struct actor reader, updater;
    unsigned long goal, before;

    use(patient(RCU_GP_POLL, MS_NS));
    rcu_start_counting_at(starts[_i] * RCU_NUMBER_STEP, starts[_i]);
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    before = stats().gps_forced;
    goal = rcu_goal();
    rcu_request_force(goal);
    for (unsigned long age = 2; age < 4000; age *= 2)
        rcu_request_force(goal - age);
    begin_and_wait(&updater, synchronize_rcu, 1);
    UNTIL(stats().naps > 3 || stats().gps_forced > before);
    ck_assert_uint_eq(stats().gps_forced, before + 1);
    make(&reader, leave);
    finish(&updater);
    synchronize_rcu();
    ck_assert_uint_eq(stats().gps_forced, before + 1);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* What was started before the counts began is not ahead of them. */
START_TEST(a_started_one_costs_one_grace_period)
{
    rcu_start_counting_at(starts[_i] * RCU_NUMBER_STEP, starts[_i]);
    for (unsigned i = 1; i <= 10; i++) {
        unsigned long cookie = start_poll_synchronize_rcu();

        UNTIL(poll_state_synchronize_rcu(cookie));
        FOR_A_WHILE(20)
        {
            sched_yield();
        }
        ck_assert_uint_le(stats().gps, i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sequence");
    TCase *values = add_case(suite, "values"), *cookies = add_case(suite, "cookies"),
          *late = add_case(suite, "late");

    tcase_add_loop_test(values, what_is_ahead_of_an_old_view_is_not_reached, 0, STARTS);
    tcase_add_loop_test(values, what_is_behind_stays_reached, 0, STARTS);

    tcase_add_loop_test(cookies, a_cookie_is_pending_in_an_older_view, 0, STARTS * AGES);
    tcase_add_loop_test(cookies, a_cookie_that_is_kept_for_long_has_expired, 0, STARTS * 6);
#ifndef STILLPOINT_DEBUG
    tcase_add_test(cookies, a_cookie_may_be_kept_as_long_as_the_header_promises);
#endif

    tcase_add_loop_test(late, a_request_from_long_ago_takes_back_nothing, 0, STARTS);
    tcase_add_loop_test(late, a_started_one_costs_one_grace_period, 0, STARTS);
    return run_suite(suite);
}
