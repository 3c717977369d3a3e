/* Notices threads that get nowhere. */
#ifndef STILLPOINT_WATCHDOG_H
#define STILLPOINT_WATCHDOG_H

#include "starvation.h"
#include "torture/record/cpu_wait.h"
#include "view.h"

/* What is known of one thread, since its last beat. */
struct watched {
    uint64_t beat;
    int64_t since_ns;   /* CLOCK_MONOTONIC */
    int64_t silent_ns;  /* of that, what counts */
    int64_t waited_ns;  /* what does not: it waited for a CPU */
    int64_t kernel_ns;  /* what does not: the kernel kept it */
    int64_t starved_ns; /* what does not: the machine kept some thread of the run from running */
    int starved_pid, starved_tid; /* and which, at last */
    char starved_state;           /* and how: starvation.h */
    int64_t away_ns; /* what does not: the driver itself did not run, or the runner was stopped */
    struct cpu_wait wait;
    struct cpu_keep keep;
    bool held; /* it holds up the end of the run */
};

struct watchdog {
    const struct view *view;
    int pid;
    int64_t limit_ns;
    int cpus;
    int64_t last_ns; /* CLOCK_MONOTONIC at the call before */
    struct watched *threads;
    struct starvation starvation;
    int64_t longest_ns; /* silence that counted */
    int longest;        /* and of which thread; -1: none yet */
    int64_t allowed_ns; /* the limit, or the length of the run, whichever is shorter */
    int64_t near_count; /* silences for over half of it that ended within the limit */
};

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns,
                   int64_t duration_ns);
void watchdog_close(struct watchdog *w);
/* Index of the thread that has been silent for longest, beyond the limit; -1: none. Threads that
 * have ended are not watched.
 *
 * Where the driver itself did not run, the machine was suspended or starved, and so were the
 * threads: a longer step counts as a short one. What a silent thread itself waited for a CPU, or
 * was kept by the kernel, does not count, but for a tenth. Nor does the time in which any thread
 * of the process has been waiting so for a quarter of the limit, but at least 0.5 s, on end: the
 * silent one may wait for that. Where that adds up to twice the limit, the thread is returned as
 * well. */
int watchdog_look(struct watchdog *w);
/* After the runner has ended: notices what has ended since the last look. */
void watchdog_look_back(struct watchdog *w);
/* Whether it is that what the thread was returned for: it is not known to be stalled. */
bool watchdog_starved(const struct watchdog *w, int thread);
/* The name of who did not run, and whether the kernel kept it, or it had no CPU. */
const char *watchdog_starving(const struct watchdog *w, int thread);
bool watchdog_kept_in_kernel(const struct watchdog *w, int thread);
/* The run is to end: threads that are silent for noticeably long by now hold it up, until each has
 * got somewhere. What they wait for must not end because the run does. */
void watchdog_hold(struct watchdog *w);
bool watchdog_holds(const struct watchdog *w);
/* "13.2 s by the wall clock (limit 10.0 s; 3.2 s of it do not count: it waited for a CPU)". */
void watchdog_describe(const struct watchdog *w, int thread, char *text, size_t room);

#endif
