/* vCPUs without an accelerator, whose threads are actors and do what they are told. */
#ifndef STILLPOINT_TESTS_VCPUS_H
#define STILLPOINT_TESTS_VCPUS_H

#include <stillpoint/vcpu.h>

#include "actor.h"
#include "vcpu/list.h"

static inline struct vcpu_stats vcpu_stats_now(void)
{
    struct vcpu_stats s;

    vcpu_get_stats(&s);
    return s;
}

/* Whose thread the next actor becomes. */
static struct vcpu *vcpu_to_be;

static inline void become_vcpu(void)
{
    rcu_register_thread();
    vcpu_attach(vcpu_to_be);
}

static inline void stop_being_vcpu(void)
{
    vcpu_detach(current_cpu);
    rcu_unregister_thread();
}

static inline void add_vcpu(struct vcpu *cpu)
{
    vcpu_init(cpu, NULL);
    ck_assert_int_eq(vcpu_add(cpu), 0);
}

/* => The calling thread is not registered. */
static inline void become_new_vcpu(struct vcpu *cpu)
{
    add_vcpu(cpu);
    vcpu_to_be = cpu;
    become_vcpu();
}

/* Gives a vCPU that was added a thread. */
static inline void hire_for(struct actor *a, struct vcpu *cpu)
{
    hire(a);
    vcpu_to_be = cpu;
    make(a, become_vcpu);
}

static inline void hire_vcpu(struct actor *a, struct vcpu *cpu)
{
    add_vcpu(cpu);
    hire_for(a, cpu);
}

/* => No reader holds a pointer to it. */
static inline void dismiss_vcpu(struct actor *a, struct vcpu *cpu)
{
    make(a, stop_being_vcpu);
    dismiss(a);
    vcpu_remove(cpu);
    vcpu_destroy(cpu);
}

/* Jobs. */
static inline void exec_start(void)
{
    cpu_exec_start(current_cpu);
}

static inline void exec_end(void)
{
    cpu_exec_end(current_cpu);
}

static inline void section_start(void)
{
    start_exclusive();
}

static inline void section_end(void)
{
    end_exclusive();
}

/* Work that says that it ran. */
static atomic_uint ran;

static inline void count_ran(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
}

/* Between cpu_exec_start() and cpu_exec_end(). */
static inline bool executes(struct vcpu *cpu)
{
    return atomic_load(&cpu->running);
}

/* 0: no section is on or asked for; else 1 + the vCPUs that are waited for. */
static inline unsigned sections_pending(void)
{
    return atomic_load(&exclusive_pending) & ~EXCLUSIVE_FENCES;
}

/* Begins the job, which calls cpu_exec_start(), and comes back when that waits. */
static inline void begin_and_wait_to_execute(struct actor *a, void (*job)(void))
{
    unsigned long waits = vcpu_stats_now().exec_waits;

    begin(a, job);
    UNTIL(vcpu_stats_now().exec_waits != waits || !is_busy(a));
    ck_assert_msg(is_busy(a), "cpu_exec_start() did not wait");
}

/* Begins the job, which calls start_exclusive(), and comes back when that waits for so many
 * vCPUs. */
static inline void begin_and_wait_for_vcpus(struct actor *a, void (*job)(void), unsigned vcpus)
{
    begin(a, job);
    UNTIL(sections_pending() == 1 + vcpus || !is_busy(a));
    ck_assert_msg(is_busy(a), "start_exclusive() did not wait");
}

/* Asleep, and not for the lock under which it queues up: whoever held that, and may have been
 * without a CPU for long, has let go of it. */
static inline bool has_queued_up(struct actor *a)
{
    if (!is_asleep(a))
        return false;
    platform_mutex_lock(&vcpu_lock);
    platform_mutex_unlock(&vcpu_lock);
    return is_asleep(a);
}

/* Begins the job, which calls start_exclusive(), and comes back when that waits for other
 * sections. */
static inline void begin_and_wait_for_turn(struct actor *a, void (*job)(void))
{
    begin(a, job);
    UNTIL(has_queued_up(a) || !is_busy(a));
    ck_assert_msg(is_busy(a), "start_exclusive() did not wait for its turn");
}

/* The end of the queue of its work. */
static inline struct vcpu_work_item **last_work_of(struct vcpu *cpu)
{
    struct vcpu_work_item **last;

    pthread_mutex_lock(&cpu->work_lock);
    last = cpu->work_last;
    pthread_mutex_unlock(&cpu->work_lock);
    return last;
}

/* Begins the job, which calls run_on_cpu(), and comes back when its work is queued.
 * => The vCPU takes none meanwhile. */
static inline void begin_and_wait_to_queue(struct actor *a, void (*job)(void), struct vcpu *cpu)
{
    struct vcpu_work_item **last = last_work_of(cpu);

    begin(a, job);
    UNTIL(last_work_of(cpu) != last);
}

#endif
