/* `cancel`: the inner loop is a blocking call that another call cancels, also before it has begun,
 * as with HVF, NVMM and WHPX. Here the call blocks on an event. */
#include "stillpoint/accel.h"

/* Returns once it is cancelled. A cancel counts that came before it, and that no call before has
 * used up. */
static void blocking_call(struct vcpu *cpu)
{
    manual_event_wait(&cpu->cancel);
    manual_event_reset(&cpu->cancel);
}

static void run(struct vcpu *cpu)
{
    if (cpu->guest && cpu->guest->block)
        cpu->guest->block(cpu);
    /* A request before the load of `exit_request` needs no cancel; one after it cancels the call. A
     * cancel that is left over costs a round. */
    while (!cpu_exit_requested(cpu))
        blocking_call(cpu);
}

static void kick(struct vcpu *cpu)
{
    if (!vcpu_wake(cpu))
        manual_event_set(&cpu->cancel);
}

const struct vcpu_accel vcpu_accel_cancel = {
    .name = "cancel",
    .summary = "the inner loop is a blocking call with an explicit cancel",
    .big_lock = true,
    .idles = true,
    .run = run,
    .kick = kick,
};
