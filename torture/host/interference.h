/* What the machine did meanwhile: time in which it gave no CPU although one was wanted. */
#ifndef STILLPOINT_INTERFERENCE_H
#define STILLPOINT_INTERFERENCE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum interference_kind {
    INTERFERENCE_STEAL,     /* the hypervisor ran something else */
    INTERFERENCE_THROTTLED, /* the CPU quota of a control group was used up */
    /* Some task waited for it, by the kernel's pressure stall information. */
    INTERFERENCE_PRESSURE_CPU,
    INTERFERENCE_PRESSURE_MEMORY,
    INTERFERENCE_PRESSURE_IO,
    INTERFERENCE_KINDS,
};

#define INTERFERENCE_GROUPS 16 /* of a process, from its own up to the root */

struct interference {
    pid_t pid;
    int cpus;     /* that the process may use, at most one for each of its threads */
    char *groups; /* its control groups, as the kernel lists them */
    char *quotas[INTERFERENCE_GROUPS]; /* files that count throttling */
    int64_t throttled_ns[INTERFERENCE_GROUPS];
    int64_t before_ns[INTERFERENCE_KINDS]; /* of what only grows */
    cpu_set_t counted;                     /* whose steal that is */
};

/* Begins to watch a process of so many threads. */
void interference_open(struct interference *w, pid_t pid, unsigned threads);
void interference_close(struct interference *w);
/* What came since the call before, in nanoseconds by kind; 0 of what the kernel does not count.
 * Steal and throttling are of each CPU on average: as long as all of them were gone together. */
void interference_take(struct interference *w, int64_t ns[INTERFERENCE_KINDS]);

/* Whether somebody has frozen a control group of the process. */
bool interference_frozen(const struct interference *w);

#endif
