/* Notices threads that get nowhere. */
#ifndef STILLPOINT_WATCHDOG_H
#define STILLPOINT_WATCHDOG_H

#include "torture/record/cpu_wait.h"
#include "view.h"

struct watchdog {
    const struct view *view;
    int pid;
    int64_t limit_ns;
    int64_t now_ns;         /* observed time: see watchdog_look() */
    int64_t last_ns;        /* CLOCK_MONOTONIC at the call before */
    uint64_t *beats;        /* per thread: last heartbeat seen */
    int64_t *seen_ns;       /* and when */
    struct cpu_wait *waits; /* per thread: its account by then */
};

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns);
void watchdog_close(struct watchdog *w);
/* Index of the thread that has been silent for longest, beyond the limit; -1: none. Threads that
 * have ended are not watched.
 *
 * Silence is counted in observed time. Where the driver itself did not run, the machine was
 * suspended or starved, and so were the threads: a longer step counts as a short one. And while
 * some thread is silent, the time that a thread of the run is kept waiting for a CPU does not
 * count, but for a tenth: it may be the one that all others wait for. */
int watchdog_look(struct watchdog *w);
/* How long that thread has been silent. */
double watchdog_silence_s(const struct watchdog *w, int thread);

#endif
