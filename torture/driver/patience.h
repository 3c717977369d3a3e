/* How long a runner had to do what it is waited for: not the time in which it could not run, nor
 * that in which the driver did not look. */
#ifndef STILLPOINT_PATIENCE_H
#define STILLPOINT_PATIENCE_H

#include "torture/record/cpu_wait.h"

#include <stdbool.h>
#include <stdint.h>

struct patience {
    int pid;
    int64_t begun_ns, turn_ns; /* CLOCK_MONOTONIC */
    int64_t spent_ns;          /* of the time since then, what counts */
    struct cpu_wait main_thread;
};

void patience_begin(struct patience *p, int pid, int64_t now);
/* Once a turn of the driver's; `halted`: somebody has stopped the runner. */
void patience_turn(struct patience *p, bool halted, int64_t now);
/* That the machine, and nobody else, has kept it for so long that waiting on is no use. */
bool patience_is_hopeless(const struct patience *p, int64_t limit_ns);

#endif
