/* What the control group of this process leaves it of the machine. */
#ifndef STILLPOINT_CGROUP_H
#define STILLPOINT_CGROUP_H

#include <jansson.h>

/* {"version": 1 or 2, "cpus": "0-1", "cpu_quota": 1.5, "memory_bytes": 1000}: the tightest on the
 * way up; what is not limited is null. NULL without control groups. `root` stands before /proc and
 * /sys: "" but in tests. */
json_t *cgroup_describe(const char *root);

#endif
