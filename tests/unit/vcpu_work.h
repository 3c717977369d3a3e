/* Work that looks whether it is served in the order of queueing. */
#ifndef STILLPOINT_TESTS_VCPU_WORK_H
#define STILLPOINT_TESTS_VCPU_WORK_H

#include "guests.h"

/* Threads that queue. */
#define QUEUERS 3

static unsigned long next_served;
static atomic_uint wrong_order;

/* The data is the place in the order, from 0 on. */
static inline void serve_ticket(struct vcpu *cpu, void *data)
{
    (void)cpu;
    if ((unsigned long)data != next_served++)
        atomic_fetch_add(&wrong_order, 1);
    atomic_fetch_add(&ran, 1);
}

#endif
