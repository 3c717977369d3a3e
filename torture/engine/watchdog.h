/* Notices threads that get nowhere. */
#ifndef STILLPOINT_WATCHDOG_H
#define STILLPOINT_WATCHDOG_H

#include "view.h"

struct watchdog {
    const struct view *view;
    int64_t limit_ns;
    int64_t now_ns;   /* observed time: what passes while the machine stands still does not count */
    int64_t last_ns;  /* CLOCK_MONOTONIC at the call before */
    uint64_t *beats;  /* per thread: last heartbeat seen */
    int64_t *seen_ns; /* and when */
};

void watchdog_open(struct watchdog *w, const struct view *v, int64_t limit_ns);
void watchdog_close(struct watchdog *w);
/* Index of the thread that has been silent for longest, beyond the limit; -1: none. Threads that have
 * ended are not watched. */
int watchdog_look(struct watchdog *w);
/* How long that thread has been silent. */
double watchdog_silence_s(const struct watchdog *w, int thread);

#endif
