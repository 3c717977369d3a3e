/* `user`: the shape of user-mode emulation. Threads are the guest's own: they block in the guest's
 * system calls, so nothing idles in the loop; there is no big lock; and nobody asks them to leave
 * without need. */
#include "vcpu/internal.h"

static void run(struct vcpu *cpu)
{
    while (!cpu_exit_requested(cpu))
        cpu->guest->block(cpu);
}

/* The request is all that the inner loop looks at; the event is for one that a pause has
 * stopped. */
static void kick(struct vcpu *cpu)
{
    vcpu_wake(cpu);
}

const struct vcpu_accel vcpu_accel_user = {
    .name = "user",
    .summary = "a thread each; polls; never idles, and takes no big lock",
    .run = run,
    .kick = kick,
};
