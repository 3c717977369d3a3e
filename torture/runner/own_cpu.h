/* Whether a thread that loops has had its CPU for itself: what a benchmark presupposes of some
 * roles. */
#ifndef STILLPOINT_OWN_CPU_H
#define STILLPOINT_OWN_CPU_H

#include "thread.h"

struct own_cpu {
    int account; /* -1: nothing is asked of this thread */
    int64_t began_ns, waited_ns, sleeps;
};

/* Around the role, by its thread. Both enter the kernel. */
void own_cpu_begin(struct own_cpu *o, const struct torture_thread *t);
/* Leaves the share in the thread's part of the mapping. */
void own_cpu_end(struct own_cpu *o, struct torture_thread *t);

#endif
