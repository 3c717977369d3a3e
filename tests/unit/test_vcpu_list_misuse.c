/* Misuse of the list of vCPUs: what stillpoint/vcpu.h says is diagnosed.
 *
 * Check runs each test in a process of its own, so that indexes begin at 0. */
/* Left out of TWO_PHASE FENCE: queues and vCPUs wait for one another, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>

static struct vcpu cpus[2];

static void add_all(unsigned number)
{
    for (unsigned i = 0; i < number; i++)
        add_vcpu(&cpus[i]);
}

static void add_twice(void)
{
    vcpu_add(&cpus[1]);
}

START_TEST(a_vcpu_added_twice_is_diagnosed)
{
    add_all(2);
    dies_saying(add_twice, "vcpu_add() of vCPU 1, which is in the list already");
}
END_TEST

static void remove_twice(void)
{
    vcpu_remove(&cpus[0]);
    vcpu_remove(&cpus[0]);
}

static void remove_unlisted(void)
{
    vcpu_init(&cpus[1], NULL);
    vcpu_remove(&cpus[1]);
}

START_TEST(a_removal_of_what_is_not_in_the_list_is_diagnosed)
{
    add_all(1);
    dies_saying(remove_twice, "vcpu_remove() of a vCPU that is not in the list");
    dies_saying(remove_unlisted, "vcpu_remove() of a vCPU that is not in the list");
}
END_TEST

static void remove_second(void)
{
    vcpu_remove(&cpus[1]);
}

START_TEST(a_removal_of_a_vcpu_that_a_thread_runs_is_diagnosed)
{
    static const char text[] = "vcpu_remove() of vCPU 1, which runs; call vcpu_unplug()";
    struct actor a, b;

    hire_vcpu(&a, &cpus[0]);
    hire_vcpu(&b, &cpus[1]);
    dies_saying(remove_second, text);
    make(&b, exec_start);
    dies_saying(remove_second, text);
    make(&b, exec_end);
    dies_saying(remove_second, text);
    dismiss_vcpu(&b, &cpus[1]);
    dismiss_vcpu(&a, &cpus[0]);
}
END_TEST

static void add_again(struct vcpu *cpu, void *unused)
{
    (void)unused;
    vcpu_add(cpu);
}

static void add_in_its_last_work(void)
{
    async_run_on_cpu(&cpus[0], add_again, NULL);
    vcpu_remove(&cpus[0]);
}

START_TEST(an_addition_before_the_removal_has_returned_is_diagnosed)
{
    add_all(1);
    dies_saying(
        add_in_its_last_work,
        "vcpu_add() of vCPU 0, which is in the list already: vcpu_remove() has not returned");
}
END_TEST

static void init_anywhere(void)
{
    vcpu_init((struct vcpu *)((char *)&cpus[0] + 16), NULL);
}

START_TEST(a_vcpu_that_is_not_aligned_is_diagnosed)
{
    dies_saying(init_anywhere, "which is no multiple of 64; use aligned_alloc()");
}
END_TEST

/* In a thread that has not attached it, which only DEBUG=1 finds at once. */
static void remove_while_it_executes(void)
{
    rcu_register_thread();
    atomic_store(&cpus[0].running, true);
    vcpu_remove(&cpus[0]);
}

START_TEST(a_removal_of_a_vcpu_that_executes_is_diagnosed)
{
    add_all(1);
    dies_saying(remove_while_it_executes, "vcpu_remove() of vCPU 0, which runs");
}
END_TEST

static void destroy_listed(void)
{
    vcpu_destroy(&cpus[1]);
}

START_TEST(a_destruction_of_a_vcpu_in_the_list_is_diagnosed)
{
    add_all(2);
    dies_saying(destroy_listed,
                "vcpu_destroy() of vCPU 1, which is in the list; call vcpu_remove() first");
}
END_TEST

static void attach_unlisted(void)
{
    rcu_register_thread();
    vcpu_init(&cpus[0], NULL);
    vcpu_attach(&cpus[0]);
}

START_TEST(a_thread_for_a_vcpu_that_is_not_in_the_list_is_diagnosed)
{
    dies_saying(attach_unlisted,
                "a vCPU that is not in the list cannot run; call vcpu_add() first");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vcpu_list misuse");
    TCase *misuse = add_case(suite, "misuse");

    tcase_add_test(misuse, a_vcpu_added_twice_is_diagnosed);
    tcase_add_test(misuse, a_removal_of_what_is_not_in_the_list_is_diagnosed);
    tcase_add_test(misuse, a_removal_of_a_vcpu_that_a_thread_runs_is_diagnosed);
    tcase_add_test(misuse, a_removal_of_a_vcpu_that_executes_is_diagnosed);
    tcase_add_test(misuse, an_addition_before_the_removal_has_returned_is_diagnosed);
    tcase_add_test(misuse, a_vcpu_that_is_not_aligned_is_diagnosed);
    tcase_add_test(misuse, a_destruction_of_a_vcpu_in_the_list_is_diagnosed);
    tcase_add_test(misuse, a_thread_for_a_vcpu_that_is_not_in_the_list_is_diagnosed);
    return run_suite(suite);
}
