/* `user`: the shape of user-mode emulation. Threads are the guest's own: they block in the guest's
 * system calls, so no vCPU idles in its loop; there is no big lock; and they are not requested to
 * leave without need. */
#include "stillpoint/accel.h"

const struct vcpu_accel vcpu_accel_user = {
    .name = "user",
    .summary = "a thread each; checks for requests; never idles, and takes no big lock",
    .run = vcpu_run_blocks,
    .kick = vcpu_kick_sleeper,
};
