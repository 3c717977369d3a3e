/* Where a series changes its level; changes.c. */
#ifndef STILLPOINT_CHANGES_H
#define STILLPOINT_CHANGES_H

#include <stddef.h>

/* A value that begins a new level, and how likely it is by chance that so good a place is found. */
struct change {
    size_t at; /* index of the first value of the new level */
    double chance;
    double before, after; /* medians of the two levels */
};

/* Of so many values 2 in 3432 orders look like the clearest of steps; of 13, 2 in 1716. */
#define CHANGES_LEAST 14

/* The changes of a series in its order, of which each is mistaken once in 1000 series without one;
 * at most `room` are returned. Levels have three values at least. Values are compared by their
 * logarithms, and must be positive.
 *
 * Source: Matteson and James, A nonparametric approach for multiple change point analysis (the
 * E-divisive means); its permutation test, 1999 permutations of fixed seeds. */
size_t changes_find(const double *values, size_t count, struct change *changes, size_t room);

#endif
