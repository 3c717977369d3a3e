#include "vcpu_ledger.h"

#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

/* By index. An index is given to another under a lock of the code under test, which orders what is
 * stored here. */
static _Atomic(const struct vcpu *) holders[VCPU_LIMIT];
static uint64_t promised;

bool vcpu_ledger_promise(struct instance *in, uint64_t vcpus, struct diagnostics *d)
{
    promised += vcpus;
    if (promised > VCPU_LIMIT)
        diagnose(d,
                 "%s: %lu vCPUs in this run are more than the library's limit of %u; set \"vcpus\" "
                 "or \"per_thread\" lower",
                 in->workload->name, (unsigned long)promised, VCPU_LIMIT);
    return promised <= VCPU_LIMIT;
}

static bool is_met(const struct vcpu *wanted)
{
    const struct vcpu *cpu;
    bool met = false;

    flavor_read_lock();
    VCPU_FOREACH(cpu)
    met |= cpu == wanted;
    flavor_read_unlock();
    return met;
}

/* The lowest free one: never more than there may be others. Threads of other workloads have one
 * each at most that nobody has promised. */
static bool is_too_high(const struct instance *in, unsigned index)
{
    return index >= VCPU_LIMIT || index >= promised + in->thread_count;
}

unsigned long vcpu_ledger_adds(void)
{
    return vcpu_list_generation();
}

void vcpu_ledger_added(struct torture_thread *t, struct vcpu *cpu, unsigned long begun)
{
    const struct vcpu *other;

    if (vcpu_list_generation() == begun)
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "vCPU %u was added, and the list is of generation %lu as before.",
                          cpu->index, begun);
    if (is_too_high(t->instance, cpu->index)) {
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "A vCPU got the index %u, though there are %lu of them at most: lower "
                          "ones were not given back.",
                          cpu->index, (unsigned long)(promised + t->instance->thread_count));
        return;
    }
    other = atomic_exchange(&holders[cpu->index], cpu);
    if (other)
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "A vCPU got the index %u, which another that is in the list has.",
                          cpu->index);
    if (!is_met(cpu) || vcpu_count() == 0)
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "vCPU %u was added, and a walk of the list does not meet it, or they are "
                          "counted as none (%u).",
                          cpu->index, vcpu_count());
}

unsigned long vcpu_ledger_removes(struct torture_thread *t, struct vcpu *cpu)
{
    const struct vcpu *holder;

    if (is_too_high(t->instance, cpu->index))
        return vcpu_list_generation();
    holder = atomic_exchange(&holders[cpu->index], NULL);
    if (holder != cpu)
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "vCPU %u is about to be removed, and %s its index meanwhile.", cpu->index,
                          holder ? "another got" : "another had and gave back");
    return vcpu_list_generation();
}

void vcpu_ledger_removed(struct torture_thread *t, const struct vcpu *cpu, unsigned long begun)
{
    if (vcpu_list_generation() == begun)
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "vCPU %u was removed, and the list is of generation %lu as before.",
                          cpu->index, begun);
    if (is_met(cpu))
        torture_violation(t->instance, t, VCPU_LEDGER,
                          "vCPU %u was removed, and a walk of the list still meets it.",
                          cpu->index);
}

void vcpu_ledger_close(struct instance *in)
{
    if (vcpu_count() != 0 || vcpu_list.tqh_first)
        torture_violation(in, NULL, VCPU_LEDGER,
                          "At the end of the run, with all vCPUs removed, %u are counted, and the "
                          "list is %s.",
                          vcpu_count(), vcpu_list.tqh_first ? "not empty" : "empty");
}

#endif
