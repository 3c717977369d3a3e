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

double ratio_of_medians(const struct pairs *p)
{
    double *scratch = room_for(p->count, sizeof *scratch);
    double base = median_of_copy(p->base, p->count, scratch);
    double ratio = median_of_copy(p->fresh, p->count, scratch) / base;

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
        ratios[i] = median_of(fresh, p->count) / median_of(base, p->count);
    }
    sort_values(ratios, draws);
    interval = (struct interval){.low = ratios[draws / 40], .high = ratios[draws - 1 - draws / 40]};
    free(ratios);
    free(fresh);
    free(base);
    return interval;
}

/* --- Signed ranks --- */

struct difference {
    double size;
    bool above;
    unsigned rank; /* twice, so that shared ones are whole */
};

static int by_size(const void *left, const void *right)
{
    const struct difference *a = left, *b = right;

    return (a->size > b->size) - (a->size < b->size);
}

/* Of those that differ, smallest first; returns how many. */
static size_t rank_differences(const struct pairs *p, double limit, struct difference *differences)
{
    size_t count = 0, end;

    for (size_t i = 0; i < p->count; i++) {
        double difference = log(p->fresh[i] / p->base[i]) - log(limit);

        if (difference != 0)
            differences[count++] =
                (struct difference){.size = fabs(difference), .above = difference > 0};
    }
    qsort(differences, count, sizeof *differences, by_size);
    for (size_t i = 0; i < count; i = end) {
        for (end = i + 1; end < count && differences[end].size == differences[i].size;)
            end++;
        for (size_t j = i; j < end; j++)
            differences[j].rank = (unsigned)(i + 1 + end);
    }
    return count;
}

/* The share of all ways to choose which ranks are above that give a sum of at least so much. */
static double share_of_sums(const struct difference *differences, size_t count, size_t least)
{
    size_t all = 0, sum = 0;
    double *share, chance = 0;

    for (size_t i = 0; i < count; i++)
        all += differences[i].rank;
    share = room_for(all, sizeof *share);
    share[0] = 1;
    for (size_t i = 0; i < count; i++) {
        unsigned rank = differences[i].rank;

        sum += rank;
        for (size_t s = sum + 1; s-- > 0;)
            share[s] = (share[s] + (s >= rank ? share[s - rank] : 0)) / 2;
    }
    for (size_t s = least; s <= all; s++)
        chance += share[s];
    free(share);
    return chance;
}

static double chance(const struct pairs *p, double limit, bool above)
{
    struct difference *differences = room_for(p->count, sizeof *differences);
    size_t count = rank_differences(p, limit, differences), sum = 0;
    double result;

    for (size_t i = 0; i < count; i++)
        sum += differences[i].above == above ? differences[i].rank : 0;
    result = share_of_sums(differences, count, sum);
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
