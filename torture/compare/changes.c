#include "changes.h"

#include "torture/record/random.h"
#include "torture/result/interval.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 3, PERMUTATIONS = 1999 };
#define MOST_CHANCE 0.001

struct split {
    size_t at;
    double worth;
};

/* How much more two parts differ from one another than in themselves: what `between`, and the sums
 * within each, are of all pairs. */
static double worth(double between, double left, double right, size_t n, size_t m)
{
    double a = (double)n, b = (double)m;

    return a * b / (a + b) *
           (2 * between / (a * b) - 2 * left / (a * (a - 1)) - 2 * right / (b * (b - 1)));
}

/* The best place to divide the series; each value that goes from the right to the left takes its
 * distances along. */
static struct split best_split(const double *x, size_t count)
{
    struct split best = {.worth = -INFINITY};
    double left = 0, right = 0, between = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            right += fabs(x[i] - x[j]);
    for (size_t at = 1; at <= count - SHORTEST; at++) {
        double to_left = 0, to_right = 0, value = x[at - 1], w;

        for (size_t i = 0; i + 1 < at; i++)
            to_left += fabs(value - x[i]);
        for (size_t i = at; i < count; i++)
            to_right += fabs(value - x[i]);
        left += to_left;
        right -= to_right;
        between += to_right - to_left;
        if (at < SHORTEST)
            continue;
        w = worth(between, left, right, at, count - at);
        if (w > best.worth)
            best = (struct split){.at = at, .worth = w};
    }
    return best;
}

static void shuffle(double *x, size_t count, struct random *r)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(r, i);
        double kept = x[i - 1];

        x[i - 1] = x[j];
        x[j] = kept;
    }
}

/* Of the series in any order, in how many some place is as good. Stops when too many are. */
static double chance_of(const double *x, size_t count, double found)
{
    double *permuted = calloc(count + 1, sizeof *permuted);
    size_t as_good = 1, done = 0;
    struct random random;

    if (!permuted)
        abort();
    memcpy(permuted, x, count * sizeof *x);
    random_start(&random, count, 3);
    while (done < PERMUTATIONS && (double)as_good <= MOST_CHANCE * (PERMUTATIONS + 1)) {
        shuffle(permuted, count, &random);
        as_good += best_split(permuted, count).worth >= found;
        done++;
    }
    free(permuted);
    return (double)as_good / (double)(done + 1);
}

struct search {
    const double *logs;
    struct change *changes;
    size_t count, room;
};

static void search_in(struct search *s, size_t from, size_t to)
{
    struct split split;
    double chance;

    if (to - from < 2 * SHORTEST)
        return;
    split = best_split(s->logs + from, to - from);
    chance = chance_of(s->logs + from, to - from, split.worth);
    if (chance > MOST_CHANCE)
        return;
    search_in(s, from, from + split.at);
    if (s->count < s->room)
        s->changes[s->count++] = (struct change){.at = from + split.at, .chance = chance};
    search_in(s, from + split.at, to);
}

static double level(const double *values, size_t from, size_t to)
{
    double *copy = calloc(to - from + 1, sizeof *copy), result;

    if (!copy)
        abort();
    memcpy(copy, values + from, (to - from) * sizeof *copy);
    result = median_of(copy, to - from);
    free(copy);
    return result;
}

size_t changes_find(const double *values, size_t count, struct change *changes, size_t room)
{
    double *logs = calloc(count + 1, sizeof *logs);
    struct search s = {.logs = logs, .changes = changes, .room = room};

    if (!logs)
        abort();
    for (size_t i = 0; i < count; i++)
        logs[i] = log(values[i]);
    search_in(&s, 0, count);
    for (size_t i = 0; i < s.count; i++) {
        changes[i].before = level(values, i > 0 ? changes[i - 1].at : 0, changes[i].at);
        changes[i].after =
            level(values, changes[i].at, i + 1 < s.count ? changes[i + 1].at : count);
    }
    free(logs);
    return s.count;
}
