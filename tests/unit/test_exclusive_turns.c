/* Exclusive sections: what stillpoint/exclusive.h promises when several are asked for: nesting, and
 * the order of turns. */
/* Left out of TWO_PHASE: sections wait for vCPUs, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "sections.h"

#include <check.h>

/* ---- what the tests have in common ---- */

/* Who came in which order. */
static atomic_int who_came[16];
static atomic_uint came;

static void come(void)
{
    atomic_store(&who_came[atomic_fetch_add(&came, 1)], gettid());
}

static unsigned place_of(struct actor *a)
{
    unsigned i = 0;

    while (i < 16 && atomic_load(&who_came[i]) != a->thread_id)
        i++;
    return i;
}

/* Jobs. */
static void come_in_section(void)
{
    start_exclusive();
    come();
    end_exclusive();
}

static void come_in_execution(void)
{
    cpu_exec_start(current_cpu);
    come();
    cpu_exec_end(current_cpu);
}

/* ---- whose section it is ---- */

START_TEST(sections_nest)
{
    begin_test(1, 0);
    for (int i = 0; i < 3; i++)
        start_exclusive();
    begin_and_wait_to_execute(&vcpus[0], exec_start);
    for (int i = 0; i < 3; i++) {
        ck_assert(in_exclusive_section());
        ck_assert_uint_eq(sections_pending(), 1);
        stays_busy(&vcpus[0]);
        end_exclusive();
    }
    ck_assert(!in_exclusive_section());
    finish(&vcpus[0]);
    make(&vcpus[0], exec_end);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 1);
    end_test(1, 0);
}
END_TEST

static bool was_in_section;

static void look_whether_in_section(void)
{
    was_in_section = in_exclusive_section();
}

START_TEST(a_section_is_of_the_calling_thread)
{
    begin_test(0, 2);
    make(&starters[0], section_start);
    ck_assert(!in_exclusive_section());
    make(&starters[0], look_whether_in_section);
    ck_assert(was_in_section);
    make(&starters[1], look_whether_in_section);
    ck_assert(!was_in_section);
    begin_and_wait_for_turn(&starters[1], section_start);
    make(&starters[0], section_end);
    finish(&starters[1]);
    make(&starters[0], look_whether_in_section);
    ck_assert(!was_in_section);
    make(&starters[1], look_whether_in_section);
    ck_assert(was_in_section);
    make(&starters[1], section_end);
    end_test(0, 2);
}
END_TEST

/* ---- order ---- */

START_TEST(a_second_section_waits_for_the_end_of_the_first)
{
    begin_test(0, 1);
    start_exclusive();
    begin_and_wait_for_turn(&starters[0], section_start);
    stays_busy(&starters[0]);
    end_exclusive();
    finish(&starters[0]);
    make(&starters[0], section_end);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 2);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 1);
    end_test(0, 1);
}
END_TEST

/* The first section is on, or, in every second loop, waits for a vCPU. */
START_TEST(sections_are_served_in_the_order_of_asking_while_vcpus_stay_out)
{
    begin_test(2, STARTERS);
    if (_i % 2 == 1) {
        make(&vcpus[1], exec_start);
        begin_and_wait_for_vcpus(&starters[_i % STARTERS], section_start, 1);
    } else {
        make(&starters[_i % STARTERS], section_start);
    }
    begin_and_wait_to_execute(&vcpus[0], come_in_execution);
    for (int i = 1; i < STARTERS; i++)
        begin_and_wait_for_turn(&starters[(_i + i) % STARTERS], come_in_section);
    if (_i % 2 == 1) {
        make(&vcpus[1], exec_end);
        finish(&starters[_i % STARTERS]);
    }
    ck_assert_uint_eq(atomic_load(&came), 0);
    make(&starters[_i % STARTERS], section_end);
    for (int i = 1; i < STARTERS; i++) {
        finish(&starters[(_i + i) % STARTERS]);
        ck_assert_int_eq(place_of(&starters[(_i + i) % STARTERS]), i - 1);
    }
    finish(&vcpus[0]);
    ck_assert_uint_eq(place_of(&vcpus[0]), STARTERS - 1);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, STARTERS - 1);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_waited, _i % 2);
    end_test(2, STARTERS);
}
END_TEST

/* A queue that has been empty is as good as new. */
START_TEST(sections_queue_up_again_after_all_were_served)
{
    begin_test(0, 3);
    for (int round = 0; round < 3; round++) {
        atomic_store(&came, 0);
        start_exclusive();
        for (int i = 0; i < 3; i++)
            begin_and_wait_for_turn(&starters[(i + round) % 3], come_in_section);
        end_exclusive();
        for (int i = 0; i < 3; i++)
            finish(&starters[(i + round) % 3]);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(place_of(&starters[(i + round) % 3]), i);
    }
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 9);
    end_test(0, 3);
}
END_TEST

/* starters[0] to [2] are a row, as the others asked during the section of [0]; [3] asks during the
 * section of [1], when vCPUs wait. */
START_TEST(vcpus_that_wait_are_let_in_before_a_section_that_was_asked_for_later)
{
    begin_test(2, 4);
    make(&starters[0], section_start);
    begin_and_wait_to_execute(&vcpus[0], come_in_execution);
    begin_and_wait_for_turn(&starters[1], section_start);
    begin_and_wait_for_turn(&starters[2], section_start);
    make(&starters[0], section_end);
    finish(&starters[1]);
    begin_and_wait_to_execute(&vcpus[1], come_in_execution);
    begin_and_wait_for_turn(&starters[3], come_in_section);
    make(&starters[1], section_end);
    finish(&starters[2]);
    stays_busy(&starters[3]);
    ck_assert_uint_eq(atomic_load(&came), 0);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_opened, 0);
    make(&starters[2], section_end);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_opened, 1);
    finish(&starters[3]);
    finish(&vcpus[0]);
    finish(&vcpus[1]);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 2);
    end_test(2, 4);
}
END_TEST

static void come_in_execution_and_in_section(void)
{
    come_in_execution();
    come_in_section();
}

/* The vCPU that is let in asks when starters[0], which takes long to wake up, is to begin. */
START_TEST(a_section_that_waits_for_vcpus_to_be_let_in_is_not_overtaken)
{
    begin_test(1, 2);
    for (int round = 0; round < 20; round++) {
        atomic_store(&came, 0);
        make(&starters[0], section_start);
        begin_and_wait_to_execute(&vcpus[0], come_in_execution_and_in_section);
        begin_and_wait_for_turn(&starters[1], section_start);
        make(&starters[0], section_end);
        finish(&starters[1]);
        begin_and_wait_for_turn(&starters[0], come_in_section);
        make(&starters[1], section_end);
        finish(&starters[0]);
        finish(&vcpus[0]);
        ck_assert_uint_le(place_of(&starters[0]), 1);
        ck_assert_int_eq(atomic_load(&who_came[2]), vcpus[0].thread_id);
    }
    end_test(1, 2);
}
END_TEST

/* No vCPU waits, so nobody is kept waiting when one more section comes before vCPUs are let in. */
START_TEST(a_section_asked_for_later_is_served_in_the_same_row_while_no_vcpu_waits)
{
    begin_test(1, 3);
    make(&starters[0], section_start);
    begin_and_wait_for_turn(&starters[1], section_start);
    make(&starters[0], section_end);
    finish(&starters[1]);
    begin_and_wait_for_turn(&starters[2], section_start);
    make(&starters[1], section_end);
    finish(&starters[2]);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 2);
    make(&starters[2], section_end);
    make(&vcpus[0], exec_start);
    make(&vcpus[0], exec_end);
    end_test(1, 3);
}
END_TEST

/* ---- by whom ---- */

START_TEST(a_vcpus_thread_may_start_a_section_while_it_does_not_execute)
{
    begin_test(2, 0);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&vcpus[1], section_start, 1);
    make(&vcpus[0], exec_end);
    finish(&vcpus[1]);
    begin_and_wait_to_execute(&vcpus[0], exec_start);
    make(&vcpus[1], section_end);
    finish(&vcpus[0]);
    make(&vcpus[0], exec_end);
    make(&vcpus[1], exec_start);
    make(&vcpus[1], exec_end);
    end_test(2, 0);
}
END_TEST

/* ---- the suite ---- */

static Suite *exclusive_turns_suite(void)
{
    Suite *suite = suite_create("exclusive turns");
    TCase *several = add_case(suite, "several sections");

    tcase_add_test(several, sections_nest);
    tcase_add_test(several, a_section_is_of_the_calling_thread);
    tcase_add_test(several, a_second_section_waits_for_the_end_of_the_first);
    tcase_add_loop_test(several, sections_are_served_in_the_order_of_asking_while_vcpus_stay_out, 0,
                        STARTERS);
    tcase_add_test(several, sections_queue_up_again_after_all_were_served);
    tcase_add_test(several, vcpus_that_wait_are_let_in_before_a_section_that_was_asked_for_later);
    tcase_add_test(several, a_section_that_waits_for_vcpus_to_be_let_in_is_not_overtaken);
    tcase_add_test(several,
                   a_section_asked_for_later_is_served_in_the_same_row_while_no_vcpu_waits);
    tcase_add_test(several, a_vcpus_thread_may_start_a_section_while_it_does_not_execute);
    return suite;
}

int main(void)
{
    return run_suite(exclusive_turns_suite());
}
