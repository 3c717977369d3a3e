/* The driver's view of a runner's shared mapping, alive or dead: view.c, and where it says so. */
#ifndef STILLPOINT_VIEW_H
#define STILLPOINT_VIEW_H

#include "torture/record/diagnostics.h"
#include "torture/record/shared.h"
#include "torture/result/finding.h"

#include <jansson.h>

struct view_thread {
    const char *name, *role; /* in the ready event */
    unsigned workload;
    int cpu, node;
    bool distrusted; /* its counts were overwritten: they are left out of sums */
    struct shared_thread *shared;
    _Atomic uint64_t *counters;
    struct histogram *histograms;
};

/* One latency of the run: the same name may be recorded by several workloads. */
struct view_measure {
    const char *name, *unit;
};

struct view {
    struct shared_header *header;
    size_t size;
    json_t *ready; /* the event that describes the mapping */
    char *maps;    /* of the runner when it was ready; NULL: not known */
    size_t thread_count;
    struct view_thread *threads;
    size_t measure_count;
    struct view_measure *measures;
    bool distrusted; /* some thread is: no latency is reported any more */
};

/* Maps fd as the ready event describes it, where that fits. */
bool view_open(struct view *v, int fd, json_t *ready, struct diagnostics *d);
void view_close(struct view *v);

/* Seconds from the opening of the gate. */
double view_seconds(const struct view *v, uint64_t ticks);
/* {"rcu-pipe": {"reads": 1, ...}, ...} over all threads. */
json_t *view_counters(const struct view *v);
/* One counter by name, over all workloads. */
uint64_t view_counter(const struct view *v, const char *name);
json_t *view_library(const struct view *v);
/* A statistic of the library by name; false when it has none of that name. */
bool view_statistic(const struct view *v, const char *name, uint64_t *value);
/* Adds up all histograms of a measure. */
void view_tally(const struct view *v, size_t measure, struct tally *sum);
json_t *view_threads(const struct view *v);
/* A line about threads that ran on another CPU than they were sent to, or were no longer bound to
 * that one when they ended; NULL: none. Heap. */
char *view_strays(const struct view *v);

/* view_findings.c: findings that have become ready and are not in `known` yet, which is extended.
 * Returns how many are new. Counts of known ones are brought up to date. */
size_t view_findings(const struct view *v, struct findings *known);
/* view_timeline.c: adds the last notes of every thread to the finding, most of them of `thread`,
 * merged by time up to `ticks`. */
void view_timeline(const struct view *v, int thread, uint64_t ticks, struct finding *f);
/* view_stacks.c: requests the stack of every living thread of the runner and waits up to four
 * seconds; names those that hold up a grace period when the runner's main thread answers. */
void view_stacks(const struct view *v, struct finding_stacks *stacks);
/* view_findings.c: how the runner crashed, or NULL. */
struct finding *view_crash(const struct view *v);

#endif
