/* `threads`: a thread each, whose inner loop checks for a request between blocks. */
#include "stillpoint/accel.h"

const struct vcpu_accel vcpu_accel_threads = {
    .name = "threads",
    .summary = "a thread each; the inner loop checks for requests",
    .big_lock = true,
    .idles = true,
    .run = vcpu_run_blocks,
    .kick = vcpu_kick_sleeper,
};
