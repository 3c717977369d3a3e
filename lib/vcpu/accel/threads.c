/* `threads`: a thread each, whose inner loop looks at the request between blocks. */
#include "vcpu/internal.h"

static void run(struct vcpu *cpu)
{
    while (!cpu_exit_requested(cpu))
        cpu->guest->block(cpu);
}

/* The inner loop has seen the request already; this is for one that sleeps. */
static void kick(struct vcpu *cpu)
{
    vcpu_wake(cpu);
}

const struct vcpu_accel vcpu_accel_threads = {
    .name = "threads",
    .summary = "a thread each; the inner loop polls",
    .big_lock = true,
    .idles = true,
    .run = run,
    .kick = kick,
};
