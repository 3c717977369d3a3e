/* vCPUs of one thread, and whose turn it is. */
#ifndef STILLPOINT_TESTS_RR_TURNS_H
#define STILLPOINT_TESTS_RR_TURNS_H

#include "guests.h"

static inline void plug_in(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        plug(&cpus[i], &vcpu_accel_rr);
        start(&cpus[i]);
    }
}

static inline void begin_test(int64_t turn_ns, unsigned count)
{
    begin_rr(turn_ns);
    plug_in(0, count);
}

static inline void end_test(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        unplug(&cpus[i]);
    end_rr();
}

static inline unsigned long blocks_of(unsigned i)
{
    return atomic_load(&cpus[i].blocks);
}

static inline bool has_the_turn(unsigned i)
{
    return atomic_load(&cpus[i].vcpu.running);
}

static inline void until_it_runs(unsigned i)
{
    unsigned long blocks = blocks_of(i);

    UNTIL(blocks_of(i) > blocks + 10);
}

static inline void no_timer_kicks(void)
{
    ck_assert_uint_eq(vcpu_stats_now().rr_timer_kicks, 0);
}

#endif
