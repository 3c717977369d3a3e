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

/* What the third vCPU is doing while the work of the first calls it, if it does. */
enum neighbour { NOT_STARTED, RUNS, IS_UNPLUGGED };

/* It has counted itself as stopped while it waited; what it waits for ends before the pause has
 * begun. */
static void stay_stopped(const struct vcpu_accel *accel, vcpu_work_func *work, void *data,
                         enum neighbour neighbour)
{
    struct test_cpu *helper = &cpus[1];
    struct actor pauser;

    if (accel->shares)
        begin_rr(MS_NS);
    hire(&pauser);
    plug(helper, &vcpu_accel_threads);
    start(helper);
    plug(&cpus[2], accel);
    if (neighbour != NOT_STARTED)
        start(&cpus[2]);
    plug(&cpus[0], accel);
    start(&cpus[0]);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, work, data), 0);
    UNTIL(atomic_load(&ran) == 1);
    begin(&pauser, pause_and_look);
    UNTIL(atomic_load(&cpus[0].vcpu.stop) && !cpu_exit_requested(&cpus[0].vcpu));
    UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
    ck_assert(is_busy(&pauser));
    if (neighbour == IS_UNPLUGGED)
        vcpu_unplug(&cpus[2].vcpu);
    atomic_store(&gate, true);
    finish(&pauser);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    dismiss(&pauser);
    unplug(helper);
    unplug(&cpus[0]);
    cpus[2].has_ended = neighbour == NOT_STARTED;
    unplug(&cpus[2]);
    if (accel->shares)
        end_rr();
}

START_TEST(a_vcpu_that_stops_while_it_waits_for_work_stays_stopped)
{
    stay_stopped(the_accel, call_and_move, &cpus[1].vcpu, NOT_STARTED);
}
END_TEST

static void call_another_that_calls(struct vcpu *cpu, void *data)
{
    (void)cpu;
    ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, call_and_move, data), 0);
}

/* The work is that of one which the thread is to run, and does not yet; or does; or which ends. */
START_TEST(it_stays_stopped_in_the_work_of_another_of_its_thread_too)
{
    stay_stopped(&vcpu_accel_rr, call_another_that_calls, &cpus[1].vcpu, (enum neighbour)_i);
}
END_TEST

static void call_first_and_move(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_store(&gate, true);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
}

/* One that ends runs its work in the pause. What that calls of another, whose thread it shares, is
 * work of one that is paused. */
START_TEST(work_of_one_that_ends_does_not_call_a_paused_one_of_its_thread)
{
    begin_rr(MS_NS);
    for (unsigned i = 0; i < 2; i++) {
        plug(&cpus[i], &vcpu_accel_rr);
        start(&cpus[i]);
    }
    make_act(&cpus[1]);
    pause_all_vcpus();
    ck_assert_int_eq(async_run_on_cpu(&cpus[1].vcpu, call_first_and_move, NULL), 0);
    vcpu_unplug(&cpus[1].vcpu);
    UNTIL(atomic_load(&gate));
    let_others_run();
    ck_assert_uint_eq(atomic_load(&ran), 0);
    /* It is served meanwhile. */
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    resume_all_vcpus();
    UNTIL(atomic_load(&ran) == 2);
    unplug(&cpus[0]);
    unplug(&cpus[1]);
    end_rr();
}
END_TEST

static void call_the_second(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    ck_assert_int_eq(run_on_cpu(&cpus[1].vcpu, count_ran, NULL), 0);
}

/* The pauser waits for it, whichever thread the other's is. */
START_TEST(work_that_the_pausing_thread_waits_for_may_call_paused_vcpus)
{
    begin_running_cpus(the_accel);
    pause_all_vcpus();
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, call_the_second, NULL), 0);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    resume_all_vcpus();
    end_cpus(CPUS);
}
END_TEST

static void pause_only(void)
{
    pause_all_vcpus();
}

static void call_first(void)
{
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve, (void *)1), 0);
}

/* Its caller's pause has been ended by another thread meanwhile: it waits as any work does. */
START_TEST(work_of_a_pausing_thread_does_not_run_in_the_pause_after_its_own)
{
    struct actor caller, pauser;

    begin_running_cpus(the_accel);
    hire(&caller);
    hire(&pauser);
    make(&caller, pause_only);
    /* Queued before the caller's, it comes first, and keeps the vCPU busy. */
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_at_gate, NULL), 0);
    begin(&caller, call_first);
    UNTIL(atomic_load(&ran) == 1);
    UNTIL(last_work_of(&cpus[0].vcpu) != &cpus[0].vcpu.work_first);
    resume_all_vcpus();
    begin(&pauser, pause_only);
    UNTIL(atomic_load(&cpus[0].vcpu.stop));
    atomic_store(&gate, true);
    finish(&pauser);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 0);
    ck_assert(is_busy(&caller));
    resume_all_vcpus();
    finish(&caller);
    ck_assert_uint_eq(atomic_load(&served_count), 1);
    dismiss(&caller);
    dismiss(&pauser);
    end_cpus(CPUS);
}
END_TEST

/* ---- vCPUs that never ran ---- */

static struct test_cpu *const never_ran = &cpus[2];

static void remove_it(void)
{
    vcpu_remove(&never_ran->vcpu);
}

static atomic_bool removes;

static void remove_it_as_work(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_store(&removes, true);
    remove_it();
}

static void plug_with_work(const struct vcpu_accel *accel, unsigned items)
{
    plug(never_ran, accel);
    for (unsigned long i = 1; i <= items; i++)
        ck_assert_int_eq(async_run_on_cpu(&never_ran->vcpu, serve, (void *)i), 0);
}

START_TEST(the_work_of_one_that_never_ran_waits_for_the_resume)
{
    struct actor remover;

    if (the_accel->shares)
        begin_rr(MS_NS);
    hire(&remover);
    plug_with_work(the_accel, 2);
    pause_all_vcpus();
    begin(&remover, remove_it);
    wait_until_asleep(&remover);
    ck_assert_uint_eq(atomic_load(&served_count), 0);
    /* The pauser's own is run, behind what was queued before. */
    ck_assert_int_eq(run_on_cpu(&never_ran->vcpu, serve, (void *)3), 0);
    ck_assert_uint_eq(atomic_load(&served_count), 3);
    ck_assert_int_eq(async_run_on_cpu(&never_ran->vcpu, serve, (void *)4), 0);
    let_others_run();
    ck_assert(is_busy(&remover));
    ck_assert_uint_eq(atomic_load(&served_count), 3);
    resume_all_vcpus();
    finish(&remover);
    ck_assert_uint_eq(atomic_load(&served_count), 4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(served[i], i + 1);
    vcpu_destroy(&never_ran->vcpu);
    dismiss(&remover);
    if (the_accel->shares)
        end_rr();
}
END_TEST

static void pause_then_resume(void)
{
    pause_all_vcpus();
    if (atomic_load(&served_count) > 0)
        atomic_fetch_add(&moved_in_pause, 1);
    resume_all_vcpus();
}

static void remove_with_gate(void)
{
    ck_assert_int_eq(async_run_on_cpu(&never_ran->vcpu, wait_at_gate, NULL), 0);
    ck_assert_int_eq(async_run_on_cpu(&never_ran->vcpu, serve, (void *)1), 0);
    remove_it();
}

/* It is in the middle of an item when the pause is requested: as any vCPU. */
START_TEST(a_pause_waits_for_work_of_one_that_never_ran)
{
    struct actor remover, pauser;

    hire(&remover);
    hire(&pauser);
    plug(never_ran, &vcpu_accel_threads);
    begin(&remover, remove_with_gate);
    UNTIL(atomic_load(&ran) == 1);
    begin(&pauser, pause_then_resume);
    UNTIL(atomic_load(&never_ran->vcpu.stop));
    let_others_run();
    ck_assert(is_busy(&pauser));
    atomic_store(&gate, true);
    finish(&pauser);
    finish(&remover);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    ck_assert_uint_eq(atomic_load(&served_count), 1);
    vcpu_destroy(&never_ran->vcpu);
    dismiss(&pauser);
    dismiss(&remover);
}
END_TEST

START_TEST(the_pausing_thread_removes_one_that_never_ran_at_once)
{
    plug_with_work(&vcpu_accel_threads, 2);
    pause_all_vcpus();
    remove_it();
    ck_assert_uint_eq(atomic_load(&served_count), 2);
    resume_all_vcpus();
    vcpu_destroy(&never_ran->vcpu);
}
END_TEST

/* By one that is unplugged as well, and ends in the pause otherwise. */
START_TEST(the_work_of_one_that_a_vcpu_removes_waits_for_the_resume)
{
    const struct vcpu_accel *accel = plain_accel(_i / 2);

    begin_cpus(accel, 1);
    make_act(&cpus[0]);
    plug_with_work(&vcpu_accel_threads, 2);
    pause_all_vcpus();
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, remove_it_as_work, NULL), 0);
    if (_i % 2 == 1) {
        vcpu_unplug(&cpus[0].vcpu);
        UNTIL(atomic_load(&removes));
    }
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 0);
    resume_all_vcpus();
    UNTIL(atomic_load(&served_count) == 2);
    end_cpus(1);
    vcpu_destroy(&never_ran->vcpu);
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
    tcase_add_loop_test(c, it_stays_stopped_in_the_work_of_another_of_its_thread_too, NOT_STARTED,
                        IS_UNPLUGGED + 1);
    tcase_add_test(c, work_of_one_that_ends_does_not_call_a_paused_one_of_its_thread);
    tcase_add_loop_test(c, work_that_the_pausing_thread_waits_for_may_call_paused_vcpus, 0, ACCELS);
    tcase_add_loop_test(c, work_of_a_pausing_thread_does_not_run_in_the_pause_after_its_own, 0,
                        ACCELS);
    c = add_case(suite, "never ran");
    tcase_add_loop_test(c, the_work_of_one_that_never_ran_waits_for_the_resume, 0, ACCELS);
    tcase_add_test(c, a_pause_waits_for_work_of_one_that_never_ran);
    tcase_add_test(c, the_pausing_thread_removes_one_that_never_ran_at_once);
    tcase_add_loop_test(c, the_work_of_one_that_a_vcpu_removes_waits_for_the_resume, 0, 2 * ACCELS);
    return run_suite(suite);
}
