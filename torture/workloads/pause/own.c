/* pause: vCPUs of a pauser's own, in a thread that it starts before its pause or in it. It unplugs
 * them in its pause, and waits until the thread has ended: that waits for nothing but the pauser.
 *
 * Only one that has been stopped in run_on_cpu(), for a vCPU that is stopped as well and has not
 * run the work, ends after the resume. */
#include "pause.h"
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#if FLAVOR_CAN_VCPU

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MOST 2 /* by rr, in one thread; else 1 */

struct own_vcpu {
    struct vcpu cpu;
    struct own *own;
    bool idles;                                 /* its thread's */
    atomic_ulong blocks, events;                /* its thread's, that have begun */
    atomic_ulong work;                          /* items that have run */
    unsigned long blocks_before, events_before; /* the pauser's, at the beginning of the pause */
    unsigned long accepted;                     /* items, the pauser's */
    atomic_bool calls, served; /* it is about to wait, or waits, for the target; which has run it */
};

struct own {
    struct torture_thread *pauser;
    struct pause_vcpu *target; /* whom it asks for work, with a reference; NULL: nobody */
    struct random random;      /* the thread's */
    struct vcpu_rr rr;
    pthread_t thread;
    unsigned count;
    bool removes; /* the thread removes them as well */
    flavor_head head;
    struct own_vcpu vcpus[OWN_MOST];
};

static struct fleet *fleet_of(struct own *own)
{
    return own->pauser->instance->state;
}

/* --- In the thread --- */

static void own_block(struct vcpu *cpu)
{
    struct own_vcpu *v = cpu->data;

    pause_bump(&v->blocks);
    torture_spin(random_below(&v->own->random, 300));
}

/* In the target's thread. */
static void serve(struct vcpu *cpu, void *data)
{
    struct own_vcpu *v = data;

    (void)cpu;
    atomic_store_explicit(&v->served, true, memory_order_relaxed);
}

static void own_events(struct vcpu *cpu)
{
    struct own_vcpu *v = cpu->data;
    struct own *own = v->own;

    pause_bump(&v->events);
    v->idles = random_one_in(&own->random, 3);
    if (!own->target || !random_one_in(&own->random, 2))
        return;
    /* Relaxed, and in this order: the pauser loads them when both threads have stopped, or while
     * they do nothing about it. */
    atomic_store_explicit(&v->served, false, memory_order_relaxed);
    atomic_store_explicit(&v->calls, true, memory_order_relaxed);
    run_on_cpu(&own->target->base.cpu, serve, v);
    atomic_store_explicit(&v->calls, false, memory_order_relaxed);
    cpu_exit(cpu); /* calls go on, one after the other */
}

static bool own_idle(struct vcpu *cpu)
{
    const struct own_vcpu *v = cpu->data;

    return v->idles;
}

static const struct vcpu_guest own_guest = {
    .block = own_block, .events = own_events, .idle = own_idle};

static void own_work(struct vcpu *cpu, void *data)
{
    struct own_vcpu *v = cpu->data;

    (void)data;
    pause_bump(&v->work);
}

static void remove_all(struct own *own)
{
    for (unsigned i = 0; i < own->count; i++) {
        struct vcpu *cpu = &own->vcpus[i].cpu;
        unsigned long begun = vcpu_ledger_removes(own->pauser, cpu);

        vcpu_remove(cpu);
        vcpu_ledger_removed(own->pauser, cpu, begun);
    }
}

static void *thread(void *argument)
{
    struct own *own = argument;
    struct vcpu *cpu = &own->vcpus[0].cpu;

    flavor_register_thread();
    if (!cpu->accel)
        fleet_run_in_own_loop(own->pauser, &own->random, cpu);
    else if (cpu->rr)
        vcpu_rr_run(cpu->rr);
    else
        fleet_run(fleet_of(own), cpu);
    if (own->removes)
        remove_all(own);
    flavor_unregister_thread();
    return NULL;
}

/* --- In the pauser's --- */

static void plug(struct own *own, struct own_vcpu *v)
{
    struct fleet *f = fleet_of(own);
    struct vcpu_config config = {
        .accel = f->accel, .guest = &own_guest, .data = v, .rr = fleet_shares(f) ? &own->rr : NULL};
    unsigned long begun = vcpu_ledger_adds();

    v->own = own;
    vcpu_init(&v->cpu, &config);
    vcpu_add(&v->cpu);
    vcpu_ledger_added(own->pauser, &v->cpu, begun);
    if (config.rr)
        vcpu_rr_add(&own->rr, &v->cpu);
}

struct own *pause_own_start(struct torture_thread *t, bool calls)
{
    struct own *own = cache_lines(sizeof *own);
    int error;

    own->pauser = t;
    random_start(&own->random, random_next(&t->random), 0);
    own->removes = random_one_in(&t->random, 2);
    own->target = calls && random_one_in(&t->random, 2) ? fleet_take(t) : NULL;
    if (fleet_shares(fleet_of(own)))
        vcpu_rr_init(&own->rr, 0);
    for (own->count = 0; own->count < (fleet_shares(fleet_of(own)) ? OWN_MOST : 1); own->count++)
        plug(own, &own->vcpus[own->count]);
    if (fleet_shares(fleet_of(own)))
        vcpu_rr_end(&own->rr);
    error = pthread_create(&own->thread, NULL, thread, own);
    if (error != 0)
        torture_give_up("no thread for a vCPU: %s; set \"unplug_one_in\" to 0", strerror(error));
    return own;
}

void pause_own_await(struct torture_thread *t, struct own *own)
{
    for (unsigned i = 0; i < 64 && torture_running(t); i++) {
        if (atomic_load_explicit(&own->vcpus[0].events, memory_order_relaxed) > 0)
            break;
        torture_sleep(t, 20 * 1000);
    }
    torture_spin(random_below(&t->random, 20 * 1000));
}

void pause_own_read(struct own *own)
{
    for (unsigned i = 0; i < own->count; i++) {
        struct own_vcpu *v = &own->vcpus[i];

        v->blocks_before = atomic_load_explicit(&v->blocks, memory_order_relaxed);
        v->events_before = atomic_load_explicit(&v->events, memory_order_relaxed);
    }
}

/* The big lock is let go of: a vCPU needs it to end. */
static void join(struct own *own)
{
    bool locked = bql_locked();

    if (locked)
        bql_unlock();
    pthread_join(own->thread, NULL);
    if (locked)
        bql_lock();
}

static void check(struct torture_thread *t, struct own *own, unsigned long pause)
{
    for (unsigned i = 0; i < own->count; i++) {
        struct own_vcpu *v = &own->vcpus[i];
        unsigned long ran = atomic_load_explicit(&v->work, memory_order_relaxed);

        torture_count(t, CHECKS, 1);
        if (ran != v->accepted)
            torture_violation(t->instance, t, PAUSE_CHECK,
                              "A vCPU was unplugged in pause %lu, and had run %lu of %lu items of "
                              "work when it had ended.",
                              pause, ran, v->accepted);
        if (async_run_on_cpu(&v->cpu, own_work, NULL) != -ESHUTDOWN)
            torture_violation(t->instance, t, PAUSE_CHECK,
                              "A vCPU that ended after pause %lu does not refuse work.", pause);
    }
}

static void free_own(flavor_head *head)
{
    struct own *own = (struct own *)((char *)head - offsetof(struct own, head));
    bool rr = own->vcpus[0].cpu.rr != NULL;

    for (unsigned i = 0; i < own->count; i++)
        vcpu_destroy(&own->vcpus[i].cpu);
    if (rr)
        vcpu_rr_destroy(&own->rr);
    memset(own, 0x5a, sizeof *own);
    free(own);
}

/* => Its thread has ended. */
static void forget(struct own *own)
{
    if (!own->removes)
        remove_all(own);
    if (own->target)
        fleet_give(&own->target->base);
    flavor_call(&own->head, free_own);
}

/* Whether any waits in run_on_cpu(): for work that has not run, unless `served`. */
static bool any_waits(struct own *own, bool served)
{
    for (unsigned i = 0; i < own->count; i++)
        if (atomic_load_explicit(&own->vcpus[i].calls, memory_order_relaxed) &&
            (served || !atomic_load_explicit(&own->vcpus[i].served, memory_order_relaxed)))
            return true;
    return false;
}

/* It does nothing but end. */
static void check_stood_still(struct torture_thread *t, struct own *own, unsigned long pause)
{
    for (unsigned i = 0; i < own->count; i++) {
        struct own_vcpu *v = &own->vcpus[i];
        unsigned long blocks = atomic_load_explicit(&v->blocks, memory_order_relaxed);
        unsigned long rounds = atomic_load_explicit(&v->events, memory_order_relaxed);

        if (blocks != v->blocks_before || rounds != v->events_before)
            torture_violation(t->instance, t, PAUSE_CHECK,
                              "A vCPU that was unplugged in pause %lu began %lu blocks and %lu "
                              "rounds of events in it.",
                              pause, blocks - v->blocks_before, rounds - v->events_before);
    }
}

static void queue_some(struct torture_thread *t, struct own_vcpu *v)
{
    for (uint64_t i = random_below(&t->random, 3); i > 0; i--)
        v->accepted += async_run_on_cpu(&v->cpu, own_work, NULL) == 0;
    if (random_one_in(&t->random, 4))
        v->accepted += run_on_cpu(&v->cpu, own_work, NULL) == 0;
}

bool pause_own_end(struct torture_thread *t, struct own *own, unsigned long pause)
{
    bool now = !any_waits(own, false);
    /* By rr: a wait of the one keeps the other, too. */
    bool one_by_one = !any_waits(own, true) && !current_cpu && random_one_in(&t->random, 2);

    for (unsigned i = 0; i < own->count; i++) {
        struct own_vcpu *v = &own->vcpus[i];

        queue_some(t, v);
        vcpu_unplug(&v->cpu);
        if (v->cpu.rr && one_by_one)
            vcpu_rr_wait(&own->rr, &v->cpu);
    }
    if (!now)
        return false;
    join(own);
    check_stood_still(t, own, pause);
    check(t, own, pause);
    forget(own);
    torture_count(t, JOINED, 1);
    return true;
}

void pause_own_end_later(struct torture_thread *t, struct own *own, unsigned long pause)
{
    join(own);
    check(t, own, pause);
    forget(own);
}

#endif
