/* Floors: what torture/result/floor.h says. */
#include "torture/result/floor.h"

#include "torture/result/verdict.h"

#include <check.h>
#include <stdlib.h>

static json_t *run_of(const char *flavor, double seconds, json_int_t reads)
{
    return json_pack("{ss ss sf sf s[] s{s{sI sI}} s{sI} s[] s[] s[]}", "flavor", flavor, "verdict",
                     "pass", "seconds", seconds, "lost_seconds", 0.0, "findings", "counters",
                     "rcu-pipe", "reads", reads, "checks", (json_int_t)1, "library", "reads",
                     (json_int_t)1000000000, "disturbances", "notes", "threads");
}

static json_t *reference, *run, *least, *missing;

static void set_up(void)
{
    reference = run_of("good", 0.5, 5000);
    run = run_of("mine", 10, 40);
    least = json_pack("{ss}", "reads", "1 %");
    missing = json_array();
}

static void tear_down(void)
{
    json_decref(reference);
    json_decref(run);
    json_decref(least);
    json_decref(missing);
}

static void judge(void)
{
    json_object_set_new(run, "floor", floor_describe(reference, least));
    floor_judge(run, least, missing);
}

static const char *line(json_t *lines, size_t i)
{
    return json_string_value(json_array_get(lines, i));
}

static json_t *notes(void)
{
    return json_object_get(run, "notes");
}

START_TEST(what_is_below_says_what_both_did)
{
    judge();
    ck_assert_uint_eq(json_array_size(missing), 1);
    ck_assert_str_eq(line(missing, 0),
                     "reads was reached 40 times in 10.0 s, 4/s; good had 10000/s "
                     "at this point, and 1 % of that are required");
    ck_assert_uint_eq(json_array_size(notes()), 0);
}
END_TEST

/* Seconds and reads of the run, the share, and whether that is enough of 10000 a second. */
static const struct {
    double seconds;
    json_int_t reads;
    const char *share;
    bool enough;
} shares[] = {
    {10, 1000, "1 %", true},   {10, 999, "1 %", false},  {1, 100, "1%", true},
    {1, 99, "1%", false},      {20, 100, ".05 %", true}, {20, 99, ".05 %", false},
    {1, 10000, "100 %", true}, {1, 0, "0.001 %", false},
};

START_TEST(rates_are_compared)
{
    json_decref(run);
    run = run_of("mine", shares[_i].seconds, shares[_i].reads);
    json_object_set_new(least, "reads", json_string(shares[_i].share));
    judge();
    ck_assert_uint_eq(json_array_size(missing), !shares[_i].enough);
}
END_TEST

START_TEST(workloads_that_count_the_same_are_added_up)
{
    json_object_set_new(json_object_get(reference, "counters"), "rcu-list",
                        json_pack("{si}", "reads", 45000));
    json_object_set_new(json_object_get(run, "counters"), "rcu-list",
                        json_pack("{si}", "reads", 9960));
    judge();
    ck_assert_uint_eq(json_array_size(missing), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(json_object_get(run, "floor"), "counts"), "reads")),
                     50000);
}
END_TEST

START_TEST(what_the_reference_does_not_count_has_no_floor_and_that_is_told)
{
    json_decref(reference);
    reference = run_of("good", 0.5, 0);
    json_object_set_new(least, "polled", json_string("1 %"));
    judge();
    ck_assert_uint_eq(json_array_size(missing), 0);
    ck_assert_uint_eq(json_array_size(notes()), 2);
    ck_assert_str_eq(line(notes(), 0), "no floor for reads: good had none in its moment");
    ck_assert_str_eq(line(notes(), 1), "no floor for polled: good had none in its moment");
}
END_TEST

/* What becomes of the reference, and the note. */
static const struct {
    const char *verdict, *key, *value, *note;
} failures[] = {
    {"violation", "findings", "[{\"check\": \"crash\"}]",
     "no floor was measured with good: its run has a finding, crash (in its event \"floor\")"},
    {"skipped", "skip", "\"no such flavor\"", "no floor was measured with good: no such flavor"},
    {"inconclusive", "missing", "[\"nothing was checked\"]",
     "no floor was measured with good: nothing was checked"},
};

START_TEST(a_reference_that_is_not_clean_judges_nothing)
{
    json_object_set_new(reference, "verdict", json_string(failures[_i].verdict));
    json_object_set_new(reference, failures[_i].key,
                        json_loads(failures[_i].value, JSON_DECODE_ANY, NULL));
    judge();
    ck_assert_uint_eq(json_array_size(missing), 0);
    ck_assert_uint_eq(json_array_size(notes()), 1);
    ck_assert_str_eq(line(notes(), 0), failures[_i].note);
}
END_TEST

START_TEST(a_run_below_its_floor_is_inconclusive_and_one_without_is_not)
{
    json_t *nothing = json_object(), *none = json_array();

    verdict_of_run(run, nothing, least, none);
    ck_assert_str_eq(json_string_value(json_object_get(run, "verdict")), "pass");
    json_object_set_new(run, "floor", floor_describe(reference, least));
    verdict_of_run(run, nothing, least, none);
    ck_assert_str_eq(json_string_value(json_object_get(run, "verdict")), "inconclusive");
    ck_assert_uint_eq(json_array_size(json_object_get(run, "missing")), 1);
    json_decref(nothing);
    json_decref(none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("floor");
    TCase *tests = tcase_create("floor");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_below_says_what_both_did);
    tcase_add_loop_test(tests, rates_are_compared, 0, sizeof shares / sizeof *shares);
    tcase_add_test(tests, workloads_that_count_the_same_are_added_up);
    tcase_add_test(tests, what_the_reference_does_not_count_has_no_floor_and_that_is_told);
    tcase_add_loop_test(tests, a_reference_that_is_not_clean_judges_nothing, 0,
                        sizeof failures / sizeof *failures);
    tcase_add_test(tests, a_run_below_its_floor_is_inconclusive_and_one_without_is_not);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
