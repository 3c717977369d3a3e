/* vCPUs that run, and threads that pause them and look whether any of them moves. */
#ifndef STILLPOINT_TESTS_PAUSES_H
#define STILLPOINT_TESTS_PAUSES_H

#include "guests.h"

/* Blocks, calls of events() and idle(), and work, of vCPUs from this one on. */
static inline unsigned long moves_from(unsigned first)
{
    unsigned long moves = atomic_load(&ran);

    for (unsigned i = first; i < CPUS; i++) {
        moves += atomic_load(&cpus[i].blocks) + atomic_load(&cpus[i].events) +
                 atomic_load(&cpus[i].idle_calls);
    }
    return moves;
}

static inline unsigned long moves(void)
{
    return moves_from(0);
}

static inline void begin_running_cpus(const struct vcpu_accel *accel)
{
    begin_cpus(accel, CPUS);
    for (unsigned i = 0; i < CPUS; i++)
        UNTIL(atomic_load(&cpus[i].blocks) > 0);
}

static atomic_uint order_count;
static atomic_uint order[8];
static atomic_uint pausers_inside, pausers_at_once, moved_in_pause;

/* => In a pause, so that there is one at a time. */
static inline void note_turn(unsigned who)
{
    atomic_store(&order[atomic_load(&order_count)], who);
    atomic_fetch_add(&order_count, 1);
}

/* Between pause and resume of somebody. */
static inline void while_paused(unsigned mine)
{
    unsigned long before = moves_from(mine);

    if (atomic_fetch_add(&pausers_inside, 1) != 0)
        atomic_fetch_add(&pausers_at_once, 1);
    for (int i = 0; i < 10; i++)
        sched_yield();
    if (moves_from(mine) != before)
        atomic_fetch_add(&moved_in_pause, 1);
    atomic_fetch_sub(&pausers_inside, 1);
}

static inline void pause_second(void)
{
    pause_all_vcpus();
    note_turn(2);
    while_paused(0);
    resume_all_vcpus();
}

#define STRESS_ROUNDS 25
static atomic_uint pauses_done;

static inline void *pause_as_thread(void *unused)
{
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        pause_all_vcpus();
        while_paused(0);
        resume_all_vcpus();
        atomic_fetch_add(&pauses_done, 1);
    }
    return unused;
}

#endif
