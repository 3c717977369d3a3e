/* The runner: one process, one run, one flavor.
 *
 * Started by the driver with three descriptors: the run config (JSON, read to its end), the pipe
 * for events, and the memory that becomes the shared mapping. Ends after its duration, or when the
 * driver sets `stop`.
 */
#ifndef STILLPOINT_RUNNER_H
#define STILLPOINT_RUNNER_H

#include "torture/record/diagnostics.h"

#include <jansson.h>

/* Prints nothing; events go to events_fd. `duration_ns` 0: until the driver stops it. Returns an
 * exit code: PASS means only that the run itself went as planned, the checks are in the mapping. */
int runner_run(int config_fd, int events_fd, int shared_fd, int64_t duration_ns,
               struct diagnostics *d);

/* ---- describe.c: what the flavor, and the process, say of themselves ---- */

/* What `--describe` prints. */
json_t *runner_describe(void);
/* An array, in the order of its sample. */
json_t *runner_statistic_names(void);
/* A struct that the flavor's settings fill, with its defaults where it writes them itself; heap. */
void *runner_default_settings(void);
/* The most memory that this process has had resident, in bytes; NULL: not known. */
json_t *runner_peak_rss(void);

#endif
