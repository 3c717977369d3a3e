/* Exclusive sections: that what stillpoint/exclusive.h promises holds at the moments in which a
 * vCPU and a starter meet, and under stress. */
/* Left out of TWO_PHASE: sections wait for vCPUs, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "sections.h"

#include <check.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the tests have in common ---- */

static void pause_for(unsigned turns)
{
    for (; turns > 0; turns--)
        atomic_signal_fence(memory_order_seq_cst);
}

/* A meeting of two threads: fast where each has a CPU, possible where they share one. */
static void meet(atomic_uint *word, unsigned value)
{
    for (unsigned i = 1; atomic_load_explicit(word, memory_order_acquire) != value; i++)
        if (i % 256 == 0)
            sched_yield();
}

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

    if (!has_several_cpus() || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    while (!CPU_ISSET(cpu, &allowed) || which-- > 0)
        cpu++;
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
        if (race.rounds != 0)
            break;
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
        /* Now and then for so long that fences are light in the next round. */
        for (unsigned quiet = 0; i % 64 == 0 && quiet <= EXCLUSIVE_QUIET; quiet++) {
            cpu_exec_start(current_cpu);
            cpu_exec_end(current_cpu);
        }
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
    int64_t end_ns = search_end_ns(1500);
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

static atomic_uint passed;

static void pass_a_section(void)
{
    use_cpu(1);
    start_exclusive();
    atomic_fetch_add(&passed, 1);
    end_exclusive();
}

/* The other starter has asked, and is yet to wake up when the lock is free and this one asks
 * again. */
START_TEST(a_section_that_waits_for_the_lock_is_not_overtaken)
{
    begin_test(0, 1);
    use_cpu(0);
    for (unsigned round = 1; round <= 50; round++) {
        start_exclusive();
        platform_mutex_lock(&vcpu_lock);
        begin(&starters[0], pass_a_section);
        UNTIL(is_asleep(&starters[0]));
        platform_mutex_unlock(&vcpu_lock);
        end_exclusive();
        start_exclusive();
        ck_assert_uint_eq(atomic_load(&passed), round);
        end_exclusive();
        finish(&starters[0]);
    }
    end_test(0, 1);
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

        if (g == NULL)
            abort();
        vcpu_init(&g->cpu, NULL);
        if (vcpu_add(&g->cpu) != 0)
            abort();
        vcpu_attach(&g->cpu);
        for (unsigned i = 0; i < 100; i++) {
            execute_on_data(own, i);
            if (cpu_exit_requested(&g->cpu))
                process_cpu_events(&g->cpu);
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
        for (int slot = 0; slot < VCPUS; slot++)
            wrong += data.slots[slot].inside;
        data.left++;
        pause_for(i % 64);
        for (int slot = 0; slot < VCPUS; slot++)
            wrong += data.slots[slot].inside;
        data.right++;
        data.sections++;
        end_exclusive();
        atomic_fetch_add_explicit(&data.wrong, wrong, memory_order_relaxed);
        if (i % 32 == 0)
            sched_yield();
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
        for (int i = 0; i < 3; i++)
            begin(&starters[i], change_data_in_sections);
        for (int i = 0; i < 3; i++)
            finish(&starters[i]);
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
    for (int i = 0; i < VCPUS; i++)
        ck_assert_uint_ge(data.slots[i].executions, LIVES * 100);
    end_test(0, 0);
}
END_TEST

/* ---- the suite ---- */

static Suite *exclusive_races_suite(void)
{
    Suite *suite = suite_create("exclusive races");
    TCase *races = add_case(suite, "races");

    tcase_add_test(races, a_vcpu_that_is_counted_as_it_starts_goes_on);
    tcase_add_test(races, a_vcpu_that_finds_the_section_over_goes_on);
    tcase_add_test(races, a_vcpu_that_left_uncounted_does_not_count_itself_out);
    tcase_add_test(races, a_vcpu_counts_itself_out_once);
    tcase_add_test(races, a_vcpu_and_a_starter_that_race_do_not_miss_one_another);
    tcase_add_test(races, races_reach_vcpus_that_are_counted_as_they_start);
    tcase_add_test(races, a_section_that_waits_for_the_lock_is_not_overtaken);
    tcase_add_test(races, sections_and_vcpus_that_come_and_go_exclude_one_another);
    return suite;
}

int main(void)
{
    return run_suite(exclusive_races_suite());
}
