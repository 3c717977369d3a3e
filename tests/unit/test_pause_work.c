/* Pauses: what stillpoint/vcpu_work.h promises of work that is queued or waited for meanwhile. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who has the turn or who stands still. */
#include <stillpoint/vcpu.h>

#include "pauses.h"

#include <check.h>

static unsigned served[8];
static atomic_uint served_count;

/* In one vCPU's thread. */
static void serve(struct vcpu *cpu, void *data)
{
    unsigned i = atomic_load(&served_count);

    (void)cpu;
    served[i] = (unsigned)(unsigned long)data;
    atomic_store(&served_count, i + 1);
}

static void call_as_another(void)
{
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve, (void *)2), 0);
}

START_TEST(run_on_cpu_of_the_pausing_thread_runs_at_once_behind_earlier_work)
{
    struct actor another;

    begin_running_cpus(the_accel);
    hire(&another);
    pause_all_vcpus();
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve, (void *)1), 0);
    begin_and_wait_to_queue(&another, call_as_another, &cpus[0].vcpu);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, serve, (void *)3), 0);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 0);
    ck_assert(is_busy(&another));
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve, (void *)4), 0);
    ck_assert_uint_eq(atomic_load(&served_count), 4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(served[i], i + 1);
    finish(&another);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve, (void *)5), 0);
    begin_and_wait_to_queue(&another, call_as_another, &cpus[0].vcpu);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 4);
    ck_assert(is_busy(&another));
    resume_all_vcpus();
    finish(&another);
    ck_assert_uint_eq(atomic_load(&served_count), 6);
    ck_assert_uint_eq(served[4], 5);
    dismiss(&another);
    end_cpus(CPUS);
}
END_TEST

static atomic_bool may_leave;

/* Waits for another vCPU's work, and then moves for as long as it may. */
static void call_and_move(struct vcpu *cpu, void *data)
{
    bool held = bql_locked();

    (void)cpu;
    ck_assert_int_eq(run_on_cpu(data, wait_at_gate, NULL), 0);
    if (held)
        bql_unlock();
    while (!atomic_load(&may_leave)) {
        atomic_fetch_add(&ran, 1);
        sched_yield();
    }
    if (held)
        bql_lock();
}

static void pause_and_look(void)
{
    unsigned long before;

    pause_all_vcpus();
    before = atomic_load(&ran);
    let_others_run();
    if (atomic_load(&ran) != before)
        atomic_fetch_add(&moved_in_pause, 1);
    atomic_store(&may_leave, true);
    resume_all_vcpus();
}

/* It has counted itself as stopped while it waited; what it waits for ends before the pause has
 * begun. */
static void stay_stopped(const struct vcpu_accel *accel, vcpu_work_func *work, void *data)
{
    struct test_cpu *helper = &cpus[1];
    struct actor pauser;

    if (accel->shares)
        begin_rr(MS_NS);
    hire(&pauser);
    plug(helper, &vcpu_accel_threads);
    start(helper);
    plug(&cpus[2], accel); /* not started */
    plug(&cpus[0], accel);
    start(&cpus[0]);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, work, data), 0);
    UNTIL(atomic_load(&ran) == 1);
    begin(&pauser, pause_and_look);
    UNTIL(atomic_load(&cpus[0].vcpu.stop) && !cpu_exit_requested(&cpus[0].vcpu));
    UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
    ck_assert(is_busy(&pauser));
    atomic_store(&gate, true);
    finish(&pauser);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    dismiss(&pauser);
    unplug(helper);
    unplug(&cpus[0]);
    vcpu_remove(&cpus[2].vcpu);
    vcpu_destroy(&cpus[2].vcpu);
    if (accel->shares)
        end_rr();
}

START_TEST(a_vcpu_that_stops_while_it_waits_for_work_stays_stopped)
{
    stay_stopped(the_accel, call_and_move, &cpus[1].vcpu);
}
END_TEST

static void call_another_that_calls(struct vcpu *cpu, void *data)
{
    (void)cpu;
    ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, call_and_move, data), 0);
}

/* The work is that of one which the thread is to run, and does not yet. */
START_TEST(it_stays_stopped_in_the_work_of_another_of_its_thread_too)
{
    stay_stopped(&vcpu_accel_rr, call_another_that_calls, &cpus[1].vcpu);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("pause work");
    TCase *c = add_case(suite, "work");

    tcase_add_loop_test(c, run_on_cpu_of_the_pausing_thread_runs_at_once_behind_earlier_work, 0,
                        ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_stops_while_it_waits_for_work_stays_stopped, 0, ACCELS);
    tcase_add_test(c, it_stays_stopped_in_the_work_of_another_of_its_thread_too);
    return run_suite(suite);
}
