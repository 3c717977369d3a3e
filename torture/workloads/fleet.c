#include "fleet.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned fleet_needs(const void *params)
{
    const struct fleet_params *p = params;

    if (p->vcpus == 0)
        return 0;
    return CAN_VCPU | CAN_CALL | CAN_BARRIER | (p->accel == ACCEL_KVM ? CAN_KVM : 0);
}

void fleet_missing_role(struct torture_thread *t)
{
    (void)t;
    abort(); /* the plan refuses the flavor */
}

#if FLAVOR_CAN_VCPU

static void execute_marked(struct vcpu *cpu)
{
    struct fleet_vcpu *v = cpu->data;

    atomic_store_explicit(&v->executes, true, memory_order_relaxed);
    v->fleet->guest->block(cpu);
    atomic_store_explicit(&v->executes, false, memory_order_relaxed);
}

struct fleet_vcpu *fleet_executing(const struct fleet_vcpu *except)
{
    struct vcpu *cpu;

    VCPU_FOREACH(cpu)
    {
        struct fleet_vcpu *v = cpu->data;

        if (cpu->guest && cpu->guest->block == execute_marked && v != except &&
            atomic_load_explicit(&v->executes, memory_order_relaxed))
            return v;
    }
    return NULL;
}

void fleet_expect_stopped(struct torture_thread *t, unsigned check, const struct fleet_vcpu *except,
                          const char *format, ...)
{
    struct fleet_vcpu *v;
    va_list arguments;
    char when[96];

    flavor_read_lock();
    v = fleet_executing(except);
    if (v) {
        va_start(arguments, format);
        vsnprintf(when, sizeof when, format, arguments);
        va_end(arguments);
        torture_violation(t->instance, t, check, "vCPU %lu of the workload %s executes %s.",
                          v->serial, v->fleet->instance->workload->name, when);
    }
    flavor_read_unlock();
}

void *fleet_open(struct instance *in, size_t state_size, size_t vcpu_size,
                 const struct vcpu_guest *guest, const struct fleet_hooks *hooks,
                 struct diagnostics *d)
{
#define ACCEL_NAME(NAME, name, waits) [ACCEL_##NAME] = #name,
    static const char *const names[] = {[ACCEL_AUTO] = "auto", ACCELERATORS(ACCEL_NAME)};
#undef ACCEL_NAME
    static const struct fleet_hooks no_hooks;
    const struct fleet_params *params = in->params;
    const struct vcpu_accel *accel =
        params->accel == ACCEL_OWN ? NULL : vcpu_accel_find(names[params->accel]);
    bool shares = accel && accel->shares;
    struct fleet *f;

    if (!vcpu_ledger_promise(
            in, (uint64_t)params->vcpus * (shares ? (uint64_t)params->per_thread : 1), d))
        return NULL;
    if (accel == &vcpu_accel_kvm)
        vcpu_accel_available(accel, NULL,
                             0); /* makes KVM's file descriptor while the CPUs are free */
    in->state = f = cache_lines(state_size);
    f->instance = in;
    f->params = params;
    f->accel = accel;
    f->guest = guest;
    f->marked = *guest;
    f->marked.block = execute_marked;
    f->hooks = hooks ? hooks : &no_hooks;
    f->vcpu_size = vcpu_size;
    pthread_mutex_init(&f->lock, NULL);
    TAILQ_INIT(&f->live);
    return f;
}

void fleet_close(struct fleet *f)
{
    flavor_barrier(); /* those that are freed by callback */
    vcpu_ledger_close(f->instance);
    pthread_mutex_destroy(&f->lock);
}

/* --- One vCPU --- */

/* A thread's vCPUs by rr. It goes with the last of them: until then somebody may kick one. */
struct fleet_rr {
    struct vcpu_rr rr;
    atomic_uint references;
};

static void give_rr(struct fleet_rr *rr)
{
    /* Orders: accesses of *rr by this user -> RMW rr->references.
     * Pairs with: give_rr(), RMW rr->references (acquire), by the last of them.
     * Broken: it is freed beside the last accesses of another user. */
    if (!rr || atomic_fetch_sub_explicit(&rr->references, 1, memory_order_acq_rel) > 1)
        return;
    vcpu_rr_destroy(&rr->rr);
    free(rr);
}

static void free_vcpu(flavor_head *head)
{
    struct fleet_vcpu *v = (struct fleet_vcpu *)((char *)head - offsetof(struct fleet_vcpu, head));

    vcpu_destroy(&v->cpu);
    give_rr(v->rr);
    memset(v, 0x5a, sizeof *v); /* a user that comes too late is to notice */
    free(v);
}

void fleet_give(struct fleet_vcpu *v)
{
    /* Orders: accesses of *v by this user -> RMW v->references.
     * Pairs with: fleet_give(), RMW v->references (acquire), by the last of them.
     * Broken: the vCPU is freed beside the last accesses of another user. */
    if (atomic_fetch_sub_explicit(&v->references, 1, memory_order_acq_rel) == 1)
        flavor_call(&v->head, free_vcpu);
}

/* => f->lock, and there is one. */
static struct fleet_vcpu *draw(struct fleet *f, struct random *random)
{
    uint64_t skip = random_below(random, f->live_count);
    struct fleet_vcpu *v = TAILQ_FIRST(&f->live);

    for (; skip > 0; skip--)
        v = TAILQ_NEXT(v, live);
    return v;
}

void *fleet_take(struct torture_thread *t)
{
    struct fleet *f = t->instance->state;
    struct fleet_vcpu *v = NULL;

    pthread_mutex_lock(&f->lock);
    if (f->live_count > 0) {
        v = draw(f, &t->random);
        /* An rr thread keeps those until the last has ended: not too many of them. */
        if (fleet_is_to_end(v))
            v = draw(f, &t->random);
        atomic_fetch_add_explicit(&v->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&f->lock);
    return v;
}

/* NULL when the run is over. */
static struct fleet_vcpu *plug(struct torture_thread *t, struct fleet *f, struct fleet_rr *rr,
                               bool brief)
{
    struct vcpu_config config = {.accel = brief ? NULL : f->accel,
                                 .guest = &f->marked,
                                 .rr = rr ? &rr->rr : NULL,
                                 .guest_io = f->guest_io};
    struct fleet_vcpu *v = cache_lines(f->vcpu_size);
    unsigned long begun;

    config.data = v;
    vcpu_init(&v->cpu, &config);
    v->fleet = f;
    v->thread = t;
    v->is_brief = brief;
    atomic_init(&v->references, 1);
    pthread_mutex_lock(&f->lock);
    if (f->closing) {
        pthread_mutex_unlock(&f->lock);
        vcpu_destroy(&v->cpu);
        free(v);
        return NULL;
    }
    if (rr)
        atomic_fetch_add_explicit(&rr->references, 1, memory_order_relaxed);
    v->rr = rr;
    v->serial = f->plugged++;
    begun = vcpu_ledger_adds();
    vcpu_add(&v->cpu);
    if (f->hooks->plugged)
        f->hooks->plugged(&v->cpu);
    TAILQ_INSERT_TAIL(&f->live, v, live);
    f->live_count++;
    pthread_mutex_unlock(&f->lock);
    vcpu_ledger_added(t, &v->cpu, begun);
    return v;
}

static void unplug(struct fleet *f, struct fleet_vcpu *v)
{
    unsigned long begun;

    pthread_mutex_lock(&f->lock);
    TAILQ_REMOVE(&f->live, v, live);
    f->live_count--;
    pthread_mutex_unlock(&f->lock);
    begun = vcpu_ledger_removes(v->thread, &v->cpu);
    vcpu_remove(&v->cpu);
    vcpu_ledger_removed(v->thread, &v->cpu, begun);
    if (f->hooks->unplugged)
        f->hooks->unplugged(&v->cpu);
    fleet_give(v);
}

struct fleet_vcpu *fleet_plug_brief(struct torture_thread *t)
{
    return plug(t, t->instance->state, NULL, true);
}

void fleet_remove_brief(struct fleet_vcpu *v)
{
    unplug(v->fleet, v);
}

/* --- The roles --- */

/* Of a vCPU in a loop of its own: where its thread may detach it, it does once in so many times. */
#define DETACH_ONE_IN 4

void fleet_run(struct fleet *f, struct vcpu *cpu)
{
    int error = vcpu_run(cpu);

    if (error != 0)
        torture_give_up(
            "%s: a vCPU of accelerator %s cannot run: %s; use fewer \"vcpus\", or another "
            "\"accel\"",
            f->instance->workload->name, f->accel->name, strerror(-error));
}

/* False when the run is over. */
static bool live_alone(struct torture_thread *t, struct fleet *f)
{
    struct fleet_vcpu *v = plug(t, f, NULL, false);

    if (!v)
        return false;
    fleet_run(f, &v->cpu);
    unplug(f, v);
    return true;
}

static bool live_together(struct torture_thread *t, struct fleet *f)
{
    struct fleet_vcpu **vs = calloc((size_t)f->params->per_thread, sizeof(struct fleet_vcpu *));
    struct fleet_rr *rr = calloc(1, sizeof *rr);
    int64_t count = 0;

    vcpu_rr_init(&rr->rr, f->turn_ns);
    atomic_init(&rr->references, 1);
    while (count < f->params->per_thread && (vs[count] = plug(t, f, rr, false)) != NULL)
        vcpu_rr_add(&rr->rr, &vs[count++]->cpu);
    vcpu_rr_end(&rr->rr); /* when all have been unplugged */
    vcpu_rr_run(&rr->rr);
    for (int64_t i = 0; i < count; i++)
        unplug(f, vs[i]);
    give_rr(rr);
    free(vs);
    return count == f->params->per_thread;
}

static void run_blocks(struct vcpu *cpu)
{
    cpu_exec_start(cpu);
    flavor_read_lock();
    while (!cpu_exit_requested(cpu))
        cpu->guest->block(cpu);
    flavor_read_unlock();
    cpu_exec_end(cpu);
}

/* Requests come while no thread has it, and pauses: they are for the one that attaches it next. */
static void detach_now_and_then(struct torture_thread *t, struct random *random, struct vcpu *cpu)
{
    uint64_t ns = random_below(random, 50 * 1000);

    if (!random_one_in(random, DETACH_ONE_IN))
        return;
    vcpu_detach(cpu);
    if (random_one_in(random, 2))
        torture_sleep(t, ns);
    else
        torture_spin(ns / 8);
    vcpu_attach(cpu);
}

/* As a program's loop may be: it acts on requests, and on nothing else. */
void fleet_run_in_own_loop(struct torture_thread *t, struct random *random, struct vcpu *cpu)
{
    enum vcpu_state state = VCPU_READY;

    vcpu_attach(cpu);
    while (state != VCPU_ENDED) {
        detach_now_and_then(t, random, cpu);
        if (state == VCPU_READY)
            run_blocks(cpu);
        else
            vcpu_wait_for_kick(cpu);
        detach_now_and_then(t, random, cpu);
        if (cpu_exit_requested(cpu))
            state = process_cpu_events(cpu);
    }
    vcpu_detach(cpu);
}

static bool live_in_own_loop(struct torture_thread *t, struct fleet *f)
{
    struct fleet_vcpu *v = plug(t, f, NULL, false);

    if (!v)
        return false;
    fleet_run_in_own_loop(t, &t->random, &v->cpu);
    unplug(f, v);
    return true;
}

static bool live(struct torture_thread *t, struct fleet *f)
{
    return !f->accel          ? live_in_own_loop(t, f)
           : f->accel->shares ? live_together(t, f)
                              : live_alone(t, f);
}

void fleet_vcpus(struct torture_thread *t)
{
    struct fleet *f = t->instance->state;

    flavor_register_thread();
    while (live(t, f))
        torture_beat(t);
    flavor_unregister_thread();
}

void fleet_unplug(struct fleet_vcpu *v)
{
    atomic_store_explicit(&v->is_to_end, true, memory_order_relaxed);
    /* Orders: STORE v->is_to_end -> vcpu_unplug().
     * Pairs with: fleet_is_to_end(), after a load of what the unplugging has done.
     * Broken: a thread sees the vCPU end and not that it was to, and calls what it does then a
     * violation. */
    atomic_thread_fence(memory_order_release);
    vcpu_unplug(&v->cpu);
}

void fleet_plugger(struct torture_thread *t)
{
    struct fleet *f = t->instance->state;
    uint64_t mean = (uint64_t)f->params->hotplug_ns;
    struct fleet_vcpu *v;

    if (f->params->vcpus == 0)
        return;
    flavor_register_thread();
    while (torture_running(t)) {
        torture_sleep(t, mean > 0 ? random_below(&t->random, 2 * mean) : 100 * 1000 * 1000);
        torture_beat(t);
        if (mean == 0 || !torture_running(t) || (v = fleet_take(t)) == NULL)
            continue;
        fleet_unplug(v);
        fleet_give(v);
    }
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    TAILQ_FOREACH(v, &f->live, live)
    fleet_unplug(v);
    pthread_mutex_unlock(&f->lock);
    flavor_unregister_thread();
}

#else

void fleet_plugger(struct torture_thread *t)
{
    (void)t; /* there are no vCPUs to unplug */
}

#endif
