#include "claim.h"

#include <math.h>

#define MOST_NOISE 1000 /* where it has no end: one of the sides has zeros */

double claim_chance(const struct pairs *p, double margin)
{
    double above = chance_above(p, 1 + margin), below = chance_below(p, 1 / (1 + margin));

    return fmin(1, 2 * fmin(above, below));
}

int claim_side(struct interval interval, double margin)
{
    return interval.low > 1 + margin ? 1 : interval.high < 1 / (1 + margin) ? -1 : 0;
}

int claim_decide(struct interval interval, double margin, double chance)
{
    return chance <= FAMILY_ERROR ? claim_side(interval, margin) : 0;
}

double claim_noise(struct interval interval)
{
    return fmin(fmax(interval.high, 1 / interval.low) - 1, MOST_NOISE);
}

size_t claim_pairs(size_t metrics)
{
    size_t pairs = 1;

    while (2 * least_chance(pairs) * (double)metrics > FAMILY_ERROR)
        pairs++;
    return pairs;
}
