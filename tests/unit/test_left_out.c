/* Runs that do not count: torture/result/left_out.h, and rows of the table without them. */
#include "runs.h"
#include "torture/result/left_out.h"
#include "torture/result/report.h"

#include <check.h>
#include <stdlib.h>

static double mean_of(json_t *run)
{
    return json_number_value(
        json_object_get(json_object_get(json_object_get(run, "latency"), "gp.total"), "mean"));
}

START_TEST(a_row_is_the_median_of_those_that_count)
{
    json_t *rows;

    leave_out(add("one", 0, 1000));
    add("one", 1, 10);
    add("one", 2, 30);
    leave_out(add("other", 0, 1000));
    rows = report_rows(runs);
    ck_assert_uint_eq(json_array_size(rows), 2);
    ck_assert_double_eq(mean_of(json_array_get(rows, 0)), 20);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "label")),
                     "one (median of 2)");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "verdict")),
                     "measured");
    ck_assert_str_eq(
        json_string_value(json_array_get(json_object_get(json_array_get(rows, 0), "left_out"), 0)),
        "#1 pair-reader-0 had 50 % of its CPU");
    ck_assert_double_eq(mean_of(json_array_get(rows, 1)), 1000);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "verdict")),
                     "left out");
    json_decref(rows);
}
END_TEST

/* What is left out of a run of the workload; NULL: nothing. */
static void expect_left_out(const char *workload, double first, double second, double throttled,
                            const char *why)
{
    json_t *run =
        json_pack("{ss sf s{s{}} s[{ss sf} {ss sf} {ss}] s[{ss sf}]}", "verdict", "measured",
                  "seconds", 1.0, "counters", workload, "threads", "name", "pair-reader-0",
                  "cpu_share", first, "name", "pair-reader-1", "cpu_share", second, "name",
                  "caller", "disturbances", "cause", "throttled", "seconds", throttled);
    json_t *left_out;

    ck_assert_ptr_nonnull(run);
    left_out_judge(run);
    left_out = json_object_get(run, "left_out");
    ck_assert_int_eq(left_out_is_not(run), why == NULL);
    if (why)
        ck_assert_str_eq(json_string_value(left_out), why);
    else
        ck_assert_ptr_null(left_out);
    json_decref(run);
}

START_TEST(who_had_not_its_cpu_is_left_out)
{
    expect_left_out("read-side", 1, 0.98, 0, NULL);
    expect_left_out("read-side", 1, 0.979, 0, "pair-reader-1 had 97 % of its CPU");
    expect_left_out("read-side", 0.71, 0.9, 0,
                    "pair-reader-0 had 71 % of its CPU, another too little as well");
    expect_left_out("read-side", 1, 1, 0.02, NULL);
    expect_left_out("read-side", 1, 0.5, 0.031, "it had used up its CPU quota for 0.031 s");
    /* Torture is to get by with what it is given. */
    expect_left_out("rcu-pipe", 1, 1, 0.5, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("left out");
    TCase *tests = tcase_create("left out");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_row_is_the_median_of_those_that_count);
    tcase_add_test(tests, who_had_not_its_cpu_is_left_out);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
