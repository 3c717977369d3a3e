/* Tests that end in every way, for what runs tests: Check, and tests/check/ in place of it. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up_count;

static void set_up(void)
{
    set_up_count++;
}

static void tear_down(void)
{
    ck_assert_int_eq(set_up_count, 1);
}

START_TEST(passes)
{
    ck_assert_uint_eq(1, 1);
    ck_assert_str_ne("a", "b");
    ck_assert_ptr_null(NULL);
    set_up_count = 1;
}
END_TEST

START_TEST(passes_in_every_other_round)
{
    ck_assert_msg(_i % 2 == 0, "round %d", _i);
}
END_TEST

START_TEST(is_set_up)
{
    ck_assert_int_eq(set_up_count, 1);
}
END_TEST

START_TEST(is_torn_down_badly)
{
    set_up_count = 7;
}
END_TEST

START_TEST(crashes)
{
    abort();
}
END_TEST

START_TEST(hangs)
{
    for (;;)
        pause();
}
END_TEST

START_TEST(ends_with_a_code)
{
    exit(3);
}
END_TEST

START_TEST(a_child_of_its_fails)
{
    int status;

    if (fork() == 0)
        ck_assert_int_eq(1, 2);
    wait(&status);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(leaves_a_child)
{
    if (fork() == 0)
        pause();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdicts");
    TCase *plain = tcase_create("plain"), *limited = tcase_create("limited"),
          *fixture = tcase_create("fixture");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(plain, 120);
    suite_add_tcase(suite, plain);
    tcase_add_test(plain, passes);
    tcase_add_loop_test(plain, passes_in_every_other_round, 3, 7);
    tcase_add_test(plain, crashes);
    tcase_add_loop_test_raise_signal(plain, crashes, SIGABRT, 0, 2);
    tcase_add_loop_test_raise_signal(plain, crashes, SIGSEGV, 0, 1);
    tcase_add_test(plain, ends_with_a_code);
    tcase_add_test(plain, a_child_of_its_fails);
    tcase_add_test(plain, leaves_a_child);
    tcase_set_timeout(limited, 1);
    suite_add_tcase(suite, limited);
    tcase_add_test(limited, hangs);
    tcase_set_timeout(fixture, 120);
    suite_add_tcase(suite, fixture);
    tcase_add_checked_fixture(fixture, set_up, tear_down);
    tcase_add_test(fixture, is_set_up);
    tcase_add_test(fixture, is_torn_down_badly);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}
