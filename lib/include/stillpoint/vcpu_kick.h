/* Kicks: getting a vCPU out of what it runs.
 *
 *     requester                           vCPU's thread
 *     write the reason                    leave the inner loop, which calls cpu_exit_requested()
 *     cpu_exit(cpu)                       leave the read section, cpu_exec_end()
 *       exit_request = 1                  process_cpu_events():
 *       kick, if it was 0                   exit_request = 0, by exchange
 *                                           read the reasons, act
 *                                           idle? sleep until a kick
 *
 * => Each reason that was written before cpu_exit() is acted on after it. Requests that come before
 *    the vCPU has cleared the first share its kick; none is lost.
 * => exit_request is cleared in one place, which process_cpu_events() and the waits of a vCPU's
 *    thread go through, and by an exchange. A plain store could sit in the store buffer while the
 *    reasons are read, and erase a newer request when it comes out.
 */
#ifndef STILLPOINT_VCPU_KICK_H
#define STILLPOINT_VCPU_KICK_H

#include <stillpoint/language.h>
#include <stillpoint/vcpu.h>

STILLPOINT_BEGIN

/* => Any thread, also a force notifier, also under any lock, also for a vCPU that idles, is
 *    stopped, has not started or has ended. Never blocks.
 * => Also in a signal handler, but of a vCPU of rr, which takes a lock, and in a build with
 *    PORTABLE=1, whose events do. errno stays as it is. */
void cpu_exit(struct vcpu *cpu);

/* True when the inner loop is to be left. => The vCPU's thread. */
static inline bool cpu_exit_requested(struct vcpu *cpu)
{
    /* Orders: LOAD exit_request (acquire) -> LOAD of the reasons, in an inner loop that reads them.
     * Pairs with: cpu_exit(), STORE of the reason -> STORE exit_request (seq_cst).
     * Broken: such a loop misses the reason; process_cpu_events() does not. */
    return stillpoint_atomic_load(&cpu->exit_request, __ATOMIC_ACQUIRE) != 0;
}

enum vcpu_state {
    VCPU_READY,   /* go and run */
    VCPU_IDLE,    /* sleep until a kick, then call it again */
    VCPU_STOPPED, /* the same: a pause is on */
    VCPU_ENDED,   /* vcpu_unplug() was called; all work has been run */
};

/* What the loop of each vCPU calls between two runs of the inner loop: clears the request, runs the
 * work, stops when a pause is on, lets the program read its reasons, and returns what to do next.
 * => The vCPU's thread, outside of cpu_exec_start() and of read sections. Does not sleep for want
 *    of work; work that it runs may block. The big lock is as the caller has it. */
enum vcpu_state process_cpu_events(struct vcpu *cpu);

/* For a loop of the program's own, after VCPU_IDLE or VCPU_STOPPED: sleeps until a kick, with the
 * big lock let go of. Returns at once when a request is there.
 * => The thread that has attached the vCPU. */
void vcpu_wait_for_kick(struct vcpu *cpu);

/* The signal that kicks `signal` and `kvm`: between SIGRTMIN and SIGRTMAX, SIGRTMIN + 1 if never
 * called.
 * => Before the first vCPU of these runs. -EINVAL for another signal, -EBUSY later on.
 * => A thread that has run a vCPU of `signal`, or of `kvm` without immediate_exit, keeps it
 *    blocked. */
int vcpu_set_kick_signal(int signal);

STILLPOINT_END

#endif
