/* Work: what stillpoint/vcpu_work.h promises when vCPUs ask vCPUs for it, and serve others while
 * they wait. */
/* Left out of TWO_PHASE FENCE: queues and vCPUs wait for one another, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "guests.h"

#include <check.h>

#define CYCLE_ROUNDS 30
static atomic_uint arrived;
static unsigned cycle;

/* All of the cycle are in their work, but for those that share a thread, before any asks the
 * next. */
static void call_next(struct vcpu *cpu, void *data)
{
    unsigned self = (unsigned)(unsigned long)data;
    unsigned long all = (atomic_fetch_add(&arrived, 1) / cycle + 1) * cycle;
    bool held = bql_locked();

    if (!cpu->rr) {
        if (held)
            bql_unlock();
        UNTIL(atomic_load(&arrived) >= all);
        if (held)
            bql_lock();
    }
    ck_assert_int_eq(run_on_cpu(&cpus[(self + 1) % cycle].vcpu, count_ran, NULL), 0);
    ck_assert_ptr_eq(current_cpu, cpu);
    ck_assert(bql_locked() == held);
}

static void run_cycles(const struct vcpu_accel *accel, unsigned length)
{
    cycle = length;
    begin_cpus(accel, length);
    for (unsigned round = 1; round <= CYCLE_ROUNDS; round++) {
        for (unsigned long i = 0; i < length; i++)
            ck_assert_int_eq(async_run_on_cpu(&cpus[i].vcpu, call_next, (void *)i), 0);
        UNTIL(atomic_load(&ran) == round * length);
    }
    end_cpus(length);
}

START_TEST(two_vcpus_that_run_on_one_another_both_finish)
{
    run_cycles(the_accel, 2);
}
END_TEST

START_TEST(three_vcpus_that_run_on_the_next_all_finish)
{
    run_cycles(the_accel, 3);
}
END_TEST

static void queue_safe_work(struct vcpu *cpu, void *data)
{
    struct vcpu *other = data;

    ck_assert_int_eq(async_safe_run_on_cpu(other, count_ran, NULL), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(cpu, count_ran, NULL), 0);
    ck_assert_int_eq(async_run_on_cpu(other, count_ran, NULL), 0);
}

START_TEST(work_may_queue_safe_work_for_others_and_itself)
{
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < 20; i++) {
        struct vcpu *cpu = &cpus[i % CPUS].vcpu, *other = &cpus[(i + 1) % CPUS].vcpu;

        ck_assert_int_eq(i % 2 == 0 ? async_run_on_cpu(cpu, queue_safe_work, other)
                                    : async_safe_run_on_cpu(cpu, queue_safe_work, other),
                         0);
        UNTIL(atomic_load(&ran) == 3 * (i + 1));
    }
    end_cpus(CPUS);
}
END_TEST

/* The work that it waits for takes the request; the reason came with it. */
static void give_reason_and_see_it_taken(struct vcpu *cpu, void *data)
{
    struct test_cpu *asked = data;
    bool held = bql_locked();

    (void)cpu;
    ask(asked);
    if (held)
        bql_unlock();
    UNTIL(!cpu_exit_requested(&asked->vcpu));
    if (held)
        bql_lock();
}

static void call_helper_once(struct vcpu *cpu)
{
    if (atomic_fetch_add(&arrived, 1) == 0) {
        ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, give_reason_and_see_it_taken, test_cpu_of(cpu)),
                         0);
    }
}

/* In events(), which has read the reasons by then. */
START_TEST(a_reason_that_comes_while_events_waits_for_work_is_acted_on)
{
    plug(&cpus[2], &vcpu_accel_threads);
    start(&cpus[2]);
    cpus[0].on_events = call_helper_once;
    atomic_store(&cpus[0].halted, true);
    begin_cpus(the_accel, 1);
    UNTIL(has_acted(&cpus[0], 1));
    end_cpus(1);
    unplug(&cpus[2]);
}
END_TEST

static void wait_for_the_gate(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    ck_assert_int_eq(run_on_cpu(&cpus[1].vcpu, wait_at_gate, NULL), 0);
    atomic_fetch_add(&ran, 1);
}

static void wait_shortly(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, count_ran, NULL), 0);
}

/* The inner wait leaves a request for whoever looks next; the outer one must not sleep on it. */
START_TEST(a_vcpu_serves_all_that_comes_after_a_wait_within_a_wait)
{
    for (unsigned i = 1; i < CPUS; i++) {
        plug(&cpus[i], &vcpu_accel_threads);
        start(&cpus[i]);
    }
    begin_cpus(the_accel, 1);
    for (unsigned i = 0; i < 10; i++) {
        atomic_store(&gate, false);
        atomic_store(&ran, 0);
        ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_for_the_gate, NULL), 0);
        UNTIL(atomic_load(&ran) == 1);
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, wait_shortly, NULL), 0);
        UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
        ck_assert_uint_eq(atomic_load(&ran), 3);
        atomic_store(&gate, true);
        UNTIL(atomic_load(&ran) == 4);
    }
    end_cpus(1);
    unplug(&cpus[1]);
    unplug(&cpus[2]);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("vcpu work calls");
    TCase *c = add_case(suite, "running");

    tcase_add_loop_test(c, two_vcpus_that_run_on_one_another_both_finish, 0, ACCELS);
    tcase_add_loop_test(c, three_vcpus_that_run_on_the_next_all_finish, 0, ACCELS);
    tcase_add_loop_test(c, work_may_queue_safe_work_for_others_and_itself, 0, ACCELS);
    tcase_add_loop_test(c, a_reason_that_comes_while_events_waits_for_work_is_acted_on, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_serves_all_that_comes_after_a_wait_within_a_wait, 0, ACCELS);
    return run_suite(suite);
}
