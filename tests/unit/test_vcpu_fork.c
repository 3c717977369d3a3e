/* Fork with vCPUs: what stillpoint/vcpu_fork.h promises of the child. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/vcpu.h>

#include "child.h"
#include "sections.h"

#include <check.h>
#include <errno.h>

/* ---- children ---- */

static struct actor helper;
static struct vcpu fresh; /* of the child's */
static unsigned expected; /* vCPUs that the child keeps */

static void pause_and_resume(void)
{
    pause_all_vcpus();
    resume_all_vcpus();
}

static void start_and_end(void)
{
    start_exclusive();
    end_exclusive();
}

static atomic_bool section_on, went_on;

/* Until a vCPU waits for its end, or goes on, as it must not. */
static void hold_a_section(void)
{
    unsigned long waits = vcpu_stats_now().exec_waits;

    start_exclusive();
    atomic_store(&section_on, true);
    UNTIL(vcpu_stats_now().exec_waits != waits || atomic_load(&went_on));
    atomic_store(&section_on, false);
    end_exclusive();
}

static void execute_after_the_section(void)
{
    atomic_store(&went_on, false);
    begin(&helper, hold_a_section);
    UNTIL(atomic_load(&section_on));
    exec_start();
    ck_assert(!atomic_load(&section_on));
    atomic_store(&went_on, true);
    exec_end();
    finish(&helper);
}

/* All that vCPUs do works in the child: with those that it has and with one that is new. */
static void all_works(void)
{
    ck_assert_uint_eq(vcpu_count(), expected);
    ck_assert_uint_eq(sections_pending(), 0);
    for (int i = 0; i < 10; i++) {
        if (current_cpu) {
            exec_start();
            exec_end();
            process_cpu_events(current_cpu);
        }
        start_and_end();
        pause_and_resume();
    }
    atomic_store(&stop, false);
    hire_vcpu(&helper, &fresh);
    ck_assert_uint_eq(vcpu_count(), expected + 1);
    begin(&helper, execute_again_and_again);
    for (int i = 0; i < 10; i++) {
        unsigned seen = atomic_load(&executions);

        start_and_end();
        UNTIL(atomic_load(&executions) != seen);
    }
    atomic_store(&stop, true);
    finish(&helper);
    for (int i = 0; i < 3 && current_cpu; i++)
        execute_after_the_section();
    ck_assert_uint_eq(sections_pending(), 0);
    dismiss_vcpu(&helper, &fresh);
    rcu_barrier();
}

static void end_section_and_work(void)
{
    vcpu_fork_child();
    ck_assert(in_exclusive_section());
    atomic_store(&section_on, false);
    end_exclusive();
    ck_assert(!in_exclusive_section());
    all_works();
}

static void work_after_fork(void)
{
    vcpu_fork_child();
    all_works();
}

/* ---- in an exclusive section ---- */

static atomic_bool may_fork;

static void fork_in_section(void)
{
    pid_t child;

    start_exclusive();
    atomic_store(&section_on, true);
    UNTIL(atomic_load(&may_fork));
    child = child_of(end_section_and_work);
    atomic_store(&section_on, false);
    end_exclusive();
    succeeds(child);
}

/* Others wait for the section's end: vCPUs that are to execute, and starters. */
START_TEST(the_child_of_a_section_goes_on_while_others_wait)
{
    begin_test(3, 2);
    expected = (unsigned)_i; /* the forking thread runs a vCPU, or none */
    for (int i = 0; i < 5; i++) {
        struct actor *forker = _i ? &vcpus[0] : &starters[0];

        atomic_store(&may_fork, false);
        begin(forker, fork_in_section);
        UNTIL(atomic_load(&section_on));
        begin_and_wait_to_execute(&vcpus[1], exec_start);
        begin_and_wait_to_execute(&vcpus[2], exec_start);
        begin_and_wait_for_turn(&starters[1], start_and_end);
        atomic_store(&may_fork, true);
        finish(forker);
        finish(&vcpus[1]);
        make(&vcpus[1], exec_end);
        finish(&vcpus[2]);
        make(&vcpus[2], exec_end);
        finish(&starters[1]);
    }
    end_test(3, 2);
}
END_TEST

static void fork_again_and_again(void)
{
    for (int i = 0; i < 20; i++)
        fork_in_section();
}

/* Whatever the others are in the middle of, locks included. */
START_TEST(so_it_does_in_the_middle_of_everything)
{
    begin_test(3, 0);
    expected = 1;
    atomic_store(&may_fork, true);
    begin(&vcpus[1], execute_again_and_again);
    begin(&vcpus[2], execute_again_and_again);
    make(&vcpus[0], fork_again_and_again);
    atomic_store(&stop, true);
    finish(&vcpus[1]);
    finish(&vcpus[2]);
    end_test(3, 0);
}
END_TEST

/* ---- outside of one ---- */

static void fork_to_work(void)
{
    succeeds(child_of(work_after_fork));
}

START_TEST(a_section_of_another_thread_is_over_in_the_child)
{
    begin_test(2, 2);
    make(&starters[0], section_start);
    begin_and_wait_to_execute(&vcpus[1], exec_start);
    begin_and_wait_for_turn(&starters[1], start_and_end);
    expected = 1;
    make(&vcpus[0], fork_to_work);
    expected = 0;
    fork_to_work();
    make(&starters[0], section_end);
    finish(&vcpus[1]);
    make(&vcpus[1], exec_end);
    finish(&starters[1]);
    end_test(2, 2);
}
END_TEST

START_TEST(a_section_that_waits_for_the_forking_vcpu_is_over_in_the_child)
{
    begin_test(1, 1);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], start_and_end, 1);
    /* It executes in the child too. */
    expected = 1;
    begin(&vcpus[0], exec_end);
    finish(&vcpus[0]);
    finish(&starters[0]);
    make(&vcpus[0], fork_to_work);
    end_test(1, 1);
}
END_TEST

static void leave_and_work(void)
{
    vcpu_fork_child();
    exec_end();
    all_works();
}

static void fork_while_it_executes(void)
{
    succeeds(child_of(leave_and_work));
}

START_TEST(a_vcpu_that_executes_goes_on_in_the_child)
{
    begin_test(1, 1);
    make(&vcpus[0], exec_start);
    begin_and_wait_for_vcpus(&starters[0], start_and_end, 1);
    expected = 1;
    make(&vcpus[0], fork_while_it_executes);
    make(&vcpus[0], exec_end);
    finish(&starters[0]);
    end_test(1, 1);
}
END_TEST

/* ---- pauses ---- */

static void resume_and_work(void)
{
    vcpu_fork_child();
    resume_all_vcpus();
    all_works();
}

static void fork_in_pause(void)
{
    pid_t child;

    pause_all_vcpus();
    child = child_of(resume_and_work);
    resume_all_vcpus();
    succeeds(child);
}

START_TEST(the_pause_of_the_forking_thread_is_on_in_the_child)
{
    begin_test(1, 0);
    expected = 1;
    make(&vcpus[0], fork_in_pause);
    end_test(1, 0);
    expected = 0;
    fork_in_pause();
}
END_TEST

START_TEST(that_of_another_thread_is_over_there)
{
    struct actor waits;

    begin_test(0, 0);
    hire(&waits);
    pause_all_vcpus();
    begin(&waits, pause_and_resume);
    wait_until_asleep(&waits);
    expected = 0;
    hire(&starters[0]);
    make(&starters[0], fork_to_work);
    dismiss(&starters[0]);
    resume_all_vcpus();
    finish(&waits);
    dismiss(&waits);
}
END_TEST

/* ---- work ---- */

static struct vcpu *target;

static void call_target(void)
{
    run_on_cpu(target, count_ran, NULL);
}

static void work_is_kept(void)
{
    vcpu_fork_child();
    /* The caller's, of the vCPU that stays; and three of the one that does not. */
    ck_assert_uint_eq(vcpu_stats_now().work_dropped, 4);
    ck_assert_int_eq(process_cpu_events(current_cpu), VCPU_READY);
    ck_assert_uint_eq(atomic_load(&ran), 2);
    all_works();
}

static void fork_with_work(void)
{
    succeeds(child_of(work_is_kept));
}

static void serve_own(void)
{
    process_cpu_events(current_cpu);
}

START_TEST(the_child_runs_the_work_of_its_vcpu_that_nobody_waits_for)
{
    begin_test(2, 1);
    target = &cpus[0];
    ck_assert_int_eq(async_run_on_cpu(&cpus[0], count_ran, NULL), 0);
    begin_and_wait_to_queue(&starters[0], call_target, &cpus[0]);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0], count_ran, NULL), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(async_run_on_cpu(&cpus[1], count_ran, NULL), 0);
    expected = 1;
    make(&vcpus[0], fork_with_work);
    ck_assert_uint_eq(vcpu_stats_now().work_dropped, 0);
    make(&vcpus[0], serve_own);
    finish(&starters[0]);
    ck_assert_uint_eq(atomic_load(&ran), 3);
    end_test(2, 1);
}
END_TEST

/* The work of somebody who waits: in the child nobody does. */
static void fork_in_work(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    if (forked())
        vcpu_fork_child();
}

static void call_fork(void)
{
    ck_assert_int_eq(run_on_cpu(target, fork_in_work, NULL), 0);
}

static pid_t parent;

static void serve_fork(void)
{
    process_cpu_events(current_cpu);
    if (getpid() == parent)
        return;
    all_works();
    _exit(EXIT_SUCCESS);
}

START_TEST(work_that_forks_returns_in_the_child_too)
{
    begin_test(1, 1);
    parent = getpid();
    target = &cpus[0];
    expected = 1;
    begin_and_wait_to_queue(&starters[0], call_fork, &cpus[0]);
    make(&vcpus[0], serve_fork);
    finish(&starters[0]);
    end_test(1, 1);
}
END_TEST

/* It waits for another vCPU, and runs its own work meanwhile; that forks. */
static void call_and_expect(void)
{
    int result = run_on_cpu(&cpus[1], count_ran, NULL);

    if (getpid() == parent) {
        ck_assert_int_eq(result, 0);
        return;
    }
    ck_assert_int_eq(result, -ESHUTDOWN);
    all_works();
    _exit(EXIT_SUCCESS);
}

START_TEST(a_wait_for_another_vcpu_is_over_in_the_child)
{
    begin_test(2, 0);
    parent = getpid();
    expected = 1;
    begin_and_wait_to_queue(&vcpus[0], call_and_expect, &cpus[1]);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0], fork_in_work, NULL), 0);
    UNTIL(vcpu_stats_now().work_run == 1);
    make(&vcpus[1], serve_own);
    finish(&vcpus[0]);
    end_test(2, 0);
}
END_TEST

/* ---- who stays, and who does not ---- */

static void use_the_other_again(void)
{
    vcpu_fork_child();
    ck_assert_uint_eq(vcpu_count(), 1);
    ck_assert_ptr_eq(TAILQ_FIRST(&vcpu_list), current_cpu);
    ck_assert_uint_eq(current_cpu->index, 1);
    vcpu_destroy(&cpus[0]);
    add_vcpu(&cpus[0]);
    ck_assert_uint_eq(cpus[0].index, 0);
    ck_assert_uint_eq(vcpu_count(), 2);
    vcpu_remove(&cpus[0]);
    vcpu_destroy(&cpus[0]);
    expected = 1;
    all_works();
}

static void fork_to_use_again(void)
{
    succeeds(child_of(use_the_other_again));
}

START_TEST(the_others_are_out_of_the_list_and_may_be_destroyed)
{
    begin_test(2, 0);
    make(&vcpus[1], fork_to_use_again);
    end_test(2, 0);
}
END_TEST

static void fork_as_kvm(void)
{
    struct vcpu_config config = {.accel = &vcpu_accel_kvm};

    rcu_register_thread();
    vcpu_init(&fresh, &config);
    vcpu_add(&fresh);
    vcpu_attach(&fresh);
    vcpu_fork_child();
}

START_TEST(a_thread_of_kvm_is_refused)
{
    dies_saying(fork_as_kvm, "vcpu_fork_child() in the thread of vCPU 0 of kvm");
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("fork with vCPUs");
    TCase *c = add_case(suite, "sections");

    tcase_add_loop_test(c, the_child_of_a_section_goes_on_while_others_wait, 0, 2);
    tcase_add_test(c, so_it_does_in_the_middle_of_everything);
    tcase_add_test(c, a_section_of_another_thread_is_over_in_the_child);
    tcase_add_test(c, a_section_that_waits_for_the_forking_vcpu_is_over_in_the_child);
    tcase_add_test(c, a_vcpu_that_executes_goes_on_in_the_child);
    c = add_case(suite, "pauses");
    tcase_add_test(c, the_pause_of_the_forking_thread_is_on_in_the_child);
    tcase_add_test(c, that_of_another_thread_is_over_there);
    c = add_case(suite, "work");
    tcase_add_test(c, the_child_runs_the_work_of_its_vcpu_that_nobody_waits_for);
    tcase_add_test(c, work_that_forks_returns_in_the_child_too);
    tcase_add_test(c, a_wait_for_another_vcpu_is_over_in_the_child);
    c = add_case(suite, "who stays");
    tcase_add_test(c, the_others_are_out_of_the_list_and_may_be_destroyed);
    tcase_add_test(c, a_thread_of_kvm_is_refused);
    return run_suite(suite);
}
