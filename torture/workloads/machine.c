#include "machine.h"

#include <stdlib.h>
#include <string.h>

unsigned machine_needs(const void *params)
{
    const struct machine_params *p = params;

    if (p->vcpus == 0)
        return 0;
    return CAN_VCPU | CAN_CALL | CAN_BARRIER | (p->accel == ACCEL_KVM ? CAN_KVM : 0);
}

void *machine_lines(size_t size)
{
    size_t lines = size > 0 ? (size + 63) & ~(size_t)63 : 64;
    void *memory = aligned_alloc(64, lines);

    memset(memory, 0, lines);
    return memory;
}

void machine_missing_role(struct torture_thread *t)
{
    (void)t;
    abort(); /* the plan refuses the flavor */
}

#if FLAVOR_CAN_VCPU

bool machine_promise(struct instance *in, uint64_t vcpus, struct diagnostics *d)
{
    static uint64_t promised;

    promised += vcpus;
    if (promised > VCPU_LIMIT)
        diagnose(d,
                 "%s: %lu vCPUs in this run are more than the library's limit of %u; set \"vcpus\" "
                 "or \"per_thread\" lower",
                 in->workload->name, (unsigned long)promised, VCPU_LIMIT);
    return promised <= VCPU_LIMIT;
}

void *machine_open(struct instance *in, size_t state_size, size_t vcpu_size,
                   const struct vcpu_guest *guest, const struct machine_hooks *hooks,
                   struct diagnostics *d)
{
    static const char *const names[] = {"auto", "threads", "rr", "signal", "cancel", "user", "kvm"};
    static const struct machine_hooks no_hooks;
    const struct machine_params *params = in->params;
    const struct vcpu_accel *accel = vcpu_accel_find(names[params->accel]);
    struct machine *m;

    if (!machine_promise(
            in, (uint64_t)params->vcpus * (accel->shares ? (uint64_t)params->per_thread : 1), d))
        return NULL;
    if (accel == &vcpu_accel_kvm)
        vcpu_accel_available(accel, NULL, 0); /* makes KVM's machine while the CPUs are free */
    in->state = m = machine_lines(state_size);
    m->instance = in;
    m->params = params;
    m->accel = accel;
    m->guest = guest;
    m->hooks = hooks ? hooks : &no_hooks;
    m->vcpu_size = vcpu_size;
    pthread_mutex_init(&m->lock, NULL);
    TAILQ_INIT(&m->live);
    return m;
}

void machine_close(struct machine *m)
{
    flavor_barrier(); /* those that are freed by callback */
    pthread_mutex_destroy(&m->lock);
}

/* --- One vCPU --- */

/* A thread's vCPUs by rr. It goes with the last of them: until then somebody may kick one. */
struct machine_rr {
    struct vcpu_rr rr;
    atomic_uint references;
};

static void give_rr(struct machine_rr *rr)
{
    /* As in machine_give(). */
    if (!rr || atomic_fetch_sub_explicit(&rr->references, 1, memory_order_acq_rel) > 1)
        return;
    vcpu_rr_destroy(&rr->rr);
    free(rr);
}

static void free_vcpu(flavor_head *head)
{
    struct machine_vcpu *v =
        (struct machine_vcpu *)((char *)head - offsetof(struct machine_vcpu, head));

    vcpu_destroy(&v->cpu);
    give_rr(v->rr);
    memset(v, 0x5a, sizeof *v); /* whoever comes too late is to notice */
    free(v);
}

void machine_give(struct machine_vcpu *v)
{
    /* Release and acquire: all that users did comes before it is freed.
     * Pairs with: itself. Broken: freed under a user's hands. */
    if (atomic_fetch_sub_explicit(&v->references, 1, memory_order_acq_rel) == 1)
        flavor_call(&v->head, free_vcpu);
}

/* => m->lock, and there is one. */
static struct machine_vcpu *draw(struct machine *m, struct random *random)
{
    uint64_t skip = random_below(random, m->live_count);
    struct machine_vcpu *v = TAILQ_FIRST(&m->live);

    for (; skip > 0; skip--)
        v = TAILQ_NEXT(v, live);
    return v;
}

void *machine_take(struct torture_thread *t)
{
    struct machine *m = t->instance->state;
    struct machine_vcpu *v = NULL;

    pthread_mutex_lock(&m->lock);
    if (m->live_count > 0) {
        v = draw(m, &t->random);
        /* An rr thread keeps those until the last has ended: not too many of them. */
        if (machine_is_to_end(v))
            v = draw(m, &t->random);
        atomic_fetch_add_explicit(&v->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&m->lock);
    return v;
}

/* NULL when the run is over. */
static struct machine_vcpu *plug(struct torture_thread *t, struct machine *m, struct machine_rr *rr)
{
    struct vcpu_config config = {
        .accel = m->accel, .guest = m->guest, .rr = rr ? &rr->rr : NULL, .guest_io = m->guest_io};
    struct machine_vcpu *v = machine_lines(m->vcpu_size);

    config.data = v;
    vcpu_init(&v->cpu, &config);
    v->machine = m;
    v->thread = t;
    atomic_init(&v->references, 1);
    pthread_mutex_lock(&m->lock);
    if (m->closing) {
        pthread_mutex_unlock(&m->lock);
        vcpu_destroy(&v->cpu);
        free(v);
        return NULL;
    }
    if (rr)
        atomic_fetch_add_explicit(&rr->references, 1, memory_order_relaxed);
    v->rr = rr;
    v->serial = m->plugged++;
    vcpu_add(&v->cpu);
    if (m->hooks->plugged)
        m->hooks->plugged(&v->cpu);
    TAILQ_INSERT_TAIL(&m->live, v, live);
    m->live_count++;
    pthread_mutex_unlock(&m->lock);
    return v;
}

static void unplug(struct machine *m, struct machine_vcpu *v)
{
    pthread_mutex_lock(&m->lock);
    TAILQ_REMOVE(&m->live, v, live);
    m->live_count--;
    pthread_mutex_unlock(&m->lock);
    vcpu_remove(&v->cpu);
    if (m->hooks->unplugged)
        m->hooks->unplugged(&v->cpu);
    machine_give(v);
}

/* --- The roles --- */

/* False when the run is over. */
static bool live_alone(struct torture_thread *t, struct machine *m)
{
    struct machine_vcpu *v = plug(t, m, NULL);
    int error;

    if (!v)
        return false;
    error = vcpu_run(&v->cpu);
    if (error != 0)
        torture_give_up(
            "%s: a vCPU of accelerator %s cannot run: %s; use fewer \"vcpus\", or another "
            "\"accel\"",
            m->instance->workload->name, m->accel->name, strerror(-error));
    unplug(m, v);
    return true;
}

static bool live_together(struct torture_thread *t, struct machine *m)
{
    struct machine_vcpu **vs = calloc((size_t)m->params->per_thread, sizeof(struct machine_vcpu *));
    struct machine_rr *rr = calloc(1, sizeof *rr);
    int64_t count = 0;

    vcpu_rr_init(&rr->rr, m->turn_ns);
    atomic_init(&rr->references, 1);
    while (count < m->params->per_thread && (vs[count] = plug(t, m, rr)) != NULL)
        vcpu_rr_add(&rr->rr, &vs[count++]->cpu);
    vcpu_rr_end(&rr->rr); /* when all have been unplugged */
    vcpu_rr_run(&rr->rr);
    for (int64_t i = 0; i < count; i++)
        unplug(m, vs[i]);
    give_rr(rr);
    free(vs);
    return count == m->params->per_thread;
}

void machine_vcpus(struct torture_thread *t)
{
    struct machine *m = t->instance->state;

    flavor_register_thread();
    while (m->accel->shares ? live_together(t, m) : live_alone(t, m))
        torture_beat(t);
    flavor_unregister_thread();
}

void machine_unplug(struct machine_vcpu *v)
{
    atomic_store_explicit(&v->told_to_end, true, memory_order_relaxed);
    /* Release: whoever sees that the vCPU ends sees that it was told to.
     * Pairs with: machine_is_to_end(). Broken: as said there. */
    atomic_thread_fence(memory_order_release);
    vcpu_unplug(&v->cpu);
}

void machine_plugger(struct torture_thread *t)
{
    struct machine *m = t->instance->state;
    uint64_t mean = (uint64_t)m->params->hotplug_ns;
    struct machine_vcpu *v;

    if (m->params->vcpus == 0)
        return;
    flavor_register_thread();
    while (torture_running(t)) {
        torture_sleep(t, mean > 0 ? random_below(&t->random, 2 * mean) : 100 * 1000 * 1000);
        torture_beat(t);
        if (mean == 0 || !torture_running(t) || (v = machine_take(t)) == NULL)
            continue;
        machine_unplug(v);
        machine_give(v);
    }
    pthread_mutex_lock(&m->lock);
    m->closing = true;
    TAILQ_FOREACH(v, &m->live, live)
    machine_unplug(v);
    pthread_mutex_unlock(&m->lock);
    flavor_unregister_thread();
}

#else

void machine_plugger(struct torture_thread *t)
{
    (void)t; /* there are no vCPUs to unplug */
}

#endif
