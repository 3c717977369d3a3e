/* Exclusive sections: what stillpoint/exclusive.h promises.
 *
 * The big lock and the order in which the two are taken have a file of their own, test_big_lock.c.
 * Check runs each test in a process of its own, so that indexes and counts begin at 0. */
#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS    3
#define STARTERS 4

/* ---- what the tests have in common ---- */

static struct vcpu cpus[VCPUS];
static struct actor vcpus[VCPUS], starters[STARTERS];

static void begin_test(unsigned vcpu_number, unsigned starter_number)
{
    for (unsigned i = 0; i < vcpu_number; i++) {
        hire_vcpu(&vcpus[i], &cpus[i]);
    }
    for (unsigned i = 0; i < starter_number; i++) {
        hire(&starters[i]);
    }
}

static void end_test(unsigned vcpu_number, unsigned starter_number)
{
    for (unsigned i = 0; i < vcpu_number; i++) {
        dismiss_vcpu(&vcpus[i], &cpus[i]);
    }
    for (unsigned i = 0; i < starter_number; i++) {
        dismiss(&starters[i]);
    }
    ck_assert_uint_eq(sections_pending(), 0);
    ck_assert_uint_eq(vcpu_count(), 0);
}

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

    while (i < 16 && atomic_load(&who_came[i]) != a->thread_id) {
        i++;
    }
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

/* It does not come to an end by itself. Not for long, as a machine that is busy may take its time
 * for each look. */
static void stays_busy(struct actor *a)
{
    int64_t end_ns = now_ns() + MS_NS;
    unsigned idle = 0;

    for (int i = 0; i < 10 || (i < 1000 && now_ns() < end_ns); i++) {
        idle += !is_busy(a);
        sched_yield();
    }
    ck_assert_uint_eq(idle, 0);
}

static void pause_for(unsigned turns)
{
    for (; turns > 0; turns--) {
        atomic_signal_fence(memory_order_seq_cst);
    }
}

/* A meeting of two threads: fast where each has a CPU, possible where they share one. */
static void meet(atomic_uint *word, unsigned value)
{
    for (unsigned i = 1; atomic_load_explicit(word, memory_order_acquire) != value; i++) {
        if (i % 256 == 0) {
            sched_yield();
        }
    }
}

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
    for (int i = 0; i < VCPUS; i++) {
        make(&vcpus[i], exec_start);
    }
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

/* ---- the moments in which a vCPU and a starter meet ---- */

/* cpu_exec_start() and cpu_exec_end() in two halves, before and after the look at
 * `exclusive_pending`. */
static void say_that_it_runs(void)
{
    atomic_store(&current_cpu->running, true);
}

static void find_a_starter_at_start(void)
{
    vcpu_exec_start_slow(current_cpu);
}

static void say_that_it_left(void)
{
    atomic_store(&current_cpu->running, false);
}

static void find_a_starter_at_end(void)
{
    vcpu_exec_end_slow(current_cpu);
}

START_TEST(a_vcpu_that_is_counted_as_it_starts_goes_on)
{
    begin_test(1, 1);
    for (unsigned long i = 1; i <= 5; i++) {
        make(&vcpus[0], say_that_it_runs);
        begin_and_wait_for_vcpus(&starters[0], section_start, 1);
        make(&vcpus[0], find_a_starter_at_start);
        ck_assert(executes(&cpus[0]));
        ck_assert_uint_eq(vcpu_stats_now().exec_counted, i);
        stays_busy(&starters[0]);
        make(&vcpus[0], exec_end);
        finish(&starters[0]);
        make(&starters[0], section_end);
    }
    ck_assert_uint_eq(vcpu_stats_now().exec_waits, 0);
    end_test(1, 1);
}
END_TEST

START_TEST(a_vcpu_that_finds_the_section_over_goes_on)
{
    begin_test(1, 1);
    make(&vcpus[0], say_that_it_runs);
    make(&vcpus[0], find_a_starter_at_start);
    ck_assert(executes(&cpus[0]));
    ck_assert_uint_eq(vcpu_stats_now().exec_waits, 0);
    ck_assert_uint_eq(vcpu_stats_now().exec_counted, 0);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    make(&vcpus[0], exec_end);
    finish(&starters[0]);
    make(&starters[0], section_end);
    end_test(1, 1);
}
END_TEST

START_TEST(a_vcpu_that_left_uncounted_does_not_count_itself_out)
{
    begin_test(2, 1);
    make(&vcpus[0], exec_start);
    make(&vcpus[1], exec_start);
    make(&vcpus[0], say_that_it_left);
    begin_and_wait_for_vcpus(&starters[0], section_start, 1);
    make(&vcpus[0], find_a_starter_at_end);
    ck_assert_uint_eq(sections_pending(), 2);
    stays_busy(&starters[0]);
    make(&vcpus[1], exec_end);
    finish(&starters[0]);
    make(&vcpus[0], find_a_starter_at_end);
    ck_assert_uint_eq(sections_pending(), 1);
    make(&starters[0], section_end);
    end_test(2, 1);
}
END_TEST

START_TEST(a_vcpu_counts_itself_out_once)
{
    begin_test(2, 1);
    make(&vcpus[0], exec_start);
    make(&vcpus[1], exec_start);
    begin_and_wait_for_vcpus(&starters[0], section_start, 2);
    for (int i = 0; i < 3; i++) {
        make(&vcpus[0], i == 0 ? exec_end : find_a_starter_at_end);
        ck_assert_uint_eq(sections_pending(), 2);
    }
    make(&vcpus[1], exec_end);
    finish(&starters[0]);
    make(&starters[0], section_end);
    end_test(2, 1);
}
END_TEST

#define RACE_ROUNDS 1000000

/* Plain, volatile for the compiler's sake: ThreadSanitizer checks the order as well. */
static struct {
    atomic_uint begun, ended;
    _Alignas(64) volatile unsigned inside;
    _Alignas(64) volatile unsigned left, right;
    /* A store to a line that the other side has just read takes long, and keeps those after it in
     * the store buffer. */
    _Alignas(64) atomic_uint slow_store;
    _Alignas(64) atomic_uint wrong;
    unsigned rounds; /* what was done, at the end */
} race;

/* Gives the calling thread a CPU, the first or the second of those it may use. The scheduler likes
 * to put threads that meet on one, and there they do not race. */
static void use_cpu(int which)
{
    cpu_set_t allowed, chosen;
    int cpu = 0;

    if (!has_several_cpus() || sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    while (!CPU_ISSET(cpu, &allowed) || which-- > 0) {
        cpu++;
    }
    CPU_ZERO(&chosen);
    CPU_SET(cpu, &chosen);
    sched_setaffinity(0, sizeof chosen, &chosen);
}

/* Quiet after each round: a vCPU that executed again would heal what it missed. */
static void race_as_vcpu(void)
{
    unsigned wrong = 0;

    use_cpu(1);
    for (unsigned i = 1;; i++) {
        meet(&race.begun, i);
        if (race.rounds != 0) {
            break;
        }
        pause_for(i % 32);
        atomic_store_explicit(&race.slow_store, i, memory_order_relaxed);
        cpu_exec_start(current_cpu);
        race.inside = 1;
        wrong += race.left != race.right;
        pause_for(i % 8 * 64);
        wrong += race.left != race.right;
        race.inside = 0;
        atomic_store_explicit(&race.slow_store, 0, memory_order_relaxed);
        cpu_exec_end(current_cpu);
        atomic_store_explicit(&race.ended, i, memory_order_release);
    }
    atomic_fetch_add(&race.wrong, wrong);
}

static void begin_round(unsigned i)
{
    atomic_load_explicit(&race.slow_store, memory_order_relaxed);
    atomic_store_explicit(&race.begun, i, memory_order_release);
    pause_for(i * 37 % 1024);
    atomic_load_explicit(&race.slow_store, memory_order_relaxed);
}

static void end_races(unsigned rounds)
{
    race.rounds = rounds;
    atomic_store_explicit(&race.begun, rounds, memory_order_release);
}

/* One that misses the other: both are inside at once, or the starter waits for ever. */
START_TEST(a_vcpu_and_a_starter_that_race_do_not_miss_one_another)
{
    int64_t end_ns = now_ns() + 1500 * MS_NS;
    unsigned i, wrong = 0;

    begin_test(1, 0);
    begin(&vcpus[0], race_as_vcpu);
    use_cpu(0);
    for (i = 1; i <= RACE_ROUNDS && now_ns() < end_ns; i++) {
        begin_round(i);
        start_exclusive();
        wrong += race.inside;
        race.left++;
        pause_for(i % 64);
        wrong += race.inside;
        race.right++;
        end_exclusive();
        meet(&race.ended, i);
    }
    end_races(i);
    finish(&vcpus[0]);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(atomic_load(&race.wrong), 0);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, i - 1);
    end_test(1, 0);
}
END_TEST

static atomic_bool stop;
static atomic_uint executions;

static bool goes_on(void)
{
    return !atomic_load_explicit(&stop, memory_order_relaxed);
}

static void execute_again_and_again(void)
{
    while (goes_on()) {
        cpu_exec_start(current_cpu);
        atomic_fetch_add_explicit(&executions, 1, memory_order_relaxed);
        cpu_exec_end(current_cpu);
    }
}

/* On one CPU nothing but a preemption at the right moment leads there. */
START_TEST(races_reach_vcpus_that_are_counted_as_they_start)
{
    begin_test(1, 0);
    begin(&vcpus[0], execute_again_and_again);
    while (has_several_cpus() && vcpu_stats_now().exec_counted < 10) {
        start_exclusive();
        end_exclusive();
    }
    atomic_store(&stop, true);
    finish(&vcpus[0]);
    end_test(1, 0);
}
END_TEST

/* ---- several sections ---- */

START_TEST(sections_nest)
{
    begin_test(1, 0);
    for (int i = 0; i < 3; i++) {
        start_exclusive();
    }
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
    for (int i = 1; i < STARTERS; i++) {
        begin_and_wait_for_turn(&starters[(_i + i) % STARTERS], come_in_section);
    }
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
        for (int i = 0; i < 3; i++) {
            begin_and_wait_for_turn(&starters[(i + round) % 3], come_in_section);
        }
        end_exclusive();
        for (int i = 0; i < 3; i++) {
            finish(&starters[(i + round) % 3]);
        }
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(place_of(&starters[(i + round) % 3]), i);
        }
    }
    ck_assert_uint_eq(vcpu_stats_now().exclusive_handed, 9);
    end_test(0, 3);
}
END_TEST

/* starters[0] to [2] are a row, as the others asked during the section of [0]; [3] asks during the
 * section of [1], when vCPUs wait. */
START_TEST(vcpus_that_wait_go_before_a_section_that_was_asked_for_later)
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
    make(&starters[2], section_end);
    finish(&starters[3]);
    ck_assert_uint_eq(place_of(&starters[3]), 2);
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

/* The vCPU that was let in hands over to starters[0], which takes long to wake up, and asks right
 * after. */
START_TEST(a_section_that_a_vcpu_has_handed_over_to_is_not_overtaken)
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
        ck_assert_int_eq(atomic_load(&who_came[0]), vcpus[0].thread_id);
        ck_assert_int_eq(atomic_load(&who_came[1]), starters[0].thread_id);
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

START_TEST(a_looping_starter_does_not_starve_vcpus)
{
    begin_test(VCPUS, 0);
    start_exclusive();
    for (int round = 1; round <= 20; round++) {
        atomic_store(&came, 0);
        for (int i = 0; i < VCPUS; i++) {
            begin_and_wait_to_execute(&vcpus[i], come_in_execution);
        }
        end_exclusive();
        start_exclusive();
        ck_assert_int_eq(atomic_load(&came), VCPUS);
        for (int i = 0; i < VCPUS; i++) {
            finish(&vcpus[i]);
        }
    }
    end_exclusive();
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 21);
    end_test(VCPUS, 0);
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
    for (int i = 0; i < STARTERS; i++) {
        begin(&starters[i], start_sections_again_and_again);
    }
    begin(&vcpus[0], execute_again_and_again);
    UNTIL(atomic_load(&executions) >= 100 && vcpu_stats_now().exec_waits >= 10);
    atomic_store(&stop, true);
    finish(&vcpus[0]);
    for (int i = 0; i < STARTERS; i++) {
        finish(&starters[i]);
    }
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
    for (int i = 0; i < VCPUS; i++) {
        begin(&vcpus[i], execute_again_and_again);
    }
    begin(&starters[0], start_a_hundred_sections);
    make(&starters[1], start_a_hundred_sections);
    finish(&starters[0]);
    atomic_store(&stop, true);
    for (int i = 0; i < VCPUS; i++) {
        finish(&vcpus[i]);
    }
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

/* ---- plain data under stress ---- */

#define LIVES    20
#define SECTIONS 300

/* A vCPU that comes and goes; its memory is freed after a grace period, and filled. */
struct guest {
    struct vcpu cpu;
    struct rcu_head head;
};

/* Plain: a race unless exclusive sections order it. */
static struct {
    struct slot {
        _Alignas(64) unsigned inside, executions;
    } slots[VCPUS];
    _Alignas(64) unsigned left, right, sections;
    atomic_uint wrong, finished;
} data;

static atomic_uint next_slot;

static void free_guest(struct rcu_head *head)
{
    struct guest *g = (struct guest *)((char *)head - offsetof(struct guest, head));

    vcpu_destroy(&g->cpu);
    memset(g, 0x5a, sizeof *g);
    free(g);
}

static void execute_on_data(struct slot *own, unsigned i)
{
    cpu_exec_start(current_cpu);
    own->inside = 1;
    atomic_fetch_add_explicit(&data.wrong, data.left != data.right, memory_order_relaxed);
    pause_for(i % 64);
    atomic_fetch_add_explicit(&data.wrong, data.left != data.right, memory_order_relaxed);
    own->executions++;
    own->inside = 0;
    cpu_exec_end(current_cpu);
}

static void live_and_live_again(void)
{
    struct slot *own = &data.slots[atomic_fetch_add(&next_slot, 1)];

    rcu_register_thread();
    for (unsigned life = 0; goes_on() || life < LIVES; life++) {
        struct guest *g = aligned_alloc(RCU_CACHE_LINE, sizeof *g);

        if (g == NULL) {
            abort();
        }
        vcpu_init(&g->cpu, NULL);
        if (vcpu_add(&g->cpu) != 0) {
            abort();
        }
        vcpu_attach(&g->cpu);
        for (unsigned i = 0; i < 100; i++) {
            execute_on_data(own, i);
            if (cpu_exit_requested(&g->cpu)) {
                process_cpu_events(&g->cpu);
            }
        }
        vcpu_detach(&g->cpu);
        vcpu_remove(&g->cpu);
        call_rcu(&g->head, free_guest);
    }
    rcu_unregister_thread();
}

static void change_data_in_sections(void)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        unsigned wrong = 0;

        start_exclusive();
        for (int slot = 0; slot < VCPUS; slot++) {
            wrong += data.slots[slot].inside;
        }
        data.left++;
        pause_for(i % 64);
        for (int slot = 0; slot < VCPUS; slot++) {
            wrong += data.slots[slot].inside;
        }
        data.right++;
        data.sections++;
        end_exclusive();
        atomic_fetch_add_explicit(&data.wrong, wrong, memory_order_relaxed);
        if (i % 32 == 0) {
            sched_yield();
        }
    }
}

START_TEST(sections_and_vcpus_that_come_and_go_exclude_one_another)
{
    struct vcpu_stats s;

    for (int i = 0; i < VCPUS; i++) {
        hire(&vcpus[i]);
        hire(&starters[i]);
        begin(&vcpus[i], live_and_live_again);
    }
    /* Until it has been a race. */
    do {
        for (int i = 0; i < 3; i++) {
            begin(&starters[i], change_data_in_sections);
        }
        for (int i = 0; i < 3; i++) {
            finish(&starters[i]);
        }
        s = vcpu_stats_now();
    } while (s.exclusive_waited < 10 || s.exec_waits < 10 || s.exclusive_handed < 10);
    atomic_store(&stop, true);
    for (int i = 0; i < VCPUS; i++) {
        finish(&vcpus[i]);
        dismiss(&vcpus[i]);
        dismiss(&starters[i]);
    }
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&data.wrong), 0);
    ck_assert_uint_eq(data.left, s.exclusive_sections);
    ck_assert_uint_eq(data.sections, s.exclusive_sections);
    ck_assert_uint_eq(s.exclusive_sections % (3 * SECTIONS), 0);
    for (int i = 0; i < VCPUS; i++) {
        ck_assert_uint_ge(data.slots[i].executions, LIVES * 100);
    }
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
    for (int i = 0; i < 3; i++) {
        the_wait();
    }
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

/* ---- misuse ---- */

static struct vcpu own_cpu; /* of the test's thread, and so of its child's */

static void become_own_vcpu(void)
{
    add_vcpu(&own_cpu);
    vcpu_to_be = &own_cpu;
    become_vcpu();
}

/* The numbers are the lines of the last statements: the messages name them. */
static void start_while_it_executes(void)
{
    cpu_exec_start(&own_cpu);
    start_exclusive();
}
enum { START_WHILE_IT_EXECUTES = __LINE__ - 2 };

START_TEST(a_section_asked_for_by_the_vcpu_that_executes_is_diagnosed)
{
    char text[200];

    become_own_vcpu();
    snprintf(text, sizeof text,
             "start_exclusive() at %s:%d between cpu_exec_start() and cpu_exec_end() of the same "
             "thread",
             __FILE__, START_WHILE_IT_EXECUTES);
    dies_saying(start_while_it_executes, text);
}
END_TEST

static void start_in_read_section(void)
{
    rcu_read_lock();
    start_exclusive();
}
enum { START_IN_READ_SECTION = __LINE__ - 2 };

START_TEST(a_section_asked_for_inside_a_read_section_is_diagnosed)
{
    char text[200];

    rcu_register_thread();
    snprintf(text, sizeof text, "start_exclusive() at %s:%d inside a read section", __FILE__,
             START_IN_READ_SECTION);
    dies_saying(start_in_read_section, text);
}
END_TEST

static void start_in_online_read_section(void)
{
    rcu_thread_online();
    start_in_read_section();
}

START_TEST(so_it_is_inside_the_read_section_of_an_online_thread)
{
    rcu_register_thread();
    dies_saying(start_in_online_read_section, "inside a read section");
}
END_TEST

START_TEST(an_end_without_a_start_is_diagnosed)
{
    static const char text[] = "end_exclusive() without start_exclusive() in this thread";

    dies_saying(end_exclusive, text);
    start_exclusive();
    end_exclusive();
    dies_saying(end_exclusive, text);
    begin_test(0, 1);
    make(&starters[0], section_start);
    dies_saying(end_exclusive, text);
    make(&starters[0], section_end);
    end_test(0, 1);
}
END_TEST

static void execute_in_section(void)
{
    start_exclusive();
    cpu_exec_start(&own_cpu);
}

START_TEST(an_execution_in_an_exclusive_section_of_the_same_thread_is_diagnosed)
{
    become_own_vcpu();
    dies_saying(execute_in_section, "cpu_exec_start() in an exclusive section of the same thread");
}
END_TEST

/* What a vCPU must not do is diagnosed where it would wait; that is the loop's first way. In a
 * build with DEBUG=1 it is diagnosed at once. */
#ifdef STILLPOINT_DEBUG
#define MISUSE_WAYS 2
#else
#define MISUSE_WAYS 1
#endif

static void execution_dies_saying(int way, void (*execution)(void), const char *text)
{
    begin_test(0, 1);
    if (way == 0) {
        make(&starters[0], section_start);
    }
    dies_saying(execution, text);
    if (way == 0) {
        make(&starters[0], section_end);
    }
    end_test(0, 1);
}

static void execute_in_read_section(void)
{
    become_own_vcpu();
    rcu_read_lock();
    cpu_exec_start(&own_cpu);
}

START_TEST(an_execution_inside_a_read_section_is_diagnosed)
{
    execution_dies_saying(_i, execute_in_read_section, "cpu_exec_start() inside a read section");
}
END_TEST

static void execute_without_attaching(void)
{
    struct vcpu other;

    add_vcpu(&other);
    become_own_vcpu();
    cpu_exec_start(&other);
}

START_TEST(an_execution_by_a_thread_that_is_not_the_vcpus_is_diagnosed)
{
    execution_dies_saying(_i, execute_without_attaching,
                          "cpu_exec_start() of vCPU 0 by a thread that is not its own; call "
                          "vcpu_attach() first");
}
END_TEST

#ifdef STILLPOINT_DEBUG
static void execute_twice(void)
{
    become_own_vcpu();
    cpu_exec_start(&own_cpu);
    cpu_exec_start(&own_cpu);
}

START_TEST(an_execution_in_an_execution_is_diagnosed)
{
    dies_saying(execute_twice, "cpu_exec_start() of vCPU 0, which executes already");
}
END_TEST
#endif

/* ---- the suite ---- */

static Suite *exclusive_suite(void)
{
    Suite *suite = suite_create("exclusive");
    TCase *one = add_case(suite, "vCPUs and a section"), *races = add_case(suite, "races"),
          *several = add_case(suite, "several sections"), *plug = add_case(suite, "hot-plug"),
          *rcu = add_case(suite, "grace periods"), *misuse = add_case(suite, "misuse");

    tcase_add_test(one, a_section_begins_when_the_executing_vcpu_has_left);
    tcase_add_test(one, a_vcpu_that_executes_is_asked_to_leave_and_no_other);
    tcase_add_test(one, a_section_does_not_wait_for_vcpus_that_do_not_execute);
    tcase_add_loop_test(one, a_section_waits_for_each_of_several_vcpus, 0, VCPUS);
    tcase_add_test(one, a_vcpu_that_starts_in_a_section_waits_until_it_is_over);
    tcase_add_test(one, a_vcpu_that_starts_while_a_section_is_asked_for_waits);
    tcase_add_test(one, a_vcpu_may_execute_again_and_again_after_a_section);

    tcase_add_test(races, a_vcpu_that_is_counted_as_it_starts_goes_on);
    tcase_add_test(races, a_vcpu_that_finds_the_section_over_goes_on);
    tcase_add_test(races, a_vcpu_that_left_uncounted_does_not_count_itself_out);
    tcase_add_test(races, a_vcpu_counts_itself_out_once);
    tcase_add_test(races, a_vcpu_and_a_starter_that_race_do_not_miss_one_another);
    tcase_add_test(races, races_reach_vcpus_that_are_counted_as_they_start);
    tcase_add_test(races, sections_and_vcpus_that_come_and_go_exclude_one_another);

    tcase_add_test(several, sections_nest);
    tcase_add_test(several, a_section_is_of_the_calling_thread);
    tcase_add_test(several, a_second_section_waits_for_the_end_of_the_first);
    tcase_add_loop_test(several, sections_are_served_in_the_order_of_asking_while_vcpus_stay_out, 0,
                        STARTERS);
    tcase_add_test(several, sections_queue_up_again_after_all_were_served);
    tcase_add_test(several, vcpus_that_wait_go_before_a_section_that_was_asked_for_later);
    tcase_add_test(several, a_section_that_a_vcpu_has_handed_over_to_is_not_overtaken);
    tcase_add_test(several,
                   a_section_asked_for_later_is_served_in_the_same_row_while_no_vcpu_waits);
    tcase_add_test(several, a_looping_starter_does_not_starve_vcpus);
    tcase_add_test(several, looping_starters_do_not_starve_a_vcpu);
    tcase_add_test(several, looping_vcpus_do_not_starve_starters);
    tcase_add_test(several, a_vcpus_thread_may_start_a_section_while_it_does_not_execute);

    tcase_add_test(plug, a_vcpu_added_in_a_section_stays_out_until_it_ends);
    tcase_add_test(plug, a_vcpu_added_while_a_section_waits_stays_out_and_is_not_waited_for);
    tcase_add_test(plug, vcpus_may_be_removed_while_a_section_waits_and_while_it_is_on);
    tcase_add_test(plug, a_vcpu_removed_is_not_waited_for);

    tcase_add_loop_test(rcu, a_grace_period_in_a_section_ends_while_a_vcpu_waits, 0, 2 * WAYS);
    tcase_add_loop_test(rcu, an_online_vcpu_that_was_let_in_holds_up_grace_periods, 0, POLICIES);
    tcase_add_loop_test(rcu, online_threads_that_wait_for_a_section_do_not_hold_up_grace_periods, 0,
                        WAYS);

    tcase_add_test(misuse, a_section_asked_for_by_the_vcpu_that_executes_is_diagnosed);
    tcase_add_test(misuse, a_section_asked_for_inside_a_read_section_is_diagnosed);
    tcase_add_test(misuse, so_it_is_inside_the_read_section_of_an_online_thread);
    tcase_add_test(misuse, an_end_without_a_start_is_diagnosed);
    tcase_add_test(misuse, an_execution_in_an_exclusive_section_of_the_same_thread_is_diagnosed);
    tcase_add_loop_test(misuse, an_execution_inside_a_read_section_is_diagnosed, 0, MISUSE_WAYS);
    tcase_add_loop_test(misuse, an_execution_by_a_thread_that_is_not_the_vcpus_is_diagnosed, 0,
                        MISUSE_WAYS);
#ifdef STILLPOINT_DEBUG
    tcase_add_test(misuse, an_execution_in_an_execution_is_diagnosed);
#endif
    return suite;
}

int main(void)
{
    return run_suite(exclusive_suite());
}
