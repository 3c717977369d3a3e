/* Quiescent-state mode: what stillpoint/rcu_qsbr.h promises. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>

/* ---- what the tests have in common ---- */

static struct actor reader, updater;

static void begin_test(struct rcu_settings settings)
{
    use(settings);
    hire_online(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

static bool is_locked;

static void ask_whether_locked(void)
{
    is_locked = rcu_read_locked();
}

static bool locked(struct actor *a)
{
    make(a, ask_whether_locked);
    return is_locked;
}

/* ---- what a grace period waits for ---- */

START_TEST(an_online_thread_is_waited_for_until_its_quiescent_state)
{
    begin_test(patient(the_policy, MS_NS));
    for (int i = 0; i < 5; i++) {
        begin_and_wait(&updater, the_wait, 1);
        make(&reader, quiesce);
        if (TWO_PHASES) /* the first of them may have been in the first phase */
            while (is_busy(&updater))
                make(&reader, quiesce);
        finish(&updater);
    }
    end_test();
}
END_TEST

START_TEST(an_online_thread_is_waited_for_until_it_goes_offline)
{
    begin_test(patient(the_policy, MS_NS));
    for (int i = 0; i < 5; i++) {
        begin_and_wait(&updater, the_wait, 1);
        make(&reader, rcu_thread_offline);
        finish(&updater);
        make(&updater, the_wait);
        make(&reader, rcu_thread_online);
    }
    end_test();
}
END_TEST

#ifndef STILLPOINT_TWO_PHASE
START_TEST(a_thread_that_quiesced_since_is_not_waited_for)
{
    struct actor other;

    begin_test(patient(the_policy, MS_NS));
    hire_reader(&other);
    for (int i = 0; i < 5; i++) {
        make(&other, enter);
        begin_and_wait(&updater, the_wait, 2);
        make(&reader, quiesce);
        /* One that naps looks by itself, one that sleeps is woken. */
        UNTIL(leader_waits_for(1));
        ck_assert(is_busy(&updater));
        make(&other, leave);
        finish(&updater);
    }
    dismiss_reader(&other);
    end_test();
}
END_TEST
#endif

START_TEST(a_thread_that_went_online_since_is_not_waited_for)
{
    struct actor late;

    begin_test(patient(the_policy, MS_NS));
    begin_and_wait(&updater, the_wait, 1);
    hire_online(&late);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    make(&reader, rcu_thread_offline);
    if (TWO_PHASES)
        make(&late, rcu_thread_offline);
    finish(&updater);
    dismiss_reader(&late);
    end_test();
}
END_TEST

START_TEST(explicit_sections_of_an_online_thread_only_count)
{
    begin_test(patient(the_policy, MS_NS));
    ck_assert(!locked(&reader));
    begin_and_wait(&updater, the_wait, 1);
    for (int i = 0; i < 3; i++) {
        make(&reader, enter);
        ck_assert(locked(&reader));
    }
    for (int i = 0; i < 3; i++) {
        ck_assert(locked(&reader));
        make(&reader, leave);
    }
    ck_assert(!locked(&reader));
    /* Whoever took the last unlock for the end would not be waiting now. */
    force_rcu();
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    ck_assert(is_busy(&updater));
    make(&reader, rcu_thread_offline);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(an_explicit_section_of_an_online_thread_is_waited_for)
{
    begin_test(patient(the_policy, MS_NS));
    make(&reader, enter);
    begin_and_wait(&updater, the_wait, 1);
    make(&reader, leave);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    make(&reader, rcu_thread_offline);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(going_online_or_offline_twice_changes_nothing)
{
    begin_test(patient(the_policy, MS_NS));
    make(&reader, rcu_thread_online);
    begin_and_wait(&updater, the_wait, 1);
    make(&reader, rcu_thread_online);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    ck_assert(is_busy(&updater));
    make(&reader, rcu_thread_offline);
    finish(&updater);
    make(&reader, rcu_thread_offline);
    make(&updater, the_wait);
    end_test();
}
END_TEST

START_TEST(an_offline_thread_may_use_ordinary_sections)
{
    begin_test(patient(the_policy, MS_NS));
    for (int i = 0; i < 5; i++) {
        make(&reader, rcu_thread_offline);
        make(&reader, enter);
        make(&reader, enter);
        begin_and_wait(&updater, the_wait, 1);
        make(&reader, leave);
        ck_assert(locked(&reader));
        ck_assert(is_busy(&updater));
        make(&reader, leave);
        ck_assert(!locked(&reader));
        finish(&updater);
        make(&reader, rcu_thread_online);
    }
    end_test();
}
END_TEST

START_TEST(a_quiescent_state_means_nothing_in_a_thread_that_is_not_online)
{
    begin_test(patient(the_policy, MS_NS));
    make(&reader, rcu_thread_offline);
    make(&reader, quiesce);
    make(&updater, the_wait);
    make(&reader, quiesce);
    make(&reader, enter);
    make(&reader, quiesce);
    begin_and_wait(&updater, the_wait, 1);
    make(&reader, quiesce);
    force_rcu();
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    ck_assert(is_busy(&updater));
    make(&reader, leave);
    finish(&updater);
    make(&reader, rcu_unregister_thread);
    make(&reader, quiesce);
    dismiss(&reader);
    make(&updater, the_wait);
    dismiss(&updater);
}
END_TEST

START_TEST(sections_of_an_online_thread_nest_one_level_less)
{
    unsigned wrong = 0;

    rcu_register_thread();
    rcu_thread_online();
    for (int i = 0; i < 32766; i++) {
        rcu_read_lock();
        wrong += !rcu_read_locked();
    }
    for (int i = 0; i < 32766; i++) {
        wrong += !rcu_read_locked();
        rcu_read_unlock();
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert(!rcu_read_locked());
    rcu_quiescent_state();
    rcu_unregister_thread();
}
END_TEST

/* ---- ends ---- */

START_TEST(a_thread_may_unregister_while_it_is_online)
{
    begin_test(patient(the_policy, MS_NS));
    begin_and_wait(&updater, the_wait, 1);
    dismiss_reader(&reader);
    finish(&updater);
    make(&updater, the_wait);
    dismiss(&updater);
}
END_TEST

START_TEST(a_thread_may_end_while_it_is_online)
{
    unsigned long before = stats().exits_registered;

    begin_test(patient(the_policy, MS_NS));
    begin_and_wait(&updater, the_wait, 1);
    dismiss(&reader);
    finish(&updater);
    ck_assert_uint_eq(stats().exits_registered, before + 1);
    dismiss(&updater);
}
END_TEST

START_TEST(a_thread_is_offline_after_it_registered_again)
{
    begin_test(patient(the_policy, MS_NS));
    make(&reader, rcu_unregister_thread);
    make(&reader, rcu_register_thread);
    make(&updater, the_wait);
    make(&reader, enter);
    ck_assert(locked(&reader));
    make(&reader, leave);
    make(&updater, the_wait);
    end_test();
}
END_TEST

/* ---- waiting inside the library ---- */

static void cond_wait(void)
{
    cond_synchronize_rcu(get_state_synchronize_rcu());
}

static void cond_wait_expedited(void)
{
    cond_synchronize_rcu_expedited(get_state_synchronize_rcu());
}

static void (*const waits[])(void) = {synchronize_rcu, synchronize_rcu_expedited,
                                      rcu_barrier,     drain_call_rcu,
                                      cond_wait,       cond_wait_expedited};
#define WAITS (int)(sizeof waits / sizeof *waits)

START_TEST(an_online_thread_that_waits_is_offline_until_it_returns)
{
    struct actor other;
    int id = 0;

    use(patient((enum rcu_gp_policy)(_i / WAITS), MS_NS));
    hire_online(&reader);
    hire_reader(&other);
    hire(&updater);
    for (int i = 0; i < 3; i++) {
        make(&other, enter);
        /* In the way of its grace period is the other one, not itself. */
        begin_and_wait(&reader, waits[_i % WAITS], 1);
        ck_assert_uint_eq(rcu_holdouts(&id, 1), 1);
        ck_assert_int_eq(id, other.thread_id);
        make(&other, leave);
        finish(&reader);
        /* And it is online again. */
        ck_assert(!locked(&reader));
        make(&reader, quiesce);
        begin_and_wait(&updater, synchronize_rcu, 1);
        ck_assert_uint_eq(rcu_holdouts(&id, 1), 1);
        ck_assert_int_eq(id, reader.thread_id);
        make(&reader, rcu_thread_offline);
        finish(&updater);
        make(&reader, rcu_thread_online);
    }
    dismiss_reader(&other);
    end_test();
}
END_TEST

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;

static void take(void *data)
{
    pthread_mutex_lock(data);
}

static void let_go(void *data)
{
    pthread_mutex_unlock(data);
}

/* Its callback cannot run before the lock is free, however many grace periods pass. */
START_TEST(an_online_thread_in_a_barrier_holds_up_nobody)
{
    const struct rcu_callback_lock lock = {.lock = take, .unlock = let_go, .data = &big};

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    rcu_set_callback_lock(&lock);
    hire_online(&reader);
    pthread_mutex_lock(&big);
    begin(&reader, rcu_barrier);
    UNTIL(is_asleep(&reader));
    for (int i = 0; i < 10; i++) {
        synchronize_rcu();
        ck_assert(is_busy(&reader));
    }
    pthread_mutex_unlock(&big);
    finish(&reader);
    ck_assert(!locked(&reader));
    make(&reader, quiesce);
    dismiss_reader(&reader);
}
END_TEST

START_TEST(an_offline_thread_that_waited_is_still_offline)
{
    begin_test(patient(RCU_GP_ADAPTIVE, MS_NS));
    make(&reader, rcu_thread_offline);
    make(&reader, waits[_i]);
    make(&updater, synchronize_rcu);
    make(&reader, rcu_thread_offline);
    end_test();
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_modes(Suite *suite)
{
    TCase *waits_for = add_case(suite, "waits"), *ends = add_case(suite, "ends"),
          *waiting = add_case(suite, "waiting");

    tcase_add_loop_test(waits_for, an_online_thread_is_waited_for_until_its_quiescent_state, 0,
                        WAYS);
    tcase_add_loop_test(waits_for, an_online_thread_is_waited_for_until_it_goes_offline, 0, WAYS);
#ifndef STILLPOINT_TWO_PHASE
    tcase_add_loop_test(waits_for, a_thread_that_quiesced_since_is_not_waited_for, 0, WAYS);
#endif
    tcase_add_loop_test(waits_for, a_thread_that_went_online_since_is_not_waited_for, 0, WAYS);
    tcase_add_loop_test(waits_for, explicit_sections_of_an_online_thread_only_count, 0, WAYS);
    tcase_add_loop_test(waits_for, an_explicit_section_of_an_online_thread_is_waited_for, 0, WAYS);
    tcase_add_loop_test(waits_for, going_online_or_offline_twice_changes_nothing, 0, WAYS);
    tcase_add_loop_test(waits_for, an_offline_thread_may_use_ordinary_sections, 0, WAYS);
    tcase_add_loop_test(waits_for, a_quiescent_state_means_nothing_in_a_thread_that_is_not_online,
                        0, WAYS);
    tcase_add_test(waits_for, sections_of_an_online_thread_nest_one_level_less);

    tcase_add_loop_test(ends, a_thread_may_unregister_while_it_is_online, 0, WAYS);
    tcase_add_loop_test(ends, a_thread_may_end_while_it_is_online, 0, WAYS);
    tcase_add_loop_test(ends, a_thread_is_offline_after_it_registered_again, 0, WAYS);

    tcase_add_loop_test(waiting, an_online_thread_that_waits_is_offline_until_it_returns, 0,
                        WAITS * POLICIES);
    tcase_add_loop_test(waiting, an_online_thread_in_a_barrier_holds_up_nobody, 0, POLICIES);
    tcase_add_loop_test(waiting, an_offline_thread_that_waited_is_still_offline, 0, WAITS);
}

int main(void)
{
    Suite *suite = suite_create("qsbr");

    add_tests_of_modes(suite);
    return run_suite(suite);
}
