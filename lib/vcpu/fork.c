/* Fork: the child's one thread keeps its vCPUs, and what the parent's others held is made anew.
 *
 * There is no prepare handler, for the reason that RCU has none: the forking thread may be in an
 * exclusive section or a pause, and must not wait for who waits for it. So another thread may have
 * been in the middle of anything. Lists are rebuilt by their forward links, which are whole at any
 * time; counts are counted again.
 */
#include "vcpu/fork.h"

#include "stillpoint/accel.h"
#include "stillpoint/vcpu_fork.h"
#include "vcpu/exclusive.h"
#include "vcpu/list.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"

unsigned vcpu_forks;

void vcpu_fork_child(void)
{
    if (current_cpu && current_cpu->accel == &vcpu_accel_kvm)
        vcpu_misuse("vcpu_fork_child() in the thread of vCPU %u of kvm, whose VM is the parent's "
                    "alone; fork in another thread",
                    current_cpu->index);
    vcpu_forks++;
    vcpu_list_after_fork();
    vcpu_pause_after_fork();
    vcpu_exclusive_after_fork();
}
