/* `signal`: the inner loop waits for the kick signal, which stays blocked all the time, so that one
 * that comes before the wait ends it at once. */
#include "stillpoint/accel.h"
#include "sync/platform.h"

static int create(struct vcpu *cpu)
{
    (void)cpu;
    return vcpu_kick_signal_prepare(true);
}

static void run(struct vcpu *cpu)
{
    int signal = vcpu_kick_signal();

    if (cpu->guest && cpu->guest->block)
        cpu->guest->block(cpu);
    vcpu_signal_begin(cpu);
    while (!cpu_exit_requested(cpu))
        platform_signal_wait(signal);
    vcpu_signal_end(cpu);
    /* Late ones, which would pile up. The vCPU has left, so their requests are met. */
    while (platform_signal_take(signal))
        ;
}

static void kick(struct vcpu *cpu)
{
    if (!vcpu_wake(cpu))
        vcpu_signal(cpu);
}

const struct vcpu_accel vcpu_accel_signal = {
    .name = "signal",
    .summary = "the inner loop waits for a signal",
    .big_lock = true,
    .idles = true,
    .create = create,
    .run = run,
    .kick = kick,
};
