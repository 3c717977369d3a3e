/* What machine this is, for the result: figures without their host cannot be compared. */
#ifndef STILLPOINT_HOST_H
#define STILLPOINT_HOST_H

#include <jansson.h>
#include <stdbool.h>

/* {"hostname", "kernel", "cpu_model", "cpus", "cpus_allowed", "numa_nodes", "topology", "governor",
 *  "clocksource", "membarrier", "kvm", "memory_bytes", ...}. What cannot be found out is null. */
json_t *host_describe(void);
/* Whether its instructions are translated by QEMU (TCG), so that no time that is measured means
 * anything. */
bool host_is_emulated(void);
/* {"load1", "load5", "running", "steal_ticks", "total_ticks"} now; taken before and after. */
json_t *host_load(void);
/* How many processes the kernel has killed for want of memory since it started; -1: it does not
 * say. */
long long host_oom_kills(void);
/* {"name", "version", "commit", "dirty", "compiler", "flags"} from the build. */
json_t *host_tool(void);

#endif
