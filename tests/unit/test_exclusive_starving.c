/* Exclusive sections: that nobody starves, of vCPUs and starters that go on for ever. */
/* Left out of TWO_PHASE: sections wait for vCPUs, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "sections.h"

#include <check.h>

static void execute_once(void)
{
    cpu_exec_start(current_cpu);
    atomic_fetch_add(&executions, 1);
    cpu_exec_end(current_cpu);
}

START_TEST(a_looping_starter_does_not_starve_vcpus)
{
    begin_test(VCPUS, 0);
    start_exclusive();
    for (int round = 1; round <= 20; round++) {
        atomic_store(&executions, 0);
        for (int i = 0; i < VCPUS; i++)
            begin_and_wait_to_execute(&vcpus[i], execute_once);
        while (atomic_load(&executions) < VCPUS) {
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

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("exclusive sections and starving");
    TCase *c = add_case(suite, "nobody starves");

    tcase_add_test(c, a_looping_starter_does_not_starve_vcpus);
    tcase_add_test(c, many_vcpus_execute_about_as_often_as_one_another);
    tcase_add_test(c, a_vcpu_that_is_overtaken_again_and_again_has_the_door_opened_for_it);
    tcase_add_test(c, two_looping_starters_alternate);
    tcase_add_test(c, looping_starters_do_not_starve_a_vcpu);
    tcase_add_test(c, looping_vcpus_do_not_starve_starters);
    return run_suite(suite);
}
