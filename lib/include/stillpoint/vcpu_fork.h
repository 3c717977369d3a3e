/* Fork with vCPUs: what a user-mode emulator does when its guest forks.
 *
 *     start_exclusive();
 *     child = fork();
 *     if (child == 0)
 *         vcpu_fork_child();
 *     end_exclusive();
 *
 * In the section no vCPU executes, so the child's copy of what they share is whole. It works in the
 * same way outside of sections, where that is of no concern; and within a pause.
 *
 * After the call the child has one thread, as after any fork, and a library that knows of no other:
 * => the vCPU that the thread runs goes on, in the list and attached; with the accelerator `rr` all
 *    of its thread. Its index, and requests to it, are as they were.
 * => the others are out of the list, as after vcpu_remove() and a grace period: they may be
 *    destroyed, or initialised and added again.
 * => an exclusive section and a pause of the calling thread's are still on, and end as usual. Those
 *    of other threads are over, and nobody waits for a turn.
 * => work that was queued for the thread's vCPUs is run by them, but for what a thread waits for in
 *    run_on_cpu(), whose result is on the stack of a thread that is not there. That, and the work
 *    of the other vCPUs, is dropped, and counted (vcpu_stats.work_dropped).
 *
 * RCU and the big lock need no call: see rcu_fork.h.
 */
#ifndef STILLPOINT_VCPU_FORK_H
#define STILLPOINT_VCPU_FORK_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

/* => In the child of a fork, once, before any other call about vCPUs, and before it makes a thread:
 *    that may get the stack of one that is not here, and a vCPU may have been there. Never blocks.
 * => Aborts when the thread runs a vCPU of `kvm`, whose VM is the parent's alone. */
void vcpu_fork_child(void);

STILLPOINT_END

#endif
