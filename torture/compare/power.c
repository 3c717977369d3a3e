#include "power.h"

#include "claim.h"
#include "torture/record/random.h"

#include <math.h>
#include <stdlib.h>

enum { QUICK_DRAWS = 400, TRIALS = 200, FOUND = TRIALS * 9 / 10 };

/* Room for a comparison of one metric. */
struct drawn {
    double *base, *fresh;
    size_t count;
};

static void drawn_open(struct drawn *d, size_t pairs)
{
    *d = (struct drawn){.base = calloc(pairs + 1, sizeof *d->base),
                        .fresh = calloc(pairs + 1, sizeof *d->fresh)};
    if (!d->base || !d->fresh)
        abort();
}

static void drawn_close(struct drawn *d)
{
    free(d->base);
    free(d->fresh);
}

/* The same random state draws the same pairs of each metric. */
static struct pairs draw(struct drawn *d, const struct noise *n, size_t pairs, double factor,
                         struct random random)
{
    d->count = 0;
    for (size_t i = 0; i < pairs; i++) {
        size_t from = random_below(&random, n->count);
        bool turned = random_below(&random, 2);
        double base = turned ? n->same[from] : n->base[from];
        double fresh = turned ? n->base[from] : n->same[from];

        if (isnan(base) || isnan(fresh))
            continue;
        d->base[d->count] = base;
        d->fresh[d->count++] = fresh * factor;
    }
    return (struct pairs){.base = d->base, .fresh = d->fresh, .count = d->count};
}

/* Room for one of all metrics. */
struct trial {
    const struct noise *noises;
    size_t metrics, pairs;
    double *chances, *margins;
    struct drawn drawn;
};

/* Whether chance is ruled out for any metric, against their margins. */
static bool may_claim(struct trial *t, struct random random)
{
    bool may = false;

    for (size_t i = 0; i < t->metrics; i++) {
        struct pairs p = draw(&t->drawn, &t->noises[i], t->pairs, 1, random);

        t->chances[i] = p.count > 0 ? claim_chance(&p, t->margins[i]) : 1;
    }
    adjust_chances(t->chances, t->metrics);
    for (size_t i = 0; i < t->metrics; i++)
        may = may || t->chances[i] <= FAMILY_ERROR;
    return may;
}

/* As an A/A of its own sets them. */
static void draw_margins(struct trial *t, double least, struct random random)
{
    for (size_t i = 0; i < t->metrics; i++) {
        struct pairs p = draw(&t->drawn, &t->noises[i], t->pairs, 1, random);
        double noise = p.count > 0 ? claim_noise(interval_of_ratio(&p, 1, QUICK_DRAWS)) : 0;

        t->margins[i] = fmax(least, noise);
    }
}

static bool claims(struct trial *t, struct random random)
{
    for (size_t i = 0; i < t->metrics; i++) {
        struct pairs p = draw(&t->drawn, &t->noises[i], t->pairs, 1, random);

        if (p.count > 0 &&
            claim_decide(interval_of_ratio(&p, 1, QUICK_DRAWS), t->margins[i], t->chances[i]) != 0)
            return true;
    }
    return false;
}

/* A wider margin claims no more: the A/A is drawn only where the narrowest claims something. */
static bool is_mistaken(struct trial *t, double least, uint64_t number)
{
    struct random random, same;

    random_start(&random, number, 1);
    for (size_t i = 0; i < t->metrics; i++)
        t->margins[i] = least;
    if (!may_claim(t, random))
        return false;
    random_start(&same, number, 3);
    draw_margins(t, least, same);
    return may_claim(t, random) && claims(t, random);
}

size_t power_mistakes(const struct noise *noises, size_t metrics, size_t pairs, double least)
{
    struct trial t = {.noises = noises,
                      .metrics = metrics,
                      .pairs = pairs,
                      .chances = calloc(metrics + 1, sizeof *t.chances),
                      .margins = calloc(metrics + 1, sizeof *t.margins)};
    size_t mistakes = 0;

    if (!t.chances || !t.margins)
        abort();
    drawn_open(&t.drawn, pairs);
    for (uint64_t i = 0; i < POWER_DRAWS; i++)
        mistakes += is_mistaken(&t, least, i);
    drawn_close(&t.drawn);
    free(t.margins);
    free(t.chances);
    return mistakes;
}

/* --- What is found --- */

static bool finds(const struct noise *n, size_t metrics, size_t pairs, double factor,
                  struct drawn *d)
{
    unsigned found = 0;

    for (uint64_t i = 0; i < TRIALS; i++) {
        struct random random;
        struct pairs p;

        random_start(&random, i, 2);
        p = draw(d, n, pairs, factor, random);
        found += p.count > 0 && claim_chance(&p, n->margin) * (double)metrics <= FAMILY_ERROR &&
                 claim_side(interval_of_ratio(&p, 1, QUICK_DRAWS), n->margin) == 1;
    }
    return found >= FOUND;
}

double power_finds(const struct noise *noise, size_t metrics, size_t pairs)
{
    double least = 1 + noise->margin, most = 10;
    struct drawn d;

    if (noise->count == 0)
        return NAN;
    drawn_open(&d, pairs);
    if (!finds(noise, metrics, pairs, most, &d))
        most = NAN;
    while (most / least > 1.005) {
        double middle = sqrt(least * most);

        if (finds(noise, metrics, pairs, middle, &d))
            most = middle;
        else
            least = middle;
    }
    drawn_close(&d);
    return most - 1;
}

/* --- A bound --- */

/* How likely at most `wrong` of `of` are at that rate. */
static double at_most(size_t wrong, size_t of, double rate)
{
    double sum = 0;

    for (size_t i = 0; i <= wrong; i++)
        sum += exp(lgamma((double)of + 1) - lgamma((double)i + 1) - lgamma((double)(of - i) + 1) +
                   (double)i * log(rate) + (double)(of - i) * log1p(-rate));
    return sum;
}

double power_at_most(size_t wrong, size_t of)
{
    double low = 0, high = 1;

    if (wrong >= of)
        return 1;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;

        if (at_most(wrong, of, middle) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return high;
}
