#include "latency.h"

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"10", 10}, {"50", 50},     {"90", 90},
                   {"99", 99}, {"99.9", 99.9}, {"99.99", 99.99}};

json_t *latency_describe(const struct tally *t, const char *unit)
{
    json_t *buckets = json_array(), *marks = json_object(), *by_time = json_object();

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (t->buckets[i])
            json_array_append_new(buckets, json_pack("[I, I, I]", (json_int_t)histogram_low(i),
                                                     (json_int_t)histogram_high(i),
                                                     (json_int_t)t->buckets[i]));
    for (size_t i = 0; t->count > 0 && i < sizeof percentiles / sizeof *percentiles; i++) {
        const char *name = percentiles[i].name;
        double percent = percentiles[i].percent;

        json_object_set_new(marks, name, json_integer((json_int_t)tally_percentile(t, percent)));
        json_object_set_new(by_time, name,
                            json_integer((json_int_t)tally_percentile_by_time(t, percent)));
    }
    return json_pack("{ss sI sI sf sI so so so}", "unit", unit, "count", (json_int_t)t->count,
                     "min", (json_int_t)t->min, "mean",
                     t->count ? (double)t->sum / (double)t->count : 0.0, "max", (json_int_t)t->max,
                     "percentiles", marks, "by_time", by_time, "buckets", buckets);
}

json_t *latency_delta(const struct tally *t)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (t->buckets[i])
            json_array_append_new(list, json_pack("[i, I]", (int)i, (json_int_t)t->buckets[i]));
    return list;
}

void latency_add_delta(struct tally *t, json_t *delta)
{
    json_t *pair;
    size_t i;

    json_array_foreach (delta, i, pair) {
        json_int_t bucket = json_integer_value(json_array_get(pair, 0));
        json_int_t n = json_integer_value(json_array_get(pair, 1));
        uint64_t low, high;

        if (bucket < 0 || bucket >= (json_int_t)HISTOGRAM_BUCKETS || n <= 0)
            continue;
        low = histogram_low((unsigned)bucket);
        high = histogram_high((unsigned)bucket);
        if (t->count == 0 || low < t->min)
            t->min = low;
        if (high > t->max)
            t->max = high;
        t->buckets[bucket] += (uint64_t)n;
        t->count += (uint64_t)n;
        t->sum += (uint64_t)n * ((low + high) / 2);
    }
}
