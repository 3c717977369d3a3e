/* The bootstrap's interval against one without chance: of a few values every sample that can be
 * drawn is drawn, once. */
#include "torture/result/interval.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MOST 6

static double values[] = {7.5, -2, 3.25, 11, 4, 30};

/* The share of all samples of `count` values whose median is below x, or is x too. */
static double share_below(size_t count, double x, bool too)
{
    size_t samples = (size_t)pow((double)count, (double)count), below = 0;
    double drawn[MOST];

    for (size_t sample = 0; sample < samples; sample++) {
        size_t digits = sample;
        double median;

        for (size_t i = 0; i < count; i++, digits /= count)
            drawn[i] = values[digits % count];
        median = median_of(drawn, count);
        below += median < x || (too && median == x);
    }
    return (double)below / (double)samples;
}

START_TEST(a_median_is_in_the_middle)
{
    double odd[] = {5, 1, 4}, even[] = {10, 2, 4, 1};

    ck_assert_double_eq(median_of(odd, 3), 4);
    ck_assert_double_eq(median_of(even, 4), 3);
    ck_assert_double_eq(median_of(odd, 1), 1);
}
END_TEST

/* A bound of 10 000 samples is one of all samples at a share that is near 2.5 %. */
START_TEST(the_bounds_are_those_of_all_samples)
{
    for (size_t count = 1; count <= MOST; count++) {
        double copy[MOST];
        struct interval found;

        memcpy(copy, values, sizeof copy);
        found = interval_of_median(copy, count, 7);
        ck_assert_double_le(share_below(count, found.low, false), 0.025 + 0.008);
        ck_assert_double_ge(share_below(count, found.low, true), 0.025 - 0.008);
        ck_assert_double_le(share_below(count, found.high, false), 0.975 + 0.008);
        ck_assert_double_ge(share_below(count, found.high, true), 0.975 - 0.008);
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_interval_and_order_is_nothing)
{
    double forth[100], back[100];
    struct interval one, other, third;

    for (size_t i = 0; i < 100; i++)
        forth[i] = back[99 - i] = (double)(i * i);
    one = interval_of_median(forth, 100, 1);
    other = interval_of_median(back, 100, 1);
    third = interval_of_median(back, 100, 2);
    ck_assert_double_eq(one.low, other.low);
    ck_assert_double_eq(one.high, other.high);
    ck_assert(one.low != third.low || one.high != third.high);
    ck_assert_double_lt(one.low, 49.5 * 49.5);
    ck_assert_double_gt(one.high, 49.5 * 49.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interval");
    TCase *tests = tcase_create("interval");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_median_is_in_the_middle);
    tcase_add_test(tests, the_bounds_are_those_of_all_samples);
    tcase_add_test(tests, the_same_seed_gives_the_same_interval_and_order_is_nothing);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
