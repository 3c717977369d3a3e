/* Time for measuring: the cheapest monotonic counter that can be trusted, and what a tick is worth.
 *
 * On x86 with an invariant time-stamp counter that the kernel itself keeps time by, a reading is
 * one instruction that neither fences nor enters the kernel. Elsewhere it is CLOCK_MONOTONIC.
 */
#ifndef STILLPOINT_CLOCK_H
#define STILLPOINT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

extern bool clock_is_tsc;
extern double clock_ns_per_tick;

/* Once, before any thread: decides for a counter and calibrates it (20 ms). */
void clock_start(void);

static inline int64_t clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
    if (__builtin_expect(clock_is_tsc, 1))
        return __builtin_ia32_rdtsc();
#endif
    return (uint64_t)clock_monotonic_ns();
}

static inline uint64_t clock_ticks_to_ns(uint64_t ticks)
{
    return (uint64_t)((double)ticks * clock_ns_per_tick);
}

/* Picoseconds of each of `count`. */
static inline uint64_t clock_ps_each(uint64_t ticks, uint64_t count)
{
    return (uint64_t)((double)ticks * clock_ns_per_tick * 1000 / (double)count);
}

static inline uint64_t clock_ns_to_ticks(uint64_t ns)
{
    return (uint64_t)((double)ns / clock_ns_per_tick);
}

#endif
