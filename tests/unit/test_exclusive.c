/* Exclusive sections: what stillpoint/exclusive.h promises of a section and the vCPUs that it keeps
 * out, those that come and go among them, and of grace periods meanwhile.
 *
 * Several sections, what races and misuse have files of their own, test_exclusive_*.c; the big lock
 * and the order in which the two are taken have test_big_lock.c. Check runs each test in a process
 * of its own, so that indexes and counts begin at 0. */
/* Left out of TWO_PHASE: sections wait for vCPUs, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "sections.h"

#include <check.h>

/* ---- vCPUs and a section ---- */

START_TEST(a_section_begins_when_the_executing_vcpu_has_left)
{
    begin_test(1, 1);
    for (unsigned long i = 1; i <= 5; i++) {
        make(&vcpus[0], exec_start);
        begin_and_wait_for_vcpus(&starters[0], section_start, 1);
        stays_busy(&starters[0]);
        make(&vcpus[0], exec_end);
        finish(&starters[0]);
        ck_assert_uint_eq(sections_pending(), 1);
        make(&starters[0], section_end);
        ck_assert_uint_eq(sections_pending(), 0);
        ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, i);
        ck_assert_uint_eq(vcpu_stats_now().exclusive_waited, i);
    }
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 0);
    end_test(1, 1);
}
END_TEST

static void process_events(void)
{
    process_cpu_events(current_cpu);
}

START_TEST(a_vcpu_that_executes_is_asked_to_leave_and_no_other)
{
    begin_test(2, 1);
    for (int i = 0; i < 5; i++) {
        make(&vcpus[0], process_events);
        make(&vcpus[0], exec_start);
        ck_assert(!cpu_exit_requested(&cpus[0]));
        begin_and_wait_for_vcpus(&starters[0], section_start, 1);
        ck_assert(cpu_exit_requested(&cpus[0]));
        ck_assert(!cpu_exit_requested(&cpus[1]));
        make(&vcpus[0], exec_end);
        finish(&starters[0]);
        make(&starters[0], section_end);
    }
    end_test(2, 1);
}
END_TEST

START_TEST(a_section_does_not_wait_for_vcpus_that_do_not_execute)
{
    begin_test(2, 0);
    start_exclusive();
    end_exclusive();
    make(&vcpus[0], exec_start);
    make(&vcpus[0], exec_end);
    start_exclusive();
    end_exclusive();
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 2);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_waited, 0);
    ck_assert(!cpu_exit_requested(&cpus[0]));
    end_test(2, 0);
}
END_TEST

START_TEST(a_section_waits_for_each_of_several_vcpus)
{
    begin_test(VCPUS, 1);
    for (int i = 0; i < VCPUS; i++)
        make(&vcpus[i], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, VCPUS);
    for (int left = 0; left < VCPUS; left++) {
        stays_busy(&starters[0]);
        make(&vcpus[(left + _i) % VCPUS], exec_end);
        ck_assert_uint_eq(sections_pending(), VCPUS - left);
    }
    finish(&starters[0]);
    make(&starters[0], section_end);
    end_test(VCPUS, 1);
}
END_TEST

START_TEST(a_vcpu_that_starts_in_a_section_waits_until_it_is_over)
{
    begin_test(2, 1);
    for (unsigned long i = 1; i <= 5; i++) {
        make(&starters[0], section_start);
        begin_and_wait_to_execute(&vcpus[0], exec_start);
        begin_and_wait_to_execute(&vcpus[1], exec_start);
        stays_busy(&vcpus[0]);
        ck_assert(!executes(&cpus[0]) && !executes(&cpus[1]));
        make(&starters[0], section_end);
        finish(&vcpus[0]);
        finish(&vcpus[1]);
        ck_assert(executes(&cpus[0]) && executes(&cpus[1]));
        make(&vcpus[0], exec_end);
        make(&vcpus[1], exec_end);
        ck_assert_uint_eq(vcpu_stats_now().exec_waits, 2 * i);
    }
    end_test(2, 1);
}
END_TEST

START_TEST(a_vcpu_that_starts_while_a_section_is_asked_for_waits)
{
    begin_test(2, 1);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    begin_and_wait_to_execute(&vcpus[1], exec_start);
    ck_assert_uint_eq(sections_pending(), 2);
    make(&vcpus[0], exec_end);
    finish(&starters[0]);
    stays_busy(&vcpus[1]);
    make(&starters[0], section_end);
    finish(&vcpus[1]);
    make(&vcpus[1], exec_end);
    end_test(2, 1);
}
END_TEST

START_TEST(a_vcpu_may_execute_again_and_again_after_a_section)
{
    begin_test(1, 0);
    start_exclusive();
    end_exclusive();
    for (int i = 0; i < 5; i++) {
        make(&vcpus[0], exec_start);
        make(&vcpus[0], exec_end);
    }
    ck_assert_uint_eq(vcpu_stats_now().exec_waits, 0);
    end_test(1, 0);
}
END_TEST

static bool fences_are_full(void)
{
    return (atomic_load(&exclusive_pending) & EXCLUSIVE_FENCES) != 0;
}

static void execute_until_two_before_fences_are_light(void)
{
    for (int i = 2; i < EXCLUSIVE_QUIET; i++) {
        cpu_exec_start(current_cpu);
        cpu_exec_end(current_cpu);
    }
}

static void section_start_and_end(void)
{
    start_exclusive();
    end_exclusive();
}

/* The vCPU meets the second section: it is waited for, or, in the second loop, waits. */
START_TEST(fences_are_full_from_a_section_until_a_vcpu_has_long_met_none)
{
    begin_test(2, 1);
    ck_assert_int_eq(fences_are_full(), asymmetric_fence_is_full);
    for (int round = 0; round < 3; round++) {
        section_start_and_end();
        ck_assert(fences_are_full());
        make(&vcpus[0], execute_until_two_before_fences_are_light);
        ck_assert(fences_are_full());
        if (_i == 0) {
            make(&vcpus[0], exec_start);
            begin_and_wait_for_vcpus(&starters[0], section_start_and_end, 1);
            make(&vcpus[0], exec_end);
            finish(&starters[0]);
        } else {
            make(&starters[0], section_start);
            begin_and_wait_to_execute(&vcpus[0], exec_start);
            make(&starters[0], section_end);
            finish(&vcpus[0]);
            make(&vcpus[0], exec_end);
        }
        make(&vcpus[1], exec_start);
        make(&vcpus[1], exec_end);
        make(&vcpus[0], execute_until_two_before_fences_are_light);
        ck_assert(fences_are_full());
        make(&vcpus[0], exec_start);
        ck_assert(fences_are_full());
        make(&vcpus[0], exec_end);
        make(&vcpus[0], exec_start);
        ck_assert_int_eq(fences_are_full(), asymmetric_fence_is_full);
        make(&vcpus[0], exec_end);
    }
    end_test(2, 1);
}
END_TEST

/* ---- vCPUs that come and go ---- */

START_TEST(a_vcpu_added_in_a_section_stays_out_until_it_ends)
{
    begin_test(1, 0);
    start_exclusive();
    hire_vcpu(&vcpus[1], &cpus[1]);
    begin_and_wait_to_execute(&vcpus[1], exec_start);
    stays_busy(&vcpus[1]);
    end_exclusive();
    finish(&vcpus[1]);
    make(&vcpus[1], exec_end);
    end_test(2, 0);
}
END_TEST

START_TEST(a_vcpu_added_while_a_section_waits_stays_out_and_is_not_waited_for)
{
    begin_test(1, 1);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    hire_vcpu(&vcpus[1], &cpus[1]);
    begin_and_wait_to_execute(&vcpus[1], exec_start);
    ck_assert_uint_eq(sections_pending(), 2);
    make(&vcpus[0], exec_end);
    finish(&starters[0]);
    stays_busy(&vcpus[1]);
    make(&starters[0], section_end);
    finish(&vcpus[1]);
    make(&vcpus[1], exec_end);
    end_test(2, 1);
}
END_TEST

START_TEST(vcpus_may_be_removed_while_a_section_waits_and_while_it_is_on)
{
    begin_test(3, 1);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    dismiss_vcpu(&vcpus[1], &cpus[1]);
    ck_assert_uint_eq(sections_pending(), 2);
    make(&vcpus[0], exec_end);
    finish(&starters[0]);
    dismiss_vcpu(&vcpus[2], &cpus[2]);
    /* Also one that has been waited for. */
    dismiss_vcpu(&vcpus[0], &cpus[0]);
    make(&starters[0], section_end);
    ck_assert_uint_eq(vcpu_count(), 0);
    end_test(0, 1);
}
END_TEST

START_TEST(a_vcpu_removed_is_not_waited_for)
{
    begin_test(2, 0);
    make(&vcpus[0], exec_start);
    make(&vcpus[0], exec_end);
    dismiss_vcpu(&vcpus[0], &cpus[0]);
    /* Whatever is left there. */
    atomic_store(&cpus[0].running, true);
    start_exclusive();
    ck_assert_uint_eq(vcpu_stats_now().exclusive_waited, 0);
    end_exclusive();
    dismiss_vcpu(&vcpus[1], &cpus[1]);
    end_test(0, 0);
}
END_TEST

/* ---- grace periods ---- */

static bool was_online;

static void look_whether_online(void)
{
    was_online = rcu_reader.online;
}

/* In every second half of the loop the vCPU's thread is online. */
START_TEST(a_grace_period_in_a_section_ends_while_a_vcpu_waits)
{
    bool online = _i >= WAYS;

    _i %= WAYS;
    use(patient(the_policy, MS_NS));
    begin_test(1, 0);
    make(&vcpus[0], online ? rcu_thread_online : rcu_thread_offline);
    start_exclusive();
    begin_and_wait_to_execute(&vcpus[0], exec_start);
    for (int i = 0; i < 3; i++)
        the_wait();
    end_exclusive();
    finish(&vcpus[0]);
    make(&vcpus[0], look_whether_online);
    ck_assert_int_eq(was_online, online);
    make(&vcpus[0], exec_end);
    end_test(1, 0);
}
END_TEST

/* One that was let in is waited for again: it holds what it finds. */
START_TEST(an_online_vcpu_that_was_let_in_holds_up_grace_periods)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    begin_test(1, 1);
    make(&vcpus[0], rcu_thread_online);
    start_exclusive();
    begin_and_wait_to_execute(&vcpus[0], exec_start);
    end_exclusive();
    finish(&vcpus[0]);
    begin_and_wait(&starters[0], synchronize_rcu, 1);
    make(&vcpus[0], exec_end);
    ck_assert(is_busy(&starters[0]));
    while (is_busy(&starters[0])) { /* with two phases, once in each */
        make(&vcpus[0], quiesce);
        force_rcu();
    }
    finish(&starters[0]);
    end_test(1, 1);
}
END_TEST

/* starters[0] waits for the vCPU, [1] for its turn. */
START_TEST(online_threads_that_wait_for_a_section_do_not_hold_up_grace_periods)
{
    use(patient(the_policy, MS_NS));
    begin_test(1, 0);
    hire_online(&starters[0]);
    hire_online(&starters[1]);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    begin_and_wait_for_turn(&starters[1], section_start);
    the_wait();
    make(&vcpus[0], exec_end);
    for (int i = 0; i < 2; i++) {
        finish(&starters[i]);
        make(&starters[i], look_whether_online);
        ck_assert(was_online);
        make(&starters[i], section_end);
        dismiss_reader(&starters[i]);
    }
    end_test(1, 0);
}
END_TEST

/* ---- the suite ---- */

static Suite *exclusive_suite(void)
{
    Suite *suite = suite_create("exclusive");
    TCase *one = add_case(suite, "vCPUs and a section"), *plug = add_case(suite, "hot-plug"),
          *rcu = add_case(suite, "grace periods");

    tcase_add_test(one, a_section_begins_when_the_executing_vcpu_has_left);
    tcase_add_test(one, a_vcpu_that_executes_is_asked_to_leave_and_no_other);
    tcase_add_test(one, a_section_does_not_wait_for_vcpus_that_do_not_execute);
    tcase_add_loop_test(one, a_section_waits_for_each_of_several_vcpus, 0, VCPUS);
    tcase_add_test(one, a_vcpu_that_starts_in_a_section_waits_until_it_is_over);
    tcase_add_test(one, a_vcpu_that_starts_while_a_section_is_asked_for_waits);
    tcase_add_test(one, a_vcpu_may_execute_again_and_again_after_a_section);
    tcase_add_loop_test(one, fences_are_full_from_a_section_until_a_vcpu_has_long_met_none, 0, 2);

    tcase_add_test(plug, a_vcpu_added_in_a_section_stays_out_until_it_ends);
    tcase_add_test(plug, a_vcpu_added_while_a_section_waits_stays_out_and_is_not_waited_for);
    tcase_add_test(plug, vcpus_may_be_removed_while_a_section_waits_and_while_it_is_on);
    tcase_add_test(plug, a_vcpu_removed_is_not_waited_for);

    tcase_add_loop_test(rcu, a_grace_period_in_a_section_ends_while_a_vcpu_waits, 0, 2 * WAYS);
    tcase_add_loop_test(rcu, an_online_vcpu_that_was_let_in_holds_up_grace_periods, 0, POLICIES);
    tcase_add_loop_test(rcu, online_threads_that_wait_for_a_section_do_not_hold_up_grace_periods, 0,
                        WAYS);
    return suite;
}

int main(void)
{
    return run_suite(exclusive_suite());
}
