/* Work: functions that run in a vCPU's thread, while it executes nothing. And pauses.
 *
 * => Each vCPU runs its work in the order of queueing. It is kicked for it.
 * => Work that was accepted is run exactly once: by the vCPU, or by vcpu_remove() if it never ran.
 *    A vCPU that was not added yet or has ended refuses: -ESHUTDOWN.
 * => Work runs with the big lock held, as all that vCPUs do between runs (but for the accelerator
 *    `user`).
 * => The caller keeps the vCPU from being freed during the call.
 */
#ifndef STILLPOINT_VCPU_WORK_H
#define STILLPOINT_VCPU_WORK_H

#include <stillpoint/language.h>
#include <stillpoint/vcpu.h>

STILLPOINT_BEGIN

typedef void vcpu_work_func(struct vcpu *cpu, void *data);

/* Runs func(cpu, data) in the vCPU's thread and returns when it has returned. If that is the
 * calling thread, at once, before what is queued; but after the resume when another thread has
 * paused the vCPU, and it is not the caller's own.
 * => Lets go of the big lock while it waits. A vCPU that waits runs its own work meanwhile, so two
 *    may call one another.
 * => Aborts with a message, but for the caller's own vCPU: between cpu_exec_start() and
 *    cpu_exec_end() of the calling thread, in an exclusive section or in a read section, where the
 *    vCPU might wait for the caller.
 * => For a vCPU that is paused: at once when the calling thread has paused it, or runs work for the
 *    one that has, after what was queued before, which must not wait for a paused vCPU; else after
 *    the resume. */
int run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data);
/* Queues it and returns. -ENOMEM when there is no memory for the item.
 * => Any thread, anywhere but in signal handlers and force notifiers. */
int async_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data);
/* The same; func runs in an exclusive section, with the big lock not held. */
int async_safe_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data);

/* Stops all vCPUs: when it returns, none runs code, acts on a reason or runs work, until the
 * resume. A vCPU that calls it goes on itself.
 * => Any thread, but not between cpu_exec_start() and cpu_exec_end() of its own, in an exclusive
 *    section or in a read section (aborts). Lets go of the big lock while it waits.
 * => One pause at a time: other callers wait until the resume, as stopped ones if they are vCPUs,
 *    and pause them in the order of their calls.
 * => vCPUs that start during the pause start stopped. One that is unplugged ends: it goes on with
 *    what it was stopped in, and runs its work first; not before the resume if that work waits in
 *    run_on_cpu() for a vCPU that is paused, or is itself called by work of one, as vCPUs of one
 *    thread may.
 * => The work that the pausing thread queues with run_on_cpu() is run, after what was queued
 *    before.
 * => A thread that ends in its pause aborts with a message. */
void pause_all_vcpus(void);
/* => Any thread, once for each pause_all_vcpus() that has returned; aborts when there is none. */
void resume_all_vcpus(void);

/* Stops one vCPU: as above, for this one alone, until the same thread calls vcpu_resume(). Both
 * kinds go together: a vCPU goes on when neither is on.
 * => A thread that runs no vCPU, not in an exclusive section or a read section (aborts); the vCPU
 *    stays in the list until the resume. Lets go of the big lock while it waits.
 * => Of several threads that pause the same vCPU each waits until the one before has resumed it.
 * => A vCPU that starts while it is paused starts stopped; one that is unplugged ends.
 * => The work that the pausing thread queues with run_on_cpu() is run, after what was queued
 *    before; it must not wait for another vCPU.
 * => A thread that ends with a vCPU paused aborts with a message. */
void vcpu_pause(struct vcpu *cpu);
void vcpu_resume(struct vcpu *cpu);

STILLPOINT_END

#endif
