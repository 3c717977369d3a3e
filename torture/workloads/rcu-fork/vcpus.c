/* rcu-fork: vCPUs. Forkers are vCPUs' threads, too, and fork while they execute and in exclusive
 * sections, for which others wait; as user-mode emulators do for each fork of a guest.
 */
#include "child.h"

enum { TURNS = 8, EXECUTES_NS = 20 * 1000, RESTS_NS = 100 * 1000 };

/* --- The parent's --- */

void fork_vcpu(struct torture_thread *t)
{
    flavor_vcpu cpu;

    flavor_register_thread();
    flavor_vcpu_enter(&cpu);
    while (torture_running(t)) {
        flavor_exec_start(&cpu);
        torture_spin(random_below(&t->random, EXECUTES_NS));
        flavor_exec_end(&cpu);
        if (flavor_exec_wanted_out(&cpu))
            flavor_exec_events(&cpu);
        if (random_one_in(&t->random, 2))
            fork_use_library_lock(t, EXECUTES_NS);
        if (random_one_in(&t->random, 4)) {
            flavor_start_exclusive();
            torture_spin(random_below(&t->random, EXECUTES_NS));
            flavor_end_exclusive();
        }
        torture_count(t, EXECUTIONS, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, RESTS_NS));
    }
    flavor_vcpu_leave(&cpu);
    flavor_unregister_thread();
}

/* --- Work, which comes over the fork --- */

#if FLAVOR_CAN_VCPU
static void count_work(struct vcpu *cpu, void *data)
{
    struct fork_birth *birth = data;

    (void)cpu;
    birth->ran++;
}
#endif

static void ask_for_work(struct fork_birth *birth, uint64_t items)
{
#if FLAVOR_CAN_VCPU
    for (; items > 0; items--)
        birth->accepted += async_run_on_cpu(&birth->cpu, count_work, birth) == 0;
#else
    (void)birth, (void)items;
#endif
}

/* --- Being somewhere when the fork comes --- */

static bool has_vcpu(const struct fork_birth *birth)
{
    return birth->at != AT_NO_VCPU && birth->at != AT_SECTION;
}

static bool has_section(const struct fork_birth *birth)
{
    return birth->at == AT_SECTION || birth->at == AT_SECTION_OF_VCPU;
}

void fork_get_into_vcpu(struct random *random, struct fork_birth *birth)
{
    birth->at = (enum fork_at)random_below(random, FORK_AT_COUNT);
    /* A vCPU's thread is registered. */
    if (birth->from == FROM_UNREGISTERED && has_vcpu(birth))
        birth->at = AT_SECTION;
    if (has_vcpu(birth)) {
        flavor_vcpu_enter(&birth->cpu);
        ask_for_work(birth, random_below(random, 4));
    }
    if (birth->at == AT_EXECUTION)
        flavor_exec_start(&birth->cpu);
    if (has_section(birth))
        flavor_start_exclusive();
}

void fork_get_out_of_vcpu(struct fork_birth *birth)
{
    if (has_section(birth))
        flavor_end_exclusive();
    if (birth->at == AT_EXECUTION)
        flavor_exec_end(&birth->cpu);
    if (has_vcpu(birth))
        flavor_vcpu_leave(&birth->cpu);
}

/* --- The child's --- */

#if FLAVOR_CAN_VCPU
/* The first thread is alone: no section is needed, and it may not be registered. */
static bool others_are_met(const struct vcpu *own)
{
    const struct vcpu *cpu;
    bool met = false;

    VCPU_FOREACH(cpu)
    met |= cpu != own;
    return met;
}
#endif

void child_forget_vcpus(struct child *c, const struct fork_birth *birth)
{
#if FLAVOR_CAN_VCPU
    vcpu_fork_child();
    if (vcpu_count() != has_vcpu(birth))
        child_fail(c, "Just forked, a child has %u vCPUs, and not %u.", vcpu_count(),
                   has_vcpu(birth));
    if (others_are_met(has_vcpu(birth) ? &birth->cpu : NULL))
        child_fail(c, "Just forked, a child meets a vCPU of its parent's in the list.");
    if (in_exclusive_section() != has_section(birth))
        child_fail(c, "Just forked, a child is %s an exclusive section.",
                   has_section(birth) ? "not in" : "in");
    child_count(&c->report->checks, 3);
#else
    (void)c, (void)birth;
#endif
}

/* Of two threads, what each is in the middle of, in a line of its own. */
struct party {
    _Alignas(64) atomic_bool executes;
    atomic_bool in_section;
};

struct pair {
    struct child *child;
    bool section_first; /* the neighbour's first turn: what the first thread is in, forbids it */
    struct party first, neighbour;
};

static void turn_in_section(struct child *c, struct party *own, const struct party *other)
{
    flavor_start_exclusive();
    atomic_store_explicit(&own->in_section, true, memory_order_relaxed);
    child_nap(0); /* so that others have a CPU */
    if (atomic_load_explicit(&other->executes, memory_order_relaxed))
        child_fail(c, "A vCPU executed in an exclusive section of a child's.");
    if (atomic_load_explicit(&other->in_section, memory_order_relaxed))
        child_fail(c, "There were two exclusive sections in a child at once.");
    atomic_store_explicit(&own->in_section, false, memory_order_relaxed);
    flavor_end_exclusive();
}

static void turn_of_vcpu(struct child *c, flavor_vcpu *cpu, struct party *own,
                         const struct party *other)
{
    flavor_exec_start(cpu);
    atomic_store_explicit(&own->executes, true, memory_order_relaxed);
    child_nap(0);
    if (atomic_load_explicit(&other->in_section, memory_order_relaxed))
        child_fail(c, "A vCPU of a child's executed in an exclusive section.");
    atomic_store_explicit(&own->executes, false, memory_order_relaxed);
    flavor_exec_end(cpu);
    if (flavor_exec_wanted_out(cpu))
        flavor_exec_events(cpu);
}

static void *be_neighbour(void *argument)
{
    struct pair *pair = argument;
    flavor_vcpu cpu;

    flavor_register_thread();
    flavor_vcpu_enter(&cpu);
    for (unsigned turn = pair->section_first; turn < TURNS; turn++)
        if (turn % 2 == 0)
            turn_of_vcpu(pair->child, &cpu, &pair->neighbour, &pair->first);
        else
            turn_in_section(pair->child, &pair->neighbour, &pair->first);
    flavor_vcpu_leave(&cpu);
    flavor_unregister_thread();
    return NULL;
}

/* The execution, or the section, goes on until the first thread ends it. */
static void end_inherited(struct child *c, struct fork_birth *birth, struct party *own)
{
    if (birth->at == AT_EXECUTION || has_section(birth))
        child_nap((int64_t)random_below(&c->random, 2 * (uint64_t)c->params->child_stay_ns + 1));
    atomic_store_explicit(&own->executes, false, memory_order_relaxed);
    atomic_store_explicit(&own->in_section, false, memory_order_relaxed);
    if (birth->at == AT_EXECUTION)
        flavor_exec_end(&birth->cpu);
    if (has_section(birth))
        flavor_end_exclusive();
}

void child_use_vcpus(struct child *c, struct fork_birth *birth)
{
    struct pair pair = {
        .child = c,
        .section_first = birth->at == AT_EXECUTION,
        .first = {.executes = birth->at == AT_EXECUTION, .in_section = has_section(birth)},
    };
    pthread_t neighbour = child_start_thread(c, be_neighbour, &pair);
    unsigned inherited = birth->accepted;

    if (has_vcpu(birth))
        ask_for_work(birth, 1 + random_below(&c->random, 2));
    if (FLAVOR_CAN_VCPU && has_vcpu(birth) && birth->accepted == inherited)
        child_fail(c, "The vCPU of a child's first thread refuses work.");
    end_inherited(c, birth, &pair.first);
    for (unsigned turn = 0; turn < TURNS; turn++)
        if (turn % 2 != 0)
            turn_in_section(c, &pair.first, &pair.neighbour);
        else if (has_vcpu(birth))
            turn_of_vcpu(c, &birth->cpu, &pair.first, &pair.neighbour);
    pthread_join(neighbour, NULL);
    if (has_vcpu(birth))
        flavor_vcpu_leave(&birth->cpu);
    if (birth->ran != birth->accepted)
        child_fail(
            c,
            "The vCPU of a child's first thread ran %u items of work, and had %u, %u of them "
            "since before the fork.",
            birth->ran, birth->accepted, inherited);
    child_count(&c->report->vcpu_turns, 2 * TURNS);
    child_count(&c->report->checks, 2 * TURNS);
}
