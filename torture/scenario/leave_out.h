/* What a flavor lacks is left out of a run config, so that the rest can be run: threads, options,
 * whole workloads, and what is required of them. */
#ifndef STILLPOINT_LEAVE_OUT_H
#define STILLPOINT_LEAVE_OUT_H

#include "flavor_describe.h"

/* `kept`: pointers to what stays whatever the flavor lacks, since it was set by hand or is swept.
 * Returns a new array of lines: what was left out and why; NULL, with the config as it was,
 * when nothing would be left of what it is for. */
json_t *config_leave_out(json_t *config, const struct flavor_description *description,
                         json_t *kept);

#endif
