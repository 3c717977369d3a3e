/* Time series: what torture/result/series.h says. */
#include "torture/result/latency.h"
#include "torture/result/series.h"

#include <check.h>
#include <stdlib.h>

#define STEPS 100

static struct tally all[2], step;

/* One value a microsecond or so, and in every seventh step none of the second latency. */
static void fill(unsigned number, unsigned latency)
{
    tally_clear(&step);
    for (unsigned i = 0; i < 50 && (latency == 0 || number % 7 != 0); i++) {
        uint64_t value = (i * 37 + number * 101) % 5000 + latency * 100000;
        unsigned bucket = histogram_bucket(value);

        for (struct tally *t = &step; t; t = t == &step ? &all[latency] : NULL) {
            t->buckets[bucket]++;
            t->count++;
            t->max = value > t->max ? value : t->max;
        }
    }
}

static json_t *event(unsigned number)
{
    static const char *const names[] = {"gp", "gp.total"};
    json_t *latencies = json_object();

    for (unsigned i = 0; i < 2; i++) {
        fill(number, i);
        if (step.count > 0)
            json_object_set_new(latencies, names[i],
                                json_pack("{sI sI sI sI so}", "count", (json_int_t)step.count,
                                          "p50", (json_int_t)tally_percentile(&step, 50), "p99",
                                          (json_int_t)tally_percentile(&step, 99), "max",
                                          (json_int_t)step.max, "delta", latency_delta(&step)));
    }
    return json_pack("{sf sf sf so}", "t", 1.0 + number, "gps_per_second", (double)number, "lost_s",
                     0.5, "latency", latencies);
}

/* Returns how often intervals were joined. */
static unsigned add_steps(struct series *s)
{
    unsigned joined = 0;

    tally_clear(&all[0]);
    tally_clear(&all[1]);
    for (unsigned i = 0; i < STEPS; i++) {
        json_t *one = event(i);

        joined += series_add(s, one);
        json_decref(one);
    }
    return joined;
}

static double number_of(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

START_TEST(all_are_kept_as_they_are_without_a_limit)
{
    struct series s;
    json_t *list;

    series_open(&s, 0);
    ck_assert_uint_eq(add_steps(&s), 0);
    list = series_describe(&s);
    ck_assert_uint_eq(json_array_size(list), STEPS);
    ck_assert_double_eq(number_of(json_array_get(list, 41), "t"), 42);
    series_close(&s);
}
END_TEST

START_TEST(what_two_measured_is_in_the_one_that_they_become)
{
    struct series s;
    json_t *list, *interval;
    double count = 0, lost = 0, gps = 0, begin = 0;
    size_t i;

    series_open(&s, 8);
    ck_assert_uint_ge(add_steps(&s), 2);
    list = series_describe(&s);
    ck_assert_uint_lt(json_array_size(list), 8);
    json_array_foreach (list, i, interval) {
        json_t *gp = json_object_get(json_object_get(interval, "latency"), "gp");

        count += number_of(gp, "count");
        lost += number_of(interval, "lost_s");
        gps += number_of(interval, "gps_per_second") * (number_of(interval, "t") - begin);
        begin = number_of(interval, "t");
        ck_assert_ptr_null(json_object_get(gp, "packed"));
    }
    ck_assert_double_eq(begin, STEPS);
    ck_assert_double_eq(count, (double)all[0].count);
    ck_assert_double_eq_tol(lost, 0.5 * STEPS, 1e-9);
    ck_assert_double_eq_tol(gps, STEPS * (STEPS - 1) / 2.0, 1e-6);
    series_close(&s);
}
END_TEST

START_TEST(percentiles_of_joined_intervals_are_those_of_all_their_values)
{
    static const char *const names[] = {"gp", "gp.total"};
    struct series s;
    json_t *latencies;

    /* With room for one all become one at once. */
    series_open(&s, 2);
    add_steps(&s);
    latencies = json_object_get(json_array_get(series_describe(&s), 0), "latency");
    ck_assert_uint_eq(json_array_size(s.intervals), 1);
    for (unsigned i = 0; i < 2; i++) {
        json_t *latency = json_object_get(latencies, names[i]);

        ck_assert_double_eq(number_of(latency, "count"), (double)all[i].count);
        ck_assert_double_eq(number_of(latency, "p50"), (double)tally_percentile(&all[i], 50));
        ck_assert_double_eq(number_of(latency, "p99"), (double)tally_percentile(&all[i], 99));
        ck_assert_double_eq(number_of(latency, "max"), (double)all[i].max);
    }
    series_close(&s);
}
END_TEST

START_TEST(a_day_has_few_more_events_than_an_hour)
{
    ck_assert_double_eq(series_events(100, 0.25, 0), 400);
    ck_assert_double_eq(series_events(100, 0.25, 2000), 400);
    ck_assert_double_eq(series_events(500, 0.25, 2000), 2000);
    ck_assert_double_eq(series_events(2000, 0.25, 2000), 4000);
    ck_assert_double_lt(series_events(86400, 0.25, 2000), 10000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("series");
    TCase *tests = tcase_create("series");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, all_are_kept_as_they_are_without_a_limit);
    tcase_add_test(tests, what_two_measured_is_in_the_one_that_they_become);
    tcase_add_test(tests, percentiles_of_joined_intervals_are_those_of_all_their_values);
    tcase_add_test(tests, a_day_has_few_more_events_than_an_hour);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
