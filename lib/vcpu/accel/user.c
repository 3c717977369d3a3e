/* `user`: the shape of user-mode emulation. Threads are the guest's own: they block in the guest's
 * system calls, so nothing idles in the loop; there is no big lock; and nobody asks them to leave
 * without need. */
#include "vcpu/kick.h"
#include "vcpu/run.h"

const struct vcpu_accel vcpu_accel_user = {
    .name = "user",
    .summary = "a thread each; polls; never idles, and takes no big lock",
    .run = vcpu_run_blocks,
    .kick = vcpu_kick_sleeper,
};
