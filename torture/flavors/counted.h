/* Calls of the code under test that are counted (record/called.h), and now and then, where they
 * wait, looked at from before to after.
 *
 * Each has the name of what it calls, so that no workload has to think of it. Counted is what has
 * returned: a promise about statistics holds for that.
 */
#ifndef FLAVOR_COUNTED_H
#define FLAVOR_COUNTED_H

#include "torture/record/called.h"

/* Of so many waits one is looked at. */
enum { LOOK_AT_SYNCHRONIZE = 16, LOOK_AT_BARRIER = 2 };

static inline void counted_wait(void (*wait)(void), enum called_what call, unsigned one_in)
{
    if (called_turn(one_in))
        called_between(wait, call);
    else
        wait();
    called_one(call);
}

static inline void counted_synchronize(void)
{
    counted_wait(flavor_synchronize, CALLED_SYNCHRONIZE, LOOK_AT_SYNCHRONIZE);
}
#define flavor_synchronize counted_synchronize

static inline void counted_synchronize_expedited(void)
{
    counted_wait(flavor_synchronize_expedited, CALLED_SYNCHRONIZE, LOOK_AT_SYNCHRONIZE);
}
#define flavor_synchronize_expedited counted_synchronize_expedited

static inline void counted_barrier(void)
{
    counted_wait(flavor_barrier, CALLED_BARRIER, LOOK_AT_BARRIER);
}
#define flavor_barrier counted_barrier

static inline void counted_cond_synchronize(unsigned long cookie)
{
    flavor_cond_synchronize(cookie);
    called_one(CALLED_COND_SYNCHRONIZE);
}
#define flavor_cond_synchronize counted_cond_synchronize

static inline void counted_cond_synchronize_expedited(unsigned long cookie)
{
    flavor_cond_synchronize_expedited(cookie);
    called_one(CALLED_COND_SYNCHRONIZE);
}
#define flavor_cond_synchronize_expedited counted_cond_synchronize_expedited

static inline unsigned long counted_start_poll(void)
{
    unsigned long cookie = flavor_start_poll();

    called_one(CALLED_START_POLL);
    return cookie;
}
#define flavor_start_poll counted_start_poll

static inline unsigned long counted_start_poll_expedited(void)
{
    unsigned long cookie = flavor_start_poll_expedited();

    called_one(CALLED_START_POLL);
    return cookie;
}
#define flavor_start_poll_expedited counted_start_poll_expedited

static inline void counted_call(flavor_head *head, void (*callback)(flavor_head *))
{
    flavor_call(head, callback);
    called_one(CALLED_CALL);
}
#define flavor_call counted_call

static inline void counted_register_thread(void)
{
    flavor_register_thread();
    called_one(CALLED_REGISTER);
}
#define flavor_register_thread counted_register_thread

static inline void counted_start_exclusive(void)
{
    flavor_start_exclusive();
    if (called_block()->depth++ == 0)
        called_one(CALLED_EXCLUSIVE);
}
#define flavor_start_exclusive counted_start_exclusive

static inline void counted_end_exclusive(void)
{
    flavor_end_exclusive();
    called_block()->depth--;
}
#define flavor_end_exclusive counted_end_exclusive

static inline void counted_vcpu_leave(flavor_vcpu *v)
{
    flavor_vcpu_leave(v);
    called_one(CALLED_VCPU_LEAVE);
}
#define flavor_vcpu_leave counted_vcpu_leave

/* --- <stillpoint/vcpu.h>, whatever implements it --- */

#if FLAVOR_CAN_VCPU

static inline void counted_exclusive_at(const char *file, int line)
{
    bool nests = in_exclusive_section(); /* also that of safe work */

    start_exclusive_at(file, line);
    if (!nests)
        called_one(CALLED_EXCLUSIVE);
}
#define start_exclusive_at counted_exclusive_at

static inline void counted_pause(void)
{
    pause_all_vcpus();
    called_one(CALLED_PAUSE);
}
#define pause_all_vcpus counted_pause

static inline void counted_cpu_exit(struct vcpu *cpu)
{
    cpu_exit(cpu);
    called_one(CALLED_KICK);
}
#define cpu_exit counted_cpu_exit

/* What is run at once, in the calling thread, was never queued. */
struct counted_work {
    vcpu_work_func *func;
    void *data;
    const struct called *caller;
    bool elsewhere;
};

static inline void counted_work_runs(struct vcpu *cpu, void *argument)
{
    struct counted_work *work = (struct counted_work *)argument;

    work->elsewhere = called_block() != work->caller;
    work->func(cpu, work->data);
}

static inline int counted_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    struct counted_work work = {.func = func, .data = data, .caller = called_block()};
    int result = run_on_cpu(cpu, counted_work_runs, &work);

    called_more(CALLED_RUN_ON_CPU, result == 0 && work.elsewhere);
    return result;
}
#define run_on_cpu counted_run_on_cpu

static inline int counted_async_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    int result = async_run_on_cpu(cpu, func, data);

    called_more(CALLED_WORK, result == 0);
    return result;
}
#define async_run_on_cpu counted_async_run_on_cpu

static inline int counted_async_safe_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    int result = async_safe_run_on_cpu(cpu, func, data);

    called_more(CALLED_SAFE_WORK, result == 0);
    return result;
}
#define async_safe_run_on_cpu counted_async_safe_run_on_cpu

static inline void counted_vcpu_destroy(struct vcpu *cpu)
{
    flavor_vcpu_gone(cpu);
    vcpu_destroy(cpu);
}
#define vcpu_destroy counted_vcpu_destroy

#endif
#endif
