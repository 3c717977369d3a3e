/* Which scheme is named, and which are on the front: torture/compare/advice.h. */
#include "torture/compare/advice.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static json_t *runs;

static void begin(void)
{
    runs = json_array();
}

/* A run of a second: so many operations, their reclaims' p99 in ns, and bytes held back at most. */
static json_t *add(const char *flavor, const char *policy, int operations, int wait, int bytes)
{
    json_t *run =
        json_pack("{ss ss sf s{} s{s{si si}} s{s{ss si s{si}} s{ss si s{si}}}}", "flavor", flavor,
                  "verdict", "measured", "seconds", 1.0, "point", "counters", "update-mix", "ops",
                  operations, "unreclaimed_bytes_peak", bytes, "latency", "mix.op", "unit", "ps",
                  "count", 1000, "percentiles", "50", 7000, "mix.reclaim", "unit", "ns", "count",
                  1000, "percentiles", "99", wait);

    ck_assert_ptr_nonnull(run);
    if (policy)
        json_object_set_new(json_object_get(run, "point"), "library.gp_policy",
                            json_string(policy));
    json_array_append_new(runs, run);
    return run;
}

static json_t *judge(void)
{
    json_t *result =
        json_pack("{so s{s[{si si ss si}]} s{}}", "runs", runs, "scenario", "workloads", "workers",
                  4, "updates", 1, "stall", "100ms", "stallers", 1, "host");
    json_t *advice = advice_judge(result);

    json_decref(result);
    return advice;
}

static void expect_named(const char *flavor, const char *policy, const char *reason)
{
    json_t *advice = judge(), *named = json_object_get(advice, "advice");

    ck_assert_str_eq(json_string_value(json_object_get(named, "flavor")), flavor);
    ck_assert_str_eq(json_string_value(json_object_get(named, "policy")), policy);
    ck_assert_str_eq(json_string_value(json_object_get(advice, "reason")), reason);
    json_decref(advice);
}

static bool is_on_front(json_t *advice, size_t i)
{
    return json_is_true(
        json_object_get(json_array_get(json_object_get(advice, "schemes"), i), "front"));
}

START_TEST(what_does_most_is_named)
{
    begin();
    add("one", NULL, 1000000, 10, 64);
    add("two", "poll", 2000000, 1000, 6400000);
    add("two", "fqs", 1500000, 500, 640);
    expect_named("two", "poll",
                 "two, poll: it does 2.0 M operations a second, 33 % more than the next, and holds "
                 "back 6.4 MB at most.");
}
END_TEST

START_TEST(of_what_is_as_fast_the_one_that_holds_back_least)
{
    begin();
    add("one", NULL, 1000000, 10, 6400);
    add("two", NULL, 951000, 10, 640);
    add("three", NULL, 949000, 10, 64);
    expect_named("two", "",
                 "two: none does over 5 % more than its 951 k operations a second, and of the 2 "
                 "that do as many it holds back the least memory, 640 B at most.");
}
END_TEST

START_TEST(figures_are_medians_of_repeats)
{
    json_t *advice;

    begin();
    add("one", NULL, 1000, 10, 64);
    add("one", NULL, 9000, 30, 640);
    add("one", NULL, 2000, 20, 128);
    advice = judge();
    ck_assert_uint_eq(json_array_size(json_object_get(advice, "schemes")), 1);
    ck_assert_double_eq(json_number_value(json_object_get(
                            json_array_get(json_object_get(advice, "schemes"), 0), "operations")),
                        2000);
    ck_assert_double_eq(json_number_value(json_object_get(
                            json_array_get(json_object_get(advice, "schemes"), 0), "wait")),
                        20);
    json_decref(advice);
}
END_TEST

START_TEST(the_front_is_what_nothing_beats_in_everything)
{
    json_t *advice;

    begin();
    add("fast", NULL, 3000, 300, 3000);
    add("soon", NULL, 1000, 10, 3000);
    add("beaten", NULL, 900, 11, 3000);
    add("small", NULL, 500, 400, 64);
    add("twin", NULL, 3000, 300, 3000);
    advice = judge();
    ck_assert(is_on_front(advice, 0));
    ck_assert(is_on_front(advice, 1));
    ck_assert(!is_on_front(advice, 2));
    ck_assert(is_on_front(advice, 3));
    ck_assert(is_on_front(advice, 4));
    json_decref(advice);
}
END_TEST

START_TEST(what_could_not_be_measured_is_not_named)
{
    json_t *advice;

    begin();
    json_object_set_new(add("skipped", NULL, 9000, 1, 1), "verdict", json_string("skipped"));
    json_object_del(add("broken", NULL, 9000, 1, 1), "counters");
    advice = judge();
    ck_assert(json_is_null(json_object_get(advice, "advice")));
    ck_assert_uint_eq(json_array_size(json_object_get(advice, "schemes")), 1);
    ck_assert(!is_on_front(advice, 0));
    json_decref(advice);

    begin();
    json_object_del(add("broken", NULL, 9000, 1, 1), "counters");
    add("one", NULL, 1000, 10, 64);
    expect_named("one", "", "one: nothing else could be measured.");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("advice");
    TCase *tests = tcase_create("advice");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, what_does_most_is_named);
    tcase_add_test(tests, of_what_is_as_fast_the_one_that_holds_back_least);
    tcase_add_test(tests, figures_are_medians_of_repeats);
    tcase_add_test(tests, the_front_is_what_nothing_beats_in_everything);
    tcase_add_test(tests, what_could_not_be_measured_is_not_named);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
