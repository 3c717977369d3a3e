/* Pseudo-random numbers, one generator per thread, so that a seed gives the same plan again.
 *
 * Source: Vigna, splitmix64 and xorshift64*.
 */
#ifndef STILLPOINT_RANDOM_H
#define STILLPOINT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* Spreads neighbouring seeds over the whole range. */
static inline uint64_t random_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline void random_start(struct random *r, uint64_t seed, uint64_t stream)
{
    r->state = random_mix(seed ^ random_mix(stream + 1));
    if (r->state == 0)
        r->state = 1;
}

static inline uint64_t random_next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Uniform in 0 .. below - 1. */
static inline uint64_t random_below(struct random *r, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)random_next(r) * below) >> 64);
}

static inline bool random_one_in(struct random *r, uint64_t n)
{
    return n != 0 && random_below(r, n) == 0;
}

#endif
