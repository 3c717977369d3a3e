/* vCPUs with a guest that counts what it does, and the threads that run them. */
#ifndef STILLPOINT_TESTS_GUESTS_H
#define STILLPOINT_TESTS_GUESTS_H

#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>
#include <pthread.h>

/* The accelerators that need nothing of the machine: for loops over them. */
#define ACCELS    5
#define the_accel plain_accel(_i % ACCELS)

static inline const struct vcpu_accel *plain_accel(int i)
{
    static const struct vcpu_accel *const accels[ACCELS] = {&vcpu_accel_threads, &vcpu_accel_rr,
                                                            &vcpu_accel_signal, &vcpu_accel_cancel,
                                                            &vcpu_accel_user};

    return accels[i];
}

struct test_cpu {
    struct vcpu vcpu;
    pthread_t thread;
    int result;     /* of vcpu_run() */
    bool has_ended; /* its thread was waited for */
    atomic_int thread_id;
    atomic_bool executing;               /* in a block */
    atomic_bool halted;                  /* it idles, where the accelerator lets it */
    atomic_ulong reasons;                /* written by who asks */
    atomic_ulong acted;                  /* of these, those that it has acted on */
    atomic_ulong blocks, events;         /* calls */
    atomic_ulong idle_calls;             /* none for `user` */
    void (*on_events)(struct vcpu *cpu); /* what a test adds to events(); set before it starts */
};

#define CPUS 3
static struct test_cpu cpus[CPUS];
static struct vcpu_rr the_rr;
static struct actor rr_actor;

static inline struct test_cpu *test_cpu_of(struct vcpu *cpu)
{
    return cpu->data;
}

/* One writer; no fence that could hide a missing one. */
static inline void count_one(atomic_ulong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline void test_block(struct vcpu *cpu)
{
    struct test_cpu *t = test_cpu_of(cpu);

    atomic_store_explicit(&t->executing, true, memory_order_relaxed);
    count_one(&t->blocks);
    sched_yield();
    atomic_store_explicit(&t->executing, false, memory_order_relaxed);
}

static inline void test_events(struct vcpu *cpu)
{
    struct test_cpu *t = test_cpu_of(cpu);
    unsigned long reasons = atomic_load_explicit(&t->reasons, memory_order_relaxed);

    atomic_store_explicit(&t->thread_id, gettid(), memory_order_relaxed);
    count_one(&t->events);
    atomic_store_explicit(&t->acted, reasons, memory_order_release);
    if (t->on_events != NULL)
        t->on_events(cpu);
}

static inline bool test_idle(struct vcpu *cpu)
{
    struct test_cpu *t = test_cpu_of(cpu);

    count_one(&t->idle_calls);
    return atomic_load_explicit(&t->halted, memory_order_relaxed);
}

static const struct vcpu_guest test_guest = {
    .block = test_block, .events = test_events, .idle = test_idle};

static inline void *test_cpu_main(void *argument)
{
    struct test_cpu *t = argument;

    rcu_register_thread();
    t->result = vcpu_run(&t->vcpu);
    rcu_unregister_thread();
    return NULL;
}

static inline void rr_job(void)
{
    rcu_register_thread();
    vcpu_rr_run(&the_rr);
    rcu_unregister_thread();
}

/* Into the list; nothing runs it yet. */
static inline void plug(struct test_cpu *t, const struct vcpu_accel *accel)
{
    struct vcpu_config config = {.accel = accel, .guest = &test_guest, .data = t};

    if (accel != NULL && accel->shares)
        config.rr = &the_rr;
    t->has_ended = false;
    vcpu_init(&t->vcpu, &config);
    ck_assert_int_eq(vcpu_add(&t->vcpu), 0);
}

/* Runs it, in a thread of its own or in that of the_rr. */
static inline void start(struct test_cpu *t)
{
    if (t->vcpu.accel->shares)
        vcpu_rr_add(&the_rr, &t->vcpu);
    else
        ck_assert_int_eq(pthread_create(&t->thread, NULL, test_cpu_main, t), 0);
}

/* Asks it to end and waits until its thread has left it. */
static inline void end(struct test_cpu *t)
{
    vcpu_unplug(&t->vcpu);
    if (t->vcpu.accel->shares) {
        vcpu_rr_wait(&the_rr, &t->vcpu);
    } else {
        pthread_join(t->thread, NULL);
        ck_assert_int_eq(t->result, 0);
    }
    t->has_ended = true;
}

static inline void unplug(struct test_cpu *t)
{
    if (!t->has_ended)
        end(t);
    vcpu_remove(&t->vcpu);
    vcpu_destroy(&t->vcpu);
}

static inline void begin_rr(int64_t turn_ns)
{
    vcpu_rr_init(&the_rr, turn_ns);
    hire(&rr_actor);
    begin(&rr_actor, rr_job);
}

static inline void end_rr(void)
{
    vcpu_rr_end(&the_rr);
    finish(&rr_actor);
    dismiss(&rr_actor);
    vcpu_rr_destroy(&the_rr);
}

static inline void begin_cpus(const struct vcpu_accel *accel, unsigned count)
{
    if (accel->shares)
        begin_rr(MS_NS);
    for (unsigned i = 0; i < count; i++) {
        plug(&cpus[i], accel);
        start(&cpus[i]);
    }
}

static inline void end_cpus(unsigned count)
{
    bool shares = cpus[0].vcpu.accel->shares;

    for (unsigned i = 0; i < count; i++)
        unplug(&cpus[i]);
    if (shares)
        end_rr();
}

/* In its inner loop, and not asked to leave. One of rr has its turn now and then. */
static inline bool is_inside(struct test_cpu *t)
{
    return atomic_load(&t->vcpu.running) && !cpu_exit_requested(&t->vcpu);
}

/* One, which has called block() and is in its inner loop. */
static inline void start_one(const struct vcpu_accel *accel)
{
    begin_cpus(accel, 1);
    UNTIL(atomic_load(&cpus[0].blocks) > 0 && is_inside(&cpus[0]));
}

/* A reason, and one request. */
static inline unsigned long ask(struct test_cpu *t)
{
    unsigned long reason = atomic_fetch_add_explicit(&t->reasons, 1, memory_order_relaxed) + 1;

    cpu_exit(&t->vcpu);
    return reason;
}

static inline bool has_acted(struct test_cpu *t, unsigned long reason)
{
    return atomic_load_explicit(&t->acted, memory_order_acquire) >= reason;
}

/* One request, and nothing that could heal a lost one. */
static inline void make_act(struct test_cpu *t)
{
    unsigned long reason = ask(t);

    UNTIL(has_acted(t, reason));
}

/* Waits for the gate; others may have the big lock meanwhile. */
static inline void wait_at(atomic_bool *gate)
{
    bool held = bql_locked();

    if (held)
        bql_unlock();
    UNTIL(atomic_load(gate));
    if (held)
        bql_lock();
}

/* Work that waits for it. */
static atomic_bool gate;

static inline void wait_at_gate(struct vcpu *cpu, void *unused)
{
    count_ran(cpu, unused);
    wait_at(&gate);
}

/* Time for others to do what they must not do: that they do not is what a test then checks. */
static inline void let_others_run(void)
{
    FOR_A_WHILE(300)
    {
        sched_yield();
    }
}

#endif
