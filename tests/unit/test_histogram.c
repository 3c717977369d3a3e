/* The histogram's error bound against exact percentiles, and the random numbers it is tested
 * with. */
#include "torture/record/histogram.h"
#include "torture/record/random.h"

#include "library.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define VALUES      20000u
#define LAST_BUCKET (HISTOGRAM_BUCKETS - 1)
/* The first value that the last bucket takes in although it lies above it. */
#define OVERFLOW (UINT64_C(1) << 44)

/* ---- what the tests have in common ---- */

static struct histogram histogram, other;
static struct tally tally, before;
static uint64_t values[VALUES];

static void reset(void)
{
    memset(&histogram, 0, sizeof histogram);
    memset(&other, 0, sizeof other);
    tally_clear(&tally);
    tally_clear(&before);
}

enum shape { UNIFORM, EXPONENTIAL, POWER_LAW, SMALL, SHAPES };

static uint64_t draw(struct random *r, enum shape shape)
{
    double u = ((double)random_below(r, UINT64_C(1) << 52) + 1) / (double)(UINT64_C(1) << 52);

    switch (shape) {
    case UNIFORM:
        return random_below(r, UINT64_C(1) << 40);
    case EXPONENTIAL:
        return (uint64_t)(-50000.0 * log(u));
    case POWER_LAW:
        return (uint64_t)fmin(100.0 / pow(u, 1.5), 0x1p43);
    default:
        return random_below(r, HISTOGRAM_STEPS);
    }
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void fill(enum shape shape, uint64_t seed)
{
    struct random r;

    random_start(&r, seed, 0);
    for (unsigned i = 0; i < VALUES; i++)
        values[i] = draw(&r, shape);
}

/* The percentiles of values[first..last), which it sorts, against those of the tally. */
static void expect_percentiles(unsigned first, unsigned last)
{
    /* In thousandths of a percent, so that the exact rank is an integer. */
    static const uint64_t points[] = {0,     1,     1000,  10000, 25000, 50000, 75000,
                                      90000, 99000, 99900, 99990, 99999, 100000};
    uint64_t count = last - first;

    qsort(values + first, count, sizeof *values, ascending);
    for (unsigned i = 0; i < sizeof points / sizeof *points; i++) {
        uint64_t rank = (count * points[i] + 99999) / 100000;
        uint64_t exact = values[first + (rank > 0 ? rank - 1 : 0)];
        uint64_t got = tally_percentile(&tally, (double)points[i] / 1000);

        ck_assert_msg(got >= exact && got - exact <= exact / 128,
                      "percentile %g is %" PRIu64 " instead of %" PRIu64, (double)points[i] / 1000,
                      got, exact);
    }
}

/* ---- buckets ---- */

START_TEST(buckets_follow_one_another_without_a_gap)
{
    ck_assert_uint_eq(histogram_low(0), 0);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        ck_assert_uint_le(histogram_low(i), histogram_high(i));
        ck_assert_uint_eq(histogram_high(i) + 1, histogram_low(i + 1));
    }
    ck_assert_uint_eq(histogram_high(LAST_BUCKET) + 1, OVERFLOW);
}
END_TEST

START_TEST(a_value_falls_between_the_bounds_of_its_bucket)
{
    unsigned outside = 0;
    struct random r;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t low = histogram_low(i), high = histogram_high(i);

        ck_assert_uint_eq(histogram_bucket(low), i);
        ck_assert_uint_eq(histogram_bucket(low + (high - low) / 2), i);
        ck_assert_uint_eq(histogram_bucket(high), i);
    }
    random_start(&r, 1, 0);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t value = random_next(&r) >> (20 + random_below(&r, 44));
        unsigned bucket = histogram_bucket(value);

        outside += value < histogram_low(bucket) || value > histogram_high(bucket);
    }
    ck_assert_uint_eq(outside, 0);
}
END_TEST

START_TEST(a_bucket_is_at_most_a_128th_of_its_values_wide)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        ck_assert_uint_le(histogram_high(i) - histogram_low(i), histogram_low(i) / 128);
}
END_TEST

START_TEST(a_value_above_the_range_counts_in_the_last_bucket)
{
    static const uint64_t large[] = {OVERFLOW, OVERFLOW + 1, UINT64_C(1) << 50, UINT64_C(1) << 63,
                                     UINT64_MAX};

    for (unsigned i = 0; i < sizeof large / sizeof *large; i++)
        ck_assert_uint_eq(histogram_bucket(large[i]), LAST_BUCKET);
}
END_TEST

/* ---- sums and percentiles ---- */

START_TEST(an_empty_histogram_is_all_zero)
{
    tally_add(&tally, &histogram);
    ck_assert_uint_eq(tally.count, 0);
    ck_assert_uint_eq(tally.sum, 0);
    ck_assert_uint_eq(tally.min, 0);
    ck_assert_uint_eq(tally.max, 0);
    ck_assert_uint_eq(tally_percentile(&tally, 50), 0);
    ck_assert_uint_eq(tally_percentile(&tally, 100), 0);
}
END_TEST

/* The value into which a moment falls that comes after `share` of the time that all values take. */
static uint64_t exact_by_time(double share)
{
    double all = 0, below = 0;

    for (unsigned i = 0; i < VALUES; i++)
        all += (double)values[i];
    for (unsigned i = 0; i < VALUES; i++) {
        below += (double)values[i];
        if (below >= all * share)
            return values[i];
    }
    return values[VALUES - 1];
}

START_TEST(by_time_a_percentile_is_what_a_moment_falls_into)
{
    static const double percents[] = {1, 10, 50, 90, 99, 99.9};

    fill((enum shape)(_i % SHAPES), (uint64_t)_i);
    for (unsigned i = 0; i < VALUES; i++)
        histogram_add(&histogram, values[i]);
    tally_add(&tally, &histogram);
    qsort(values, VALUES, sizeof *values, ascending);
    for (unsigned i = 0; i < sizeof percents / sizeof *percents; i++) {
        /* A bucket's middle is at most 1/256 from a value in it, and so is a sum of them. */
        uint64_t least = exact_by_time(percents[i] / 100 * (1 - 1.0 / 100));
        uint64_t most = exact_by_time(fmin(1, percents[i] / 100 * (1 + 1.0 / 100)));
        uint64_t got = tally_percentile_by_time(&tally, percents[i]);

        ck_assert_msg(got >= least && got <= most + most / 128,
                      "percentile %g by time is %" PRIu64 ", not in %" PRIu64 " to %" PRIu64,
                      percents[i], got, least, most);
    }
}
END_TEST

START_TEST(by_time_many_short_ones_do_not_hide_a_long_one)
{
    histogram_add_many(&histogram, 20, 1000000);
    histogram_add(&histogram, 30000000);
    tally_add(&tally, &histogram);
    ck_assert_uint_eq(tally_percentile(&tally, 99), 20);
    ck_assert_uint_eq(tally_percentile_by_time(&tally, 30), 20);
    ck_assert_uint_eq(tally_percentile_by_time(&tally, 50), 30000000);
    tally_clear(&tally);
    ck_assert_uint_eq(tally_percentile_by_time(&tally, 50), 0);
}
END_TEST

START_TEST(percentiles_are_a_128th_too_large_at_most)
{
    fill((enum shape)(_i % SHAPES), (uint64_t)_i);
    for (unsigned i = 0; i < VALUES; i++)
        histogram_add(&histogram, values[i]);
    tally_add(&tally, &histogram);
    expect_percentiles(0, VALUES);
    ck_assert_uint_eq(tally.min, values[0]);
    ck_assert_uint_eq(tally.max, values[VALUES - 1]);
}
END_TEST

START_TEST(a_single_value_is_exact)
{
    histogram_add(&histogram, 123456789);
    tally_add(&tally, &histogram);
    for (unsigned i = 0; i <= 100; i++)
        ck_assert_uint_eq(tally_percentile(&tally, i), 123456789);
    ck_assert_uint_eq(tally.count, 1);
    ck_assert_uint_eq(tally.sum, 123456789);
    ck_assert_uint_eq(tally.min, 123456789);
    ck_assert_uint_eq(tally.max, 123456789);
}
END_TEST

START_TEST(extremes_are_exact)
{
    histogram_add(&histogram, 0);
    histogram_add(&histogram, UINT64_MAX);
    tally_add(&tally, &histogram);
    ck_assert_uint_eq(tally.min, 0);
    ck_assert_uint_eq(tally.max, UINT64_MAX);
    ck_assert_uint_eq(tally_percentile(&tally, 50), 0);
    ck_assert_uint_eq(tally_percentile(&tally, 100), UINT64_MAX);
    /* The largest value alone: its minimum is not "none yet". */
    histogram_add(&other, UINT64_MAX);
    tally_add(&before, &other);
    ck_assert_uint_eq(before.min, UINT64_MAX);
}
END_TEST

START_TEST(a_value_above_the_range_shows_in_the_maximum)
{
    histogram_add_many(&histogram, 1000, 999);
    histogram_add(&histogram, OVERFLOW + 12345);
    tally_add(&tally, &histogram);
    ck_assert_uint_eq(tally.max, OVERFLOW + 12345);
    ck_assert_uint_eq(tally_percentile(&tally, 100), OVERFLOW + 12345);
    ck_assert_uint_le(tally_percentile(&tally, 99.9), 1000 + 1000 / 128);
}
END_TEST

START_TEST(many_at_once_are_as_many_one_by_one)
{
    for (unsigned i = 0; i < 1000; i++) {
        histogram_add(&histogram, i * i);
        histogram_add(&histogram, i * i);
        histogram_add(&histogram, i * i);
        histogram_add_many(&other, i * i, 3);
    }
    ck_assert_mem_eq(&histogram, &other, sizeof histogram);
}
END_TEST

START_TEST(a_sum_is_as_one_histogram_of_all)
{
    fill(POWER_LAW, 7);
    for (unsigned i = 0; i < VALUES; i++)
        histogram_add(i % 3 == 0 ? &histogram : &other, values[i]);
    tally_add(&tally, &histogram);
    tally_add(&tally, &other);
    ck_assert_uint_eq(tally.count, VALUES);
    expect_percentiles(0, VALUES);
    ck_assert_uint_eq(tally.min, values[0]);
    ck_assert_uint_eq(tally.max, values[VALUES - 1]);
}
END_TEST

START_TEST(a_difference_is_what_came_later)
{
    uint64_t sum = 0;

    fill((enum shape)_i, 11);
    for (unsigned i = 0; i < VALUES; i++) {
        if (i == VALUES / 3)
            tally_add(&before, &histogram);
        if (i >= VALUES / 3)
            sum += values[i];
        histogram_add(&histogram, values[i]);
    }
    tally_add(&tally, &histogram);
    tally_subtract(&tally, &before);
    ck_assert_uint_eq(tally.count, VALUES - VALUES / 3);
    ck_assert_uint_eq(tally.sum, sum);
    expect_percentiles(VALUES / 3, VALUES);
    /* The extremes are known to their bucket. */
    ck_assert_uint_le(tally.min, values[VALUES / 3]);
    ck_assert_uint_eq(histogram_bucket(tally.min), histogram_bucket(values[VALUES / 3]));
    ck_assert_uint_ge(tally.max, values[VALUES - 1]);
    ck_assert_uint_eq(histogram_bucket(tally.max), histogram_bucket(values[VALUES - 1]));
}
END_TEST

START_TEST(a_difference_with_nothing_changes_nothing)
{
    histogram_add(&histogram, 300);
    histogram_add(&histogram, 70000);
    tally_add(&tally, &histogram);
    tally_subtract(&tally, &before);
    ck_assert_uint_eq(tally.count, 2);
    ck_assert_uint_eq(tally.min, 300);
    ck_assert_uint_eq(tally.max, 70000);
}
END_TEST

START_TEST(a_difference_of_the_same_is_empty)
{
    histogram_add(&histogram, 300);
    tally_add(&before, &histogram);
    tally_add(&tally, &histogram);
    tally_subtract(&tally, &before);
    ck_assert_uint_eq(tally.count, 0);
    ck_assert_uint_eq(tally.sum, 0);
    ck_assert_uint_eq(tally.min, 0);
    ck_assert_uint_eq(tally.max, 0);
    ck_assert_uint_eq(tally_percentile(&tally, 99), 0);
}
END_TEST

START_TEST(the_maximum_of_a_difference_lies_in_what_was_seen)
{
    histogram_add(&histogram, OVERFLOW + 12345);
    tally_add(&before, &histogram);
    histogram_add(&histogram, 5);
    tally_add(&tally, &histogram);
    tally_subtract(&tally, &before);
    ck_assert_uint_eq(tally.min, 5);
    ck_assert_uint_eq(tally.max, 5);
}
END_TEST

/* ---- one writes, others read ---- */

#define WRITES 300000u

static atomic_bool written;

static void *writer_main(void *unused)
{
    struct random r;

    random_start(&r, 3, 0);
    for (unsigned i = 0; i < WRITES; i++)
        histogram_add(&histogram, draw(&r, POWER_LAW));
    atomic_store(&written, true);
    return unused;
}

START_TEST(sums_agree_with_their_buckets_while_the_writer_goes_on)
{
    bool last = false;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, writer_main, NULL), 0);
    while (!last) {
        unsigned lost = 0;
        uint64_t count = 0;

        last = atomic_load(&written);
        tally_clear(&tally);
        tally_add(&tally, &histogram);
        for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
            lost += tally.buckets[i] < before.buckets[i];
            count += tally.buckets[i];
        }
        ck_assert_uint_eq(lost, 0);
        ck_assert_uint_eq(tally.count, count);
        ck_assert_uint_ge(tally.count, before.count);
        ck_assert_uint_ge(tally.max, before.max);
        before = tally;
        sched_yield();
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(tally.count, WRITES);
}
END_TEST

/* ---- random numbers ---- */

START_TEST(a_seed_gives_the_same_numbers_again)
{
    struct random a, b;

    for (uint64_t seed = 0; seed < 100; seed++) {
        random_start(&a, seed, 5);
        random_start(&b, seed, 5);
        for (unsigned i = 0; i < 100; i++)
            ck_assert_uint_eq(random_next(&a), random_next(&b));
    }
}
END_TEST

START_TEST(neighbouring_seeds_and_streams_differ)
{
    struct random r;
    uint64_t first[200];

    for (uint64_t i = 0; i < 100; i++) {
        random_start(&r, i, 0);
        first[i] = random_next(&r);
        random_start(&r, 1000, i);
        first[100 + i] = random_next(&r);
    }
    qsort(first, 200, sizeof *first, ascending);
    for (unsigned i = 1; i < 200; i++)
        ck_assert_uint_ne(first[i - 1], first[i]);
}
END_TEST

START_TEST(numbers_below_a_bound_are_below_it)
{
    static const uint64_t bounds[] = {1, 2, 3, 10, 1000, UINT64_C(1) << 33, UINT64_MAX};
    struct random r;

    random_start(&r, 1, 0);
    for (unsigned i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (unsigned k = 0; k < 1000; k++)
            ck_assert_uint_lt(random_below(&r, bounds[i]), bounds[i]);
}
END_TEST

START_TEST(numbers_below_a_bound_are_uniform)
{
    static const unsigned bounds[] = {2, 3, 7, 10, 100};
    unsigned bound = bounds[_i];
    unsigned counts[100] = {0};
    double square = 0;
    struct random r;

    random_start(&r, 42, (uint64_t)_i);
    for (unsigned i = 0; i < 1000 * bound; i++)
        counts[random_below(&r, bound)]++;
    for (unsigned i = 0; i < bound; i++)
        square += ((double)counts[i] - 1000) * ((double)counts[i] - 1000) / 1000;
    /* Chi-squared, bound - 1 degrees of freedom: six standard deviations above the mean. */
    ck_assert_double_lt(square, bound - 1 + 6 * sqrt(2.0 * (bound - 1)));
}
END_TEST

START_TEST(one_in_n_comes_once_in_n)
{
    unsigned hits = 0, wrong = 0;
    struct random r;

    random_start(&r, 1, 0);
    for (unsigned i = 0; i < 100000; i++) {
        hits += random_one_in(&r, 10);
        wrong += random_one_in(&r, 0) || !random_one_in(&r, 1);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_ge(hits, 9500);
    ck_assert_uint_le(hits, 10500);
}
END_TEST

static Suite *histogram_suite(void)
{
    Suite *suite = suite_create("histogram");
    TCase *buckets = tcase_create("buckets"), *sums = tcase_create("sums"),
          *concurrent = tcase_create("concurrent"), *numbers = tcase_create("random");

    tcase_set_timeout(buckets, 120);
    tcase_add_test(buckets, buckets_follow_one_another_without_a_gap);
    tcase_add_test(buckets, a_value_falls_between_the_bounds_of_its_bucket);
    tcase_add_test(buckets, a_bucket_is_at_most_a_128th_of_its_values_wide);
    tcase_add_test(buckets, a_value_above_the_range_counts_in_the_last_bucket);
    suite_add_tcase(suite, buckets);

    tcase_add_checked_fixture(sums, reset, NULL);
    tcase_set_timeout(sums, 120);
    tcase_add_test(sums, an_empty_histogram_is_all_zero);
    tcase_add_loop_test(sums, by_time_a_percentile_is_what_a_moment_falls_into, 0, 5 * SHAPES);
    tcase_add_test(sums, by_time_many_short_ones_do_not_hide_a_long_one);
    tcase_add_loop_test(sums, percentiles_are_a_128th_too_large_at_most, 0, 5 * SHAPES);
    tcase_add_test(sums, a_single_value_is_exact);
    tcase_add_test(sums, extremes_are_exact);
    tcase_add_test(sums, a_value_above_the_range_shows_in_the_maximum);
    tcase_add_test(sums, many_at_once_are_as_many_one_by_one);
    tcase_add_test(sums, a_sum_is_as_one_histogram_of_all);
    tcase_add_loop_test(sums, a_difference_is_what_came_later, 0, SHAPES);
    tcase_add_test(sums, a_difference_with_nothing_changes_nothing);
    tcase_add_test(sums, a_difference_of_the_same_is_empty);
    tcase_add_test(sums, the_maximum_of_a_difference_lies_in_what_was_seen);
    suite_add_tcase(suite, sums);

    tcase_add_checked_fixture(concurrent, reset, NULL);
    tcase_set_timeout(concurrent, 120);
    tcase_add_test(concurrent, sums_agree_with_their_buckets_while_the_writer_goes_on);
    suite_add_tcase(suite, concurrent);

    tcase_set_timeout(numbers, 120);
    tcase_add_test(numbers, a_seed_gives_the_same_numbers_again);
    tcase_add_test(numbers, neighbouring_seeds_and_streams_differ);
    tcase_add_test(numbers, numbers_below_a_bound_are_below_it);
    tcase_add_loop_test(numbers, numbers_below_a_bound_are_uniform, 0, 5);
    tcase_add_test(numbers, one_in_n_comes_once_in_n);
    suite_add_tcase(suite, numbers);
    return suite;
}

int main(void)
{
    return run_suite(histogram_suite());
}
