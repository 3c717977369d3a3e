/* Threads of a process, and of its children and theirs, that the machine keeps from running, by the
 * kernel's account of them: they could run and get no CPU, or are where the kernel lets nothing end
 * their wait. One that spins runs, and one that sleeps waits for somebody. Of threads that share a
 * CPU each gets a turn before long: what lasts is due to a CPU that stands still, or to one that
 * another process keeps for itself. In the kernel threads wait for a disk, and for the locks of
 * mappings, which each fork, page fault and allocation takes. */
#ifndef STILLPOINT_STARVATION_H
#define STILLPOINT_STARVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct starvation {
    const char *proc;
    int root;                /* the process */
    struct starved *threads; /* at the last look, as the kernel lists them */
    size_t count;
    bool names_waits; /* the kernel has named what some thread waits in */
    int64_t next_ns;  /* no look before: of thousands of threads one takes its time */
    /* By the last look, who has not run for longest, and for how long; R: it had no CPU, D: in the
     * kernel. */
    int pid, tid;
    char state;
    int64_t longest_ns;
    unsigned waiting; /* how many could run and did not since the look before */
};

/* proc: "/proc", which is kept. Where a kernel does not list children, they are not known. */
void starvation_open(struct starvation *s, const char *proc, int pid);
void starvation_close(struct starvation *s);
/* Looks at all threads; what it knows is by no more than the time between two looks too long. */
void starvation_look(struct starvation *s);
/* Nobody looks for a while: what was known is over. */
void starvation_forget(struct starvation *s);

#endif
