/* What the code under test counts, held against what it promises of that: promise.h.
 *
 * While the run goes on, in samples that the main thread takes; in threads that wait for a grace
 * period or for callbacks, from before to after; and at the end, when all is quiet, exactly. All of
 * it is one check, "statistics", which no workload has.
 */
#ifndef STILLPOINT_RUNNER_STATISTICS_H
#define STILLPOINT_RUNNER_STATISTICS_H

#include "run.h"

/* Before any thread. False with a line in run->diagnostics: the flavor's table makes no sense. */
bool statistics_open(struct run *run);
/* => The main thread, whose sample is the flavor's newest. */
void statistics_look(const uint64_t *sample);
/* => The main thread; all others have ended, and the workloads have finished. */
void statistics_look_at_end(void);
void statistics_close(void);

#endif
