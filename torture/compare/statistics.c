#include "statistics.h"

#include "torture/record/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *room_for(size_t count, size_t size)
{
    void *room = calloc(count + 1, size);

    if (!room)
        abort();
    return room;
}

static double median_of_copy(const double *values, size_t count, double *scratch)
{
    memcpy(scratch, values, count * sizeof *values);
    return median_of(scratch, count);
}

/* Nothing is once nothing. */
static double ratio_of(double fresh, double base)
{
    return fresh == base ? 1 : fresh / base;
}

double ratio_of_medians(const struct pairs *p)
{
    double *scratch = room_for(p->count, sizeof *scratch);
    double base = median_of_copy(p->base, p->count, scratch);
    double ratio = ratio_of(median_of_copy(p->fresh, p->count, scratch), base);

    free(scratch);
    return ratio;
}

/* --- The bootstrap --- */

struct interval interval_of_ratio(const struct pairs *p, uint64_t seed, size_t draws)
{
    double *base = room_for(p->count, sizeof *base), *fresh = room_for(p->count, sizeof *fresh);
    double *ratios = room_for(draws, sizeof *ratios);
    struct interval interval;
    struct random random;

    random_start(&random, seed, 0);
    for (size_t i = 0; i < draws; i++) {
        for (size_t j = 0; j < p->count; j++) {
            size_t drawn = random_below(&random, p->count);

            base[j] = p->base[drawn];
            fresh[j] = p->fresh[drawn];
        }
        ratios[i] = ratio_of(median_of(fresh, p->count), median_of(base, p->count));
    }
    sort_values(ratios, draws);
    interval = (struct interval){.low = ratios[draws / 40], .high = ratios[draws - 1 - draws / 40]};
    free(ratios);
    free(fresh);
    free(base);
    return interval;
}

/* --- Ranks --- */

struct ranked {
    double value;
    size_t place; /* 2 i: base of pair i, 2 i + 1: fresh */
};

static int by_value(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;

    return (a->value > b->value) - (a->value < b->value);
}

/* Of pair i, by how much fresh over the limit has a higher rank among all values of both sides than
 * base; twice, so that shared ranks are whole. */
static long *rank_differences(const struct pairs *p, double limit)
{
    struct ranked *all = room_for(2 * p->count, sizeof *all);
    long *differences = room_for(p->count, sizeof *differences);

    for (size_t i = 0; i < p->count; i++) {
        all[2 * i] = (struct ranked){p->base[i], 2 * i};
        all[2 * i + 1] = (struct ranked){p->fresh[i] / limit, 2 * i + 1};
    }
    qsort(all, 2 * p->count, sizeof *all, by_value);
    for (size_t i = 0, end; i < 2 * p->count; i = end) {
        for (end = i + 1; end < 2 * p->count && all[end].value == all[i].value;)
            end++;
        for (size_t j = i; j < end; j++)
            differences[all[j].place / 2] +=
                all[j].place % 2 ? (long)(i + 1 + end) : -(long)(i + 1 + end);
    }
    free(all);
    return differences;
}

/* The share of all ways to turn pairs round that give a sum of at least so much. */
static double share_of_sums(const size_t *sizes, size_t count, size_t least)
{
    size_t all = 0, sum = 0;
    double *share, chance = 0;

    for (size_t i = 0; i < count; i++)
        all += sizes[i];
    share = room_for(all, sizeof *share);
    share[0] = 1;
    for (size_t i = 0; i < count; i++) {
        sum += sizes[i];
        for (size_t s = sum + 1; s-- > 0;)
            share[s] = (share[s] + (s >= sizes[i] ? share[s - sizes[i]] : 0)) / 2;
    }
    for (size_t s = least; s <= all; s++)
        chance += share[s];
    free(share);
    return chance;
}

static double chance(const struct pairs *p, double limit, bool above)
{
    long *differences = rank_differences(p, limit);
    size_t *sizes = room_for(p->count, sizeof *sizes), sum = 0;
    double result;

    for (size_t i = 0; i < p->count; i++) {
        sizes[i] = (size_t)labs(differences[i]);
        sum += (differences[i] > 0) == above ? sizes[i] : 0;
    }
    result = share_of_sums(sizes, p->count, sum);
    free(sizes);
    free(differences);
    return result;
}

double chance_above(const struct pairs *p, double limit)
{
    return chance(p, limit, true);
}

double chance_below(const struct pairs *p, double limit)
{
    return chance(p, limit, false);
}

double least_chance(size_t pairs)
{
    return ldexp(1, -(int)pairs);
}

/* --- Several claims --- */

void adjust_chances(double *chances, size_t count)
{
    size_t *order = room_for(count, sizeof *order);
    double most = 0;

    /* By insertion: there are some dozens. */
    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        for (; at > 0 && chances[order[at - 1]] > chances[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t i = 0; i < count; i++) {
        double *one = &chances[order[i]];

        most = fmax(most, fmin(1, *one * (double)(count - i)));
        *one = most;
    }
    free(order);
}
