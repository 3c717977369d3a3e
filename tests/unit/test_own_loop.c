/* vCPUs whose threads have loops of their own: what stillpoint/vcpu.h promises of vcpu_attach() and
 * vcpu_detach(), and stillpoint/vcpu_kick.h of vcpu_wait_for_kick(). */
#include "vcpus.h"

#include <check.h>

static struct vcpu cpu;
static struct actor a;
static enum vcpu_state found;

static void serve(void)
{
    found = process_cpu_events(&cpu);
}

static void wait_for_a_kick(void)
{
    vcpu_wait_for_kick(&cpu);
}

/* Serves until a pause is on, as a loop would. */
static void serve_until_stopped(void)
{
    while (process_cpu_events(&cpu) != VCPU_STOPPED)
        vcpu_wait_for_kick(&cpu);
}

/* ---- attach and detach ---- */

START_TEST(one_that_is_attached_in_a_pause_is_asked_to_stop)
{
    add_vcpu(&cpu);
    pause_all_vcpus();
    hire_for(&a, &cpu);
    ck_assert(cpu_exit_requested(&cpu));
    make(&a, serve);
    ck_assert_int_eq(found, VCPU_STOPPED);
    begin(&a, wait_for_a_kick);
    UNTIL(is_asleep(&a));
    resume_all_vcpus();
    finish(&a);
    make(&a, serve);
    ck_assert_int_eq(found, VCPU_READY);
    dismiss_vcpu(&a, &cpu);
}
END_TEST

START_TEST(work_that_a_pause_put_off_is_found_by_who_attaches_it_next)
{
    hire_vcpu(&a, &cpu);
    begin(&a, serve_until_stopped);
    pause_all_vcpus();
    finish(&a);
    ck_assert_int_eq(async_run_on_cpu(&cpu, count_ran, NULL), 0);
    make(&a, serve);
    ck_assert_int_eq(found, VCPU_STOPPED);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    make(&a, stop_being_vcpu);
    resume_all_vcpus();
    vcpu_to_be = &cpu;
    make(&a, become_vcpu);
    make(&a, wait_for_a_kick); /* returns, as there is a request */
    make(&a, serve);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    dismiss_vcpu(&a, &cpu);
}
END_TEST

START_TEST(a_kick_ends_the_wait_before_and_during_it)
{
    hire_vcpu(&a, &cpu);
    cpu_exit(&cpu);
    make(&a, wait_for_a_kick);
    make(&a, serve);
    begin(&a, wait_for_a_kick);
    UNTIL(is_asleep(&a));
    cpu_exit(&cpu);
    finish(&a);
    dismiss_vcpu(&a, &cpu);
}
END_TEST

/* ---- misuse ---- */

static void attach(void)
{
    become_new_vcpu(&cpu);
}

static void attach_in_a_section(void)
{
    add_vcpu(&cpu);
    rcu_register_thread();
    rcu_read_lock();
    vcpu_attach(&cpu);
}

static void attach_twice(void)
{
    attach();
    vcpu_attach(&cpu);
}

static void detach_what_was_never_attached(void)
{
    add_vcpu(&cpu);
    rcu_register_thread();
    vcpu_detach(&cpu);
}

static void detach_another_threads(void)
{
    hire_vcpu(&a, &cpu);
    rcu_register_thread();
    vcpu_detach(&cpu);
}

static void detach_while_it_executes(void)
{
    attach();
    cpu_exec_start(&cpu);
    vcpu_detach(&cpu);
}

static void serve_another_threads(void)
{
    hire_vcpu(&a, &cpu);
    serve();
}

static void wait_as_another(void)
{
    hire_vcpu(&a, &cpu);
    wait_for_a_kick();
}

static void unregister_while_attached(void)
{
    attach();
    rcu_unregister_thread();
}

static void end_while_attached(void)
{
    hire(&a);
    add_vcpu(&cpu);
    vcpu_to_be = &cpu;
    make(&a, become_vcpu);
    dismiss(&a);
}

static const struct {
    void (*function)(void);
    const char *text;
} misuses[] = {
    {attach_in_a_section, "vCPU 0 is to run inside a read section"},
    {attach_twice, "vCPU 0 runs in a thread already"},
    {detach_what_was_never_attached, "vcpu_detach() of vCPU 0 by a thread that has not"},
    {detach_another_threads, "vcpu_detach() of vCPU 0 by a thread that has not attached it"},
    {detach_while_it_executes, "vcpu_detach() of vCPU 0, which executes"},
    {serve_another_threads, "process_cpu_events() of vCPU 0 by a thread that has not attached it"},
    {wait_as_another, "vcpu_wait_for_kick() of vCPU 0, which this thread has not attached"},
    {unregister_while_attached, "with a force notifier of its own"},
    {end_while_attached, "with a force notifier of its own"},
};
#define MISUSES ((int)(sizeof misuses / sizeof misuses[0]))

START_TEST(misuse_is_diagnosed)
{
    dies_saying(misuses[_i].function, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("own loop");
    TCase *c = add_case(suite, "attach and detach");

    tcase_add_test(c, one_that_is_attached_in_a_pause_is_asked_to_stop);
    tcase_add_test(c, work_that_a_pause_put_off_is_found_by_who_attaches_it_next);
    tcase_add_test(c, a_kick_ends_the_wait_before_and_during_it);

    c = add_case(suite, "misuse");
    tcase_add_loop_test(c, misuse_is_diagnosed, 0, MISUSES);
    return run_suite(suite);
}
