/* Log-linear histogram: constant time, no allocation, relative error at most 1/128.
 *
 * Values below 128 have a bucket each; every octave above is cut into 128. One thread adds; any
 * thread or process may read meanwhile, and sees each bucket whole. A value that is larger than the
 * last bucket's counts there, and in `max` as it is.
 */
#ifndef STILLPOINT_HISTOGRAM_H
#define STILLPOINT_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_STEPS   128u /* per octave */
#define HISTOGRAM_OCTAVES 38u  /* values up to 2^44: nanoseconds of five hours */
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * HISTOGRAM_OCTAVES)

/* All zero is an empty histogram. */
struct histogram {
    _Atomic uint64_t count, sum, max;
    _Atomic uint64_t min_inverted; /* ~min, so that zero means none yet */
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    unsigned shift;

    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - 7u;
    if (shift >= HISTOGRAM_OCTAVES - 1)
        return HISTOGRAM_BUCKETS - 1;
    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((value >> shift) - HISTOGRAM_STEPS);
}

/* The smallest and the largest value of a bucket. */
static inline uint64_t histogram_low(unsigned bucket)
{
    unsigned octave = bucket / HISTOGRAM_STEPS, step = bucket % HISTOGRAM_STEPS;

    return octave == 0 ? step : (uint64_t)(HISTOGRAM_STEPS + step) << (octave - 1);
}

static inline uint64_t histogram_high(unsigned bucket)
{
    return histogram_low(bucket + 1) - 1;
}

/* Single writer: plain loads and stores, no locked instruction. */
static inline void histogram_bump(_Atomic uint64_t *field, uint64_t by)
{
    atomic_store_explicit(field, atomic_load_explicit(field, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

static inline void histogram_add_many(struct histogram *h, uint64_t value, uint64_t times)
{
    _Atomic uint64_t *bucket = &h->buckets[histogram_bucket(value)];

    if (value > atomic_load_explicit(&h->max, memory_order_relaxed))
        atomic_store_explicit(&h->max, value, memory_order_relaxed);
    if (~value > atomic_load_explicit(&h->min_inverted, memory_order_relaxed))
        atomic_store_explicit(&h->min_inverted, ~value, memory_order_relaxed);
    histogram_bump(&h->count, times);
    histogram_bump(&h->sum, value * times);
    /* Orders: STORE max, STORE min_inverted -> STORE buckets[] (release).
     * Pairs with: tally_add(), LOAD buckets[] (acquire) -> LOAD max, LOAD min_inverted.
     * Broken: a sum counts its first value and has the extremes of an empty histogram. */
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + times,
                          memory_order_release);
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    histogram_add_many(h, value, 1);
}

/* A sum of histograms, for the collector: plain numbers. */
struct tally {
    uint64_t count, sum, max, min;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void tally_clear(struct tally *t);
void tally_add(struct tally *t, const struct histogram *h);
/* What came after `before`, which an earlier sum of the same histograms filled. The extremes are
 * then known to their bucket only, but never lie outside of what was seen. */
void tally_subtract(struct tally *t, const struct tally *before);
/* The smallest value such that at least percent % of all values are not larger, rounded up to the
 * end of its bucket, but never above the maximum. 0 when empty. */
uint64_t tally_percentile(const struct tally *t, double percent);
/* The same when each value counts as much as it is long: where values are times that follow one
 * another, what a random moment falls into. Each stands for the middle of its bucket. */
uint64_t tally_percentile_by_time(const struct tally *t, double percent);

#endif
