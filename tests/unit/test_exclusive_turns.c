/* Exclusive sections: what stillpoint/exclusive.h promises when several are asked for: nesting, the
 * order of turns, and that nobody starves. */
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

/* ---- nobody starves ---- */

START_TEST(a_looping_starter_does_not_starve_vcpus)
{
    begin_test(VCPUS, 0);
    start_exclusive();
    for (int round = 1; round <= 20; round++) {
        atomic_store(&came, 0);
        for (int i = 0; i < VCPUS; i++)
            begin_and_wait_to_execute(&vcpus[i], come_in_execution);
        while (atomic_load(&came) < VCPUS) {
            end_exclusive();
            start_exclusive();
        }
        for (int i = 0; i < VCPUS; i++)
            finish(&vcpus[i]);
    }
    end_exclusive();
    end_test(VCPUS, 0);
}
END_TEST

#define MANY 64
static struct crowd {
    struct vcpu cpu;
    _Alignas(64) atomic_ulong executions;
} crowd[MANY];
static struct actor crowd_threads[MANY];

static void execute_in_the_crowd(void)
{
    struct crowd *self = (struct crowd *)current_cpu;

    while (goes_on()) {
        cpu_exec_start(current_cpu);
        atomic_fetch_add_explicit(&self->executions, 1, memory_order_relaxed);
        cpu_exec_end(current_cpu);
    }
}

/* Or all have executed often, when the scheduler has not made them even until then. */
static bool is_even(int64_t end_ns)
{
    unsigned long least = ULONG_MAX, most = 0;

    for (int i = 0; i < MANY; i++) {
        unsigned long n = atomic_load_explicit(&crowd[i].executions, memory_order_relaxed);

        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    return least >= 100 && (most <= 4 * least || now_ns() > end_ns);
}

START_TEST(many_vcpus_execute_about_as_often_as_one_another)
{
    int64_t even_ns = search_end_ns(5000);

    for (int i = 0; i < MANY; i++)
        hire_vcpu(&crowd_threads[i], &crowd[i].cpu);
    for (int i = 0; i < MANY; i++)
        begin(&crowd_threads[i], execute_in_the_crowd);
    for (unsigned i = 0; i < 20 || !is_even(even_ns); i++) {
        start_exclusive();
        end_exclusive();
        for (int64_t end_ns = now_ns() + i % 4 * MS_NS / 10; now_ns() < end_ns;)
            sched_yield();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < MANY; i++)
        finish(&crowd_threads[i]);
    for (int i = 0; i < MANY; i++)
        dismiss_vcpu(&crowd_threads[i], &crowd[i].cpu);
}
END_TEST

/* What has happened while the vCPU did not get in. */
struct streak {
    unsigned executed;
    unsigned long overtaken, opened;
};

static struct streak streak_now(void)
{
    struct vcpu_stats now = vcpu_stats_now();

    return (struct streak){.executed = atomic_load(&executions),
                           .overtaken = now.exec_overtaken,
                           .opened = now.exclusive_opened};
}

/* Each round wakes the vCPU, and holds the next section until it has found it on; or it gets in, as
 * the scheduler likes, and begins to count anew. */
START_TEST(a_vcpu_that_is_overtaken_again_and_again_has_the_door_opened_for_it)
{
    int64_t end_ns = search_end_ns(3000);
    struct streak first, last;

    begin_test(1, 0);
    begin(&vcpus[0], execute_again_and_again);
    start_exclusive();
    first = streak_now();
    while (vcpu_stats_now().exclusive_opened < 3 && now_ns() < end_ns) {
        struct streak before = streak_now();
        unsigned long waits = vcpu_stats_now().exec_waits;

        end_exclusive();
        start_exclusive();
        do {
            sched_yield();
            last = streak_now();
        } while (last.executed == before.executed && last.overtaken == before.overtaken &&
                 vcpu_stats_now().exec_waits == waits);
        ck_assert_uint_le(last.overtaken - first.overtaken, 130);
        if (last.executed != first.executed || last.opened != first.opened)
            first = last;
    }
    end_exclusive();
    atomic_store(&stop, true);
    finish(&vcpus[0]);
    end_test(1, 0);
}
END_TEST

static atomic_ulong sections_of[2];

#define ALTERNATIONS 1000
/* Sections of the other between this one's request and its turn. */
static unsigned long between[ALTERNATIONS];

static void note_sections_between(void)
{
    for (int i = 0; i < ALTERNATIONS; i++) {
        unsigned long before = atomic_load(&sections_of[1]);

        start_exclusive();
        between[i] = atomic_load(&sections_of[1]) - before;
        end_exclusive();
    }
    atomic_store(&stop, true);
}

static void start_until_the_first_is_done(void)
{
    while (goes_on()) {
        start_exclusive();
        atomic_fetch_add(&sections_of[1], 1);
        end_exclusive();
    }
}

static int by_number(const void *a, const void *b)
{
    unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

    return (x > y) - (x < y);
}

/* One is before it, or on. More come between only where its thread loses the CPU just before it
 * takes its ticket, which is no turn lost. */
START_TEST(two_looping_starters_alternate)
{
    begin_test(1, 2);
    begin(&vcpus[0], execute_again_and_again);
    begin(&starters[1], start_until_the_first_is_done);
    UNTIL(atomic_load(&sections_of[1]) > 0);
    make(&starters[0], note_sections_between);
    finish(&starters[1]);
    finish(&vcpus[0]);
    qsort(between, ALTERNATIONS, sizeof *between, by_number);
    ck_assert_uint_le(between[ALTERNATIONS / 2], 2);
    end_test(1, 2);
}
END_TEST

static void start_sections_again_and_again(void)
{
    while (goes_on()) {
        start_exclusive();
        end_exclusive();
    }
}

START_TEST(looping_starters_do_not_starve_a_vcpu)
{
    begin_test(1, STARTERS);
    for (int i = 0; i < STARTERS; i++)
        begin(&starters[i], start_sections_again_and_again);
    begin(&vcpus[0], execute_again_and_again);
    UNTIL(atomic_load(&executions) >= 100 && vcpu_stats_now().exec_waits >= 10);
    atomic_store(&stop, true);
    finish(&vcpus[0]);
    for (int i = 0; i < STARTERS; i++)
        finish(&starters[i]);
    end_test(1, STARTERS);
}
END_TEST

static void start_a_hundred_sections(void)
{
    for (int i = 0; i < 100; i++) {
        start_exclusive();
        end_exclusive();
    }
}

/* They do not even look whether they are asked to leave. */
START_TEST(looping_vcpus_do_not_starve_starters)
{
    begin_test(VCPUS, 2);
    for (int i = 0; i < VCPUS; i++)
        begin(&vcpus[i], execute_again_and_again);
    begin(&starters[0], start_a_hundred_sections);
    make(&starters[1], start_a_hundred_sections);
    finish(&starters[0]);
    atomic_store(&stop, true);
    for (int i = 0; i < VCPUS; i++)
        finish(&vcpus[i]);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 200);
    end_test(VCPUS, 2);
}
END_TEST

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
    tcase_add_test(several, a_looping_starter_does_not_starve_vcpus);
    tcase_add_test(several, many_vcpus_execute_about_as_often_as_one_another);
    tcase_add_test(several, a_vcpu_that_is_overtaken_again_and_again_has_the_door_opened_for_it);
    tcase_add_test(several, two_looping_starters_alternate);
    tcase_add_test(several, looping_starters_do_not_starve_a_vcpu);
    tcase_add_test(several, looping_vcpus_do_not_starve_starters);
    tcase_add_test(several, a_vcpus_thread_may_start_a_section_while_it_does_not_execute);
    return suite;
}

int main(void)
{
    return run_suite(exclusive_turns_suite());
}
