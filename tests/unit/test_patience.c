/* How long a runner had to do what it is waited for. */
#include "torture/driver/patience.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS_NS INT64_C(1000000)

static struct patience patience;
static pid_t runner; /* sleeps: it waits for no CPU */

static void setup(void)
{
    runner = fork();
    if (runner == 0) {
        alarm(120);
        for (;;)
            pause();
    }
    ck_assert_int_gt(runner, 0);
    while (cpu_wait_state(runner, runner) != 'S')
        sched_yield();
    patience_begin(&patience, runner, 0);
}

static void teardown(void)
{
    kill(runner, SIGKILL);
    waitpid(runner, NULL, 0);
}

START_TEST(a_runner_that_could_run_spends_the_time_of_each_turn)
{
    for (int64_t now = 100; now <= 1000; now += 100)
        patience_turn(&patience, false, now * MS_NS);
    ck_assert_int_le(patience.spent_ns, 1000 * MS_NS);
    ck_assert_int_ge(patience.spent_ns, 900 * MS_NS); /* it may have been on its way to sleep */
    ck_assert(!patience_is_hopeless(&patience, 100 * MS_NS));
}
END_TEST

START_TEST(of_a_long_turn_half_a_second_counts)
{
    patience_turn(&patience, false, 58000 * MS_NS);
    ck_assert_int_le(patience.spent_ns, 500 * MS_NS);
    patience_turn(&patience, false, 58400 * MS_NS);
    ck_assert_int_le(patience.spent_ns, 900 * MS_NS);
    ck_assert_int_ge(patience.spent_ns, 800 * MS_NS);
}
END_TEST

START_TEST(a_runner_that_is_halted_spends_nothing)
{
    patience_turn(&patience, true, 400 * MS_NS);
    ck_assert_int_eq(patience.spent_ns, 0);
}
END_TEST

START_TEST(a_runner_that_has_ended_spends_time_too)
{
    teardown();
    patience_turn(&patience, false, 400 * MS_NS);
    ck_assert_int_eq(patience.spent_ns, 400 * MS_NS);
    setup();
}
END_TEST

START_TEST(a_runner_that_waits_for_a_cpu_spends_nothing)
{
    int64_t now = 0;
    int status;

    /* Ready to run, and it does not: what a CPU that stands still looks like from outside. */
    patience.main_thread.known = true;
    kill(runner, SIGSTOP);
    ck_assert_int_eq(waitpid(runner, &status, WUNTRACED), runner);
    patience_turn(&patience, false, now += 400 * MS_NS);
    patience.main_thread.waited_ns -= 300 * MS_NS;
    patience.spent_ns = 0;
    patience_turn(&patience, false, now += 400 * MS_NS);
    ck_assert_int_eq(patience.spent_ns, 100 * MS_NS);
}
END_TEST

START_TEST(what_lasts_ten_times_as_long_is_hopeless)
{
    patience_turn(&patience, true, 1000 * MS_NS);
    ck_assert(!patience_is_hopeless(&patience, 100 * MS_NS));
    patience_turn(&patience, true, 1001 * MS_NS);
    ck_assert(patience_is_hopeless(&patience, 100 * MS_NS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("patience");
    TCase *c = tcase_create("turns");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_runner_that_could_run_spends_the_time_of_each_turn);
    tcase_add_test(c, of_a_long_turn_half_a_second_counts);
    tcase_add_test(c, a_runner_that_is_halted_spends_nothing);
    tcase_add_test(c, a_runner_that_has_ended_spends_time_too);
    tcase_add_test(c, a_runner_that_waits_for_a_cpu_spends_nothing);
    tcase_add_test(c, what_lasts_ten_times_as_long_is_hopeless);
    suite_add_tcase(suite, c);

    SRunner *sr = srunner_create(suite);

    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);

    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
