/* `threads`: a thread each, whose inner loop looks at the request between blocks. */
#include "vcpu/kick.h"
#include "vcpu/run.h"

const struct vcpu_accel vcpu_accel_threads = {
    .name = "threads",
    .summary = "a thread each; the inner loop polls",
    .big_lock = true,
    .idles = true,
    .run = vcpu_run_blocks,
    .kick = vcpu_kick_sleeper,
};
