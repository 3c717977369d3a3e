/* exclusive: vCPUs of the accelerators, which come and go, and the guests of kvm. */
#include "exclusive.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

static struct executor *executor_of(struct fleet_vcpu *v)
{
    struct instance *in = v->thread->instance;
    const struct exclusive_params *p = in->params;
    struct exclusive_state *state = in->state;

    return &state->executors[(size_t)(p->exec_vcpus + p->quiet_vcpus) + v->thread->index];
}

/* What lies between two blocks is not seen as execution; the words are compared within each. */
static void block(struct vcpu *cpu)
{
    struct fleet_vcpu *v = cpu->data;
    struct torture_thread *t = v->thread;
    const struct exclusive_params *p = t->instance->params;
    struct executor *e = executor_of(v);
    uint64_t ticks = clock_ns_to_ticks(random_below(&t->random, (uint64_t)p->exec_ns + 1));

    e->serial = v->serial;
    exclusive_judge(t, e, exclusive_execute(t->instance->state, e, cpu, ticks));
}

static void events(struct vcpu *cpu)
{
    struct fleet_vcpu *v = cpu->data;

    torture_count(v->thread, WANTED_OUT, 1);
    torture_count(v->thread, GUESTS_WANTED_OUT, 1);
    torture_beat(v->thread);
}

const struct vcpu_guest exclusive_guest = {.block = block, .events = events};

/* --- Guests of kvm --- */

static void note_rounds(struct fleet *f, unsigned long number)
{
    struct vcpu *cpu;

    flavor_read_lock();
    FLEET_FOREACH(cpu, f)
    {
        struct exclusive_vcpu *v = cpu->data;
        struct vcpu_kvm_page *page = vcpu_kvm_shared_page(cpu);

        if (!page)
            continue;
        v->page = page;
        v->rounds = atomic_load_explicit(&page->rounds, memory_order_relaxed);
        v->noted_in = number;
    }
    flavor_read_unlock();
}

static void compare_rounds(struct torture_thread *t, struct exclusive_vcpu *v, unsigned long number)
{
    uint64_t rounds = atomic_load_explicit(&v->page->rounds, memory_order_relaxed);
    uint64_t unequal = atomic_load_explicit(&v->page->unequal, memory_order_relaxed);

    if (rounds != v->rounds)
        torture_violation(
            t->instance, t, EXCLUSIVITY,
            "The guest of vCPU %lu runs in section %lu: it was in round %lu, and then "
            "in round %lu.",
            v->base.serial, number, (unsigned long)v->rounds, (unsigned long)rounds);
    if (unequal != 0)
        torture_violation(t->instance, t, EXCLUSIVITY,
                          "The guest of vCPU %lu has %lu times seen what sections change half "
                          "changed; looked at in section %lu.",
                          v->base.serial, (unsigned long)unequal, number);
    torture_count(t, GUESTS_FROZEN, 1);
    torture_count(t, CHECKS, 1);
}

void exclusive_freeze_guests(struct torture_thread *t, unsigned long number, uint64_t ns)
{
    struct exclusive_state *state = t->instance->state;
    struct fleet *f = &state->fleet;
    struct vcpu *cpu;

    if (f->accel != &vcpu_accel_kvm) {
        torture_spin(ns);
        return;
    }
    note_rounds(f, number);
    torture_spin(ns);
    bql_lock();
    flavor_read_lock();
    FLEET_FOREACH(cpu, f)
    {
        struct exclusive_vcpu *v = cpu->data;
        struct vcpu_kvm_page *page = vcpu_kvm_shared_page(cpu);

        /* A page is its vCPU's until the vCPU's thread ends, which it does with the big lock
         * between; so while we hold it, the page of one that is not to end stays that vCPU's, and
         * has been so since it was published. */
        if (!page || fleet_is_to_end(&v->base))
            continue;
        atomic_store_explicit(&page->left, number, memory_order_relaxed);
        if (v->noted_in == number && v->page == page)
            compare_rounds(t, v, number);
        atomic_store_explicit(&page->right, number, memory_order_relaxed);
    }
    flavor_read_unlock();
    bql_unlock();
}

#endif
