/* What the tortured process may have overwritten of what it keeps for the driver.
 *
 * Counts only grow, and by no more than the time allows; findings, notes and the crash have sums;
 * what the driver alone writes is as it wrote it. What is none of that was written by the code
 * under test, or by a workload, where it must not: a finding. It is then not believed.
 */
#ifndef STILLPOINT_GUARD_H
#define STILLPOINT_GUARD_H

#include "view.h"

struct guard {
    struct view *view;
    size_t count;
    struct guarded *words;
    double ns_per_tick;
    int64_t begin_ns, end_ns;  /* before which nothing began; at which it may end by itself */
    int64_t gate_ns, still_ns; /* as the runner stored them last; 0: not yet */
    int64_t looked_ns;
    bool overwritten; /* reported already */
};

/* Neither does the gate open before `begin_ns`, nor does the runner end by itself before `end_ns`,
 * both of CLOCK_MONOTONIC. */
void guard_open(struct guard *g, struct view *v, int64_t begin_ns, int64_t end_ns);
void guard_close(struct guard *g);
/* What was overwritten, the first time that anything is: a sentence, heap, and the index of the
 * workload; else NULL. `stopping`: the driver has told the run to end. Threads whose counts were
 * are left out of all sums from then on. */
char *guard_look(struct guard *g, bool stopping, unsigned *workload);
/* The same when the process has ended, of what nobody writes any more; `finished`: as planned. */
char *guard_look_at_end(struct guard *g, bool finished, unsigned *workload);

#endif
