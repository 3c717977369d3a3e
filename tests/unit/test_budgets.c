/* Budgets: what torture/result/budgets.c concludes from runs, of which some do not count. */
#include "runs.h"
#include "torture/result/report.h"
#include "torture/result/verdict.h"
#include "torture/scenario/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* One over the other is `ratio`, and 1 % more or less by turns. Both are slower by and by, and the
 * order is that of an invocation. */
static void add_pair(unsigned repeat, double ratio)
{
    double base = 100 * (1 + repeat), wobble = repeat % 3 == 0 ? 1.01 : repeat % 3 == 1 ? 1 : 0.99;

    if (repeat % 2)
        add("other", repeat, base);
    add("one", repeat, base * ratio * wobble);
    if (repeat % 2 == 0)
        add("other", repeat, base);
}

static void add_pairs(unsigned count, double ratio)
{
    for (unsigned repeat = 0; repeat < count; repeat++)
        add_pair(repeat, ratio);
}

/* A run of the i-th pair: 0, that of "one"; 1, that of "other". */
static json_t *run_of_pair(unsigned repeat, unsigned which)
{
    return json_array_get(runs, 2 * repeat + (repeat % 2 ? 1 - which : which));
}

/* The verdict of one budget; `limit` is a member of it. */
static json_t *judge(const char *limit, double value, bool ratio)
{
    json_t *scenario =
        json_pack("{si s{s[ss]} s[{ss sf s{ss}}]}", "seed", 7, "sweep", "flavor", "one", "other",
                  "budgets", "metric", "gp.total.mean", limit, value, "where", "flavor", "one");
    json_t *reasons = json_array(), *verdict;

    if (ratio)
        json_object_set_new(json_array_get(json_object_get(scenario, "budgets"), 0), "ratio_to",
                            json_pack("{ss}", "flavor", "other"));
    verdict = verdict_overall(runs, scenario, reasons, false);
    json_decref(reasons);
    json_decref(scenario);
    ck_assert_uint_eq(json_array_size(json_object_get(verdict, "budgets")), 1);
    return verdict;
}

static json_t *of(json_t *verdict, const char *key)
{
    return json_object_get(json_array_get(json_object_get(verdict, "budgets"), 0), key);
}

/* Returns what it judged, for more. */
static json_t *expect(const char *limit, double value, bool ratio, const char *wanted, int code)
{
    json_t *verdict = judge(limit, value, ratio);
    bool within = strcmp(wanted, "within") == 0;

    ck_assert_str_eq(json_string_value(of(verdict, "verdict")), wanted);
    ck_assert_int_eq(json_integer_value(json_object_get(verdict, "exit_code")), code);
    ck_assert_int_eq(json_is_true(of(verdict, "ok")), code == 0);
    ck_assert_str_eq(json_string_value(json_object_get(verdict, "performance")),
                     within                              ? "pass"
                     : strcmp(wanted, "unmeasured") == 0 ? "exceeded"
                                                         : wanted);
    ck_assert_int_eq(of(verdict, "reason") != NULL, strcmp(wanted, "undecided") == 0);
    return verdict;
}

static void expect_reason(json_t *verdict, const char *reason)
{
    ck_assert_str_eq(json_string_value(of(verdict, "reason")), reason);
    json_decref(verdict);
}

START_TEST(it_is_exceeded_only_when_the_whole_interval_is_beyond_the_limit)
{
    json_t *verdict;

    add_pairs(12, 1);
    verdict = expect("max", 0.98, true, "exceeded", 3);
    ck_assert_double_eq_tol(json_number_value(of(verdict, "value")), 1, 1e-9);
    ck_assert_double_eq_tol(json_number_value(json_array_get(of(verdict, "interval"), 0)), 0.99,
                            1e-9);
    ck_assert_double_eq_tol(json_number_value(json_array_get(of(verdict, "interval"), 1)), 1.01,
                            1e-9);
    ck_assert_int_eq(json_integer_value(of(verdict, "count")), 12);
    ck_assert_int_eq(json_integer_value(of(verdict, "left_out")), 0);
    json_decref(verdict);
    expect_reason(expect("max", 0.995, true, "undecided", 0),
                  "the limit lies inside: set repeat higher, or run it on an idle machine");
    json_decref(expect("max", 1.005, true, "undecided", 0));
    json_decref(expect("max", 1.02, true, "within", 0));
    json_decref(expect("min", 1.02, true, "exceeded", 3));
    json_decref(expect("min", 1.005, true, "undecided", 0));
    json_decref(expect("min", 0.98, true, "within", 0));
}
END_TEST

START_TEST(without_a_partner_the_repeats_are_judged)
{
    add_pairs(11, 1);
    json_decref(expect("max", 100, false, "exceeded", 3));
    json_decref(expect("max", 600, false, "undecided", 0));
    json_decref(expect("max", 1200, false, "within", 0));
}
END_TEST

START_TEST(less_than_ten_decide_nothing)
{
    add_pairs(BUDGET_REPEATS - 1, 5);
    expect_reason(expect("max", 1, true, "undecided", 0),
                  "9 pairs, and it takes 10: set repeat to 10 or more");
    expect_reason(expect("max", 1, false, "undecided", 0),
                  "9 repeats, and it takes 10: set repeat to 10 or more");
    /* An interruption leaves a run without its partner. */
    add("other", BUDGET_REPEATS - 1, 1);
    json_decref(expect("max", 1, true, "undecided", 0));
    json_array_remove(runs, json_array_size(runs) - 1);
    add_pair(BUDGET_REPEATS - 1, 5);
    json_decref(expect("max", 1, true, "exceeded", 3));
}
END_TEST

/* The i-th of both are a pair, and a pair of which one is left out is left out. */
START_TEST(what_is_left_out_is_in_no_budget)
{
    json_t *verdict, *run;

    add_pairs(12, 1);
    for (unsigned i = 0; i < 2; i++) {
        run = run_of_pair(3 + i, i);
        json_object_set_new(json_object_get(json_object_get(run, "latency"), "gp.total"), "mean",
                            json_real(i ? 1e-3 : 1e9));
        leave_out(run);
    }
    verdict = expect("max", 1.011, true, "within", 0);
    ck_assert_int_eq(json_integer_value(of(verdict, "count")), 10);
    ck_assert_int_eq(json_integer_value(of(verdict, "left_out")), 2);
    json_decref(verdict);
    /* Inconclusive is as good as left out. */
    json_object_set_new(run_of_pair(0, 0), "verdict", json_string("inconclusive"));
    verdict = judge("max", 1.011, true);
    expect_reason(verdict,
                  "9 of 12 pairs count, and it takes 10: run it on an idle machine, or set "
                  "repeat higher");
    for (unsigned i = 0; i < 12; i++)
        leave_out(run_of_pair(i, 0));
    verdict = judge("max", 1.011, true);
    ck_assert(json_is_null(of(verdict, "value")));
    ck_assert_int_eq(json_integer_value(of(verdict, "count")), 0);
    ck_assert_int_eq(json_is_true(of(verdict, "ok")), true);
    json_decref(verdict);
}
END_TEST

START_TEST(what_no_run_has_is_unmeasured)
{
    size_t i;
    json_t *run;

    add_pairs(12, 1);
    json_array_foreach (runs, i, run)
        json_object_clear(json_object_get(run, "latency"));
    json_decref(expect("max", 1, true, "unmeasured", 3));
    json_decref(expect("max", 1, false, "unmeasured", 3));
}
END_TEST

static void expect_metric(json_t *run, const char *metric, double wanted, const char *text)
{
    char buffer[32];
    double value;

    ck_assert_msg(verdict_metric(run, metric, &value), "%s", metric);
    ck_assert_double_eq(value, wanted);
    ck_assert_str_eq(report_metric(metric, value, buffer), text);
}

START_TEST(cpu_time_memory_and_bytes_are_metrics_in_their_own_units)
{
    json_t *run = add("one", 0, 1500), *cost;
    double value;

    ck_assert(!verdict_metric(run, "cpu.gp", &value));
    ck_assert(!verdict_metric(run, "rss.peak", &value));
    cost = json_pack("{si si}", "gps", 40, "leaders_cpu_ns", 100000);
    json_object_set_new(run, "cost", cost);
    json_object_set_new(run, "peak_rss_bytes", json_integer(48200000));
    json_object_set_new(json_object_get(run, "latency"), "memory.thread",
                        json_pack("{ss s{si}}", "unit", "bytes", "percentiles", "50", 192));
    expect_metric(run, "cpu.gp", 2500, "2.5 us");
    expect_metric(run, "rss.peak", 48.2e6, "48.2 MB");
    expect_metric(run, "memory.thread.p50", 192, "192 B");
    expect_metric(run, "gp.total.mean", 1500, "1.5 us");
    /* Nobody led one. */
    json_object_set_new(cost, "gps", json_integer(0));
    ck_assert(!verdict_metric(run, "cpu.gp", &value));
    json_object_set_new(cost, "gps", json_integer(1));
    json_object_del(cost, "leaders_cpu_ns");
    ck_assert(!verdict_metric(run, "cpu.gp", &value));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budgets");
    TCase *tests = tcase_create("budgets");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_is_exceeded_only_when_the_whole_interval_is_beyond_the_limit);
    tcase_add_test(tests, without_a_partner_the_repeats_are_judged);
    tcase_add_test(tests, less_than_ten_decide_nothing);
    tcase_add_test(tests, what_is_left_out_is_in_no_budget);
    tcase_add_test(tests, what_no_run_has_is_unmeasured);
    tcase_add_test(tests, cpu_time_memory_and_bytes_are_metrics_in_their_own_units);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
