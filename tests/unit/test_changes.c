/* Where a series changes its level: series with steps that are known, and series with none. */
#include "torture/compare/changes.h"

#include "torture/record/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { LENGTH = 40, MOST = 10 };

static struct random random_state;
static struct change changes[MOST];

/* Nearly normal, by twelve uniform ones. */
static double noise(double size)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)(random_next(&random_state) >> 11) / 9007199254740992.0;
    return size * sum;
}

/* From one place on `factor` times as much. */
static void make_series(double *series, size_t at, double factor)
{
    for (size_t i = 0; i < LENGTH; i++)
        series[i] = 1e6 * exp(noise(0.05)) * (i >= at ? factor : 1);
}

START_TEST(series_without_a_step_have_no_change)
{
    double series[LENGTH];
    size_t found = 0;

    random_start(&random_state, 1, 0);
    for (int i = 0; i < 500; i++) {
        make_series(series, LENGTH, 1);
        found += changes_find(series, LENGTH, changes, MOST) > 0;
    }
    ck_assert_uint_le(found, 2); /* one in 1000 is mistaken */
}
END_TEST

START_TEST(a_step_is_found_where_it_is)
{
    double series[LENGTH];
    size_t exact = 0;

    random_start(&random_state, 2, 0);
    for (int i = 0; i < 200; i++) {
        size_t at = 4 + random_below(&random_state, LENGTH - 8);
        size_t found;

        make_series(series, at, 1.3);
        found = changes_find(series, LENGTH, changes, MOST);
        ck_assert_uint_ge(found, 1);
        exact += found == 1 && changes[0].at == at;
        ck_assert(changes[0].chance <= 0.001);
    }
    ck_assert_uint_ge(exact, 195);
}
END_TEST

START_TEST(several_steps_come_in_their_order_with_their_levels)
{
    double series[LENGTH];

    random_start(&random_state, 3, 0);
    for (size_t i = 0; i < LENGTH; i++)
        series[i] = (i < 12 ? 100 : i < 27 ? 150 : 80) * exp(noise(0.01));
    ck_assert_uint_eq(changes_find(series, LENGTH, changes, MOST), 2);
    ck_assert_uint_eq(changes[0].at, 12);
    ck_assert_uint_eq(changes[1].at, 27);
    ck_assert_double_eq_tol(changes[0].before, 100, 2);
    ck_assert_double_eq_tol(changes[0].after, 150, 3);
    ck_assert_double_eq_tol(changes[1].before, 150, 3);
    ck_assert_double_eq_tol(changes[1].after, 80, 2);
}
END_TEST

START_TEST(one_value_that_is_odd_is_no_change)
{
    double series[LENGTH];

    random_start(&random_state, 4, 0);
    for (int i = 0; i < 50; i++) {
        make_series(series, LENGTH, 1);
        series[3 + i % (LENGTH - 6)] *= 20;
        ck_assert_uint_eq(changes_find(series, LENGTH, changes, MOST), 0);
    }
}
END_TEST

START_TEST(few_values_and_equal_ones_have_none)
{
    double series[LENGTH];

    for (size_t i = 0; i < LENGTH; i++)
        series[i] = 7;
    for (size_t count = 0; count <= LENGTH; count++)
        ck_assert_uint_eq(changes_find(series, count, changes, MOST), 0);
    for (size_t i = 3; i < 6; i++)
        series[i] = 70; /* of six values no division is rarer than one in 20 */
    ck_assert_uint_eq(changes_find(series, 6, changes, MOST), 0);
}
END_TEST

START_TEST(no_more_are_returned_than_there_is_room_for)
{
    double series[LENGTH];

    for (size_t i = 0; i < LENGTH; i++)
        series[i] = (i / 10 + 1) * 100.0 + (double)(i % 2);
    ck_assert_uint_eq(changes_find(series, LENGTH, changes, 1), 1);
    ck_assert_uint_eq(changes_find(series, LENGTH, changes, MOST), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("changes of level");
    TCase *tests = tcase_create("changes");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, series_without_a_step_have_no_change);
    tcase_add_test(tests, a_step_is_found_where_it_is);
    tcase_add_test(tests, several_steps_come_in_their_order_with_their_levels);
    tcase_add_test(tests, one_value_that_is_odd_is_no_change);
    tcase_add_test(tests, few_values_and_equal_ones_have_none);
    tcase_add_test(tests, no_more_are_returned_than_there_is_room_for);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
