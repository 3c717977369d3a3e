/* vCPUs and threads that start exclusive sections, all of them actors. */
#ifndef STILLPOINT_TESTS_SECTIONS_H
#define STILLPOINT_TESTS_SECTIONS_H

#include "vcpus.h"

#define VCPUS    3
#define STARTERS 4

static struct vcpu cpus[VCPUS];
static struct actor vcpus[VCPUS], starters[STARTERS];

static inline void begin_test(unsigned vcpu_number, unsigned starter_number)
{
    for (unsigned i = 0; i < vcpu_number; i++)
        hire_vcpu(&vcpus[i], &cpus[i]);
    for (unsigned i = 0; i < starter_number; i++)
        hire(&starters[i]);
}

static inline void end_test(unsigned vcpu_number, unsigned starter_number)
{
    for (unsigned i = 0; i < vcpu_number; i++)
        dismiss_vcpu(&vcpus[i], &cpus[i]);
    for (unsigned i = 0; i < starter_number; i++)
        dismiss(&starters[i]);
    ck_assert_uint_eq(sections_pending(), 0);
    ck_assert_uint_eq(vcpu_count(), 0);
}

/* It does not come to an end by itself. */
static inline void stays_busy(struct actor *a)
{
    unsigned idle = 0;

    FOR_A_WHILE(1000)
    {
        idle += !is_busy(a);
        sched_yield();
    }
    ck_assert_uint_eq(idle, 0);
}

/* Jobs that go on until they are stopped. */
static atomic_bool stop;
static atomic_uint executions;

static inline bool goes_on(void)
{
    return !atomic_load_explicit(&stop, memory_order_relaxed);
}

static inline void execute_again_and_again(void)
{
    while (goes_on()) {
        cpu_exec_start(current_cpu);
        atomic_fetch_add_explicit(&executions, 1, memory_order_relaxed);
        cpu_exec_end(current_cpu);
    }
}

#endif
