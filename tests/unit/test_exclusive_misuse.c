/* Misuse of exclusive sections: what stillpoint/exclusive.h says is diagnosed. */
/* Left out of TWO_PHASE: sections wait for vCPUs, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "sections.h"

#include <check.h>

static struct vcpu own_cpu; /* of the test's thread, and so of its child's */

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

    become_new_vcpu(&own_cpu);
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
    become_new_vcpu(&own_cpu);
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
    if (way == 0)
        make(&starters[0], section_start);
    dies_saying(execution, text);
    if (way == 0)
        make(&starters[0], section_end);
    end_test(0, 1);
}

static void execute_in_read_section(void)
{
    become_new_vcpu(&own_cpu);
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
    become_new_vcpu(&own_cpu);
    cpu_exec_start(&other);
}

START_TEST(an_execution_by_a_thread_that_is_not_the_vcpus_is_diagnosed)
{
    execution_dies_saying(_i, execute_without_attaching,
                          "cpu_exec_start() of vCPU 0 by a thread that is not its own; call "
                          "vcpu_attach() first");
}
END_TEST

static void execute_twice(void)
{
    become_new_vcpu(&own_cpu);
    cpu_exec_start(&own_cpu);
    cpu_exec_start(&own_cpu);
}

START_TEST(an_execution_in_an_execution_is_diagnosed)
{
    dies_saying(execute_twice, "cpu_exec_start() of vCPU 0, which executes already");
}
END_TEST

/* ---- the suite ---- */

static Suite *exclusive_misuse_suite(void)
{
    Suite *suite = suite_create("exclusive misuse");
    TCase *misuse = add_case(suite, "misuse");

    tcase_add_test(misuse, a_section_asked_for_by_the_vcpu_that_executes_is_diagnosed);
    tcase_add_test(misuse, a_section_asked_for_inside_a_read_section_is_diagnosed);
    tcase_add_test(misuse, so_it_is_inside_the_read_section_of_an_online_thread);
    tcase_add_test(misuse, an_end_without_a_start_is_diagnosed);
    tcase_add_test(misuse, an_execution_in_an_exclusive_section_of_the_same_thread_is_diagnosed);
    tcase_add_loop_test(misuse, an_execution_inside_a_read_section_is_diagnosed, 0, MISUSE_WAYS);
    tcase_add_loop_test(misuse, an_execution_by_a_thread_that_is_not_the_vcpus_is_diagnosed, 0,
                        MISUSE_WAYS);
    tcase_add_test(misuse, an_execution_in_an_execution_is_diagnosed);
    return suite;
}

int main(void)
{
    return run_suite(exclusive_misuse_suite());
}
