/* unmap: a main loop unmaps memory that vCPUs may be using.
 *
 * A vCPU finds the region that is mapped when it enters, and goes on using it for as long as it
 * stays in its inner loop, which is one read section. The main loop unpublishes the region and
 * queues a callback that unmaps it; it can do nothing else until that has run, as a display whose
 * memory is still in use. So the time to the callback is what a user sees, and it is as long as
 * the vCPUs stay: they do not leave by themselves, unless a grace period that is forced kicks
 * them out, or the guest has a reason of its own, which it has here once in a while (`stay`). The
 * main loop can force that grace period in each way that there is (`force`).
 */
#include "torture/runner/violation.h"
#include "torture/workloads/fleet.h"

#include <stdlib.h>
#include <sys/mman.h>

struct unmap_params {
    struct fleet_params fleet;
    int64_t pages, stay_ns, pause_ns;
    int force;
};
enum { FORCE_NONE, FORCE_RCU, FORCE_EXPEDITED, FORCE_DRAIN };

enum { UNMAPS, USES, RESCUES, CHECKS, COUNTER_COUNT };
enum { REQUEST_TO_DONE, MEASURE_COUNT };
enum { EARLY_REUSE = VCPU_LEDGER_CHECKS, CHECK_COUNT };
enum { NOTE_MAPPED, NOTE_UNPUBLISHED, NOTE_UNMAPPED, NOTE_ENTERED, NOTE_LEFT, NOTE_COUNT };

static const struct counter counters[COUNTER_COUNT] = {
    [UNMAPS] = {.name = "unmaps"},
    [USES] = {.name = "uses"},
    [RESCUES] = {.name = "rescues"},
    [CHECKS] = {.name = "checks"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [REQUEST_TO_DONE] = {.name = "unmap.request_to_done",
                         .unit = "ns",
                         .heading = "From the request to unmap memory until it is unmapped",
                         .samples = "unmaps",
                         .files = "unmap",
                         .called = "the wait for memory to be unmapped"},
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [EARLY_REUSE] = "early-reuse",
};
static const char *const coverage[] = {"unmaps", "uses", NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_MAPPED] = {.format = "mapped region %lu"},
    [NOTE_UNPUBLISHED] = {.format = "unpublished region %lu"},
    [NOTE_UNMAPPED] = {.format = "region %lu was unmapped after %lu us"},
    [NOTE_ENTERED] = {.format = "entered, uses region %lu on vCPU %lu", .enters = true},
    [NOTE_LEFT] = {.format = "left region %lu on vCPU %lu"},
};

#if FLAVOR_CAN_VCPU

#define PAGE 4096

/* Written before it is published, and by nobody after. */
struct region {
    uint64_t number;
};

/* What is queued; not in the region, which it unmaps. */
struct unmapping {
    flavor_head head;
    struct region *region;
    size_t size;
    atomic_uint done; /* a futex word */
    uint64_t done_ticks;
};

struct unmap_vcpu {
    struct fleet_vcpu base;
    struct region *region; /* found since the vCPU entered; NULL: none yet */
    uint64_t number, looks;
};

struct unmap_state {
    struct fleet fleet;
    _Alignas(64) struct region *current; /* published; NULL: nothing is mapped */
};

/* --- vCPUs --- */

/* One page each time, and the number with it: memory that was unmapped faults, and memory that was
 * mapped again has another number. */
static void use(struct unmap_vcpu *v, const struct unmap_params *p)
{
    struct torture_thread *t = v->base.thread;
    const volatile char *page =
        (const char *)v->region + PAGE * (v->looks++ % (uint64_t)p->pages) + sizeof(struct region);
    uint64_t number = ((const volatile struct region *)v->region)->number;

    (void)*page;
    if (number != v->number)
        torture_violation(t->instance, t, EARLY_REUSE,
                          "vCPU %lu uses region %lu, and finds region %lu in its place.",
                          v->base.serial, (unsigned long)v->number, (unsigned long)number);
    torture_count(t, USES, 1);
    torture_count(t, CHECKS, 1);
}

static void block(struct vcpu *cpu)
{
    struct unmap_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    struct unmap_state *state = t->instance->state;

    torture_beat(t);
    torture_section(t, true);
    if (!v->region) {
        v->region = flavor_dereference(state->current);
        if (v->region) {
            v->number = v->region->number;
            torture_note(t, NOTE_ENTERED, (unsigned long)v->number, v->base.serial);
        }
    }
    if (v->region)
        use(v, t->instance->params);
    torture_section(t, false);
}

/* Between two stays. */
static void events(struct vcpu *cpu)
{
    struct unmap_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;

    torture_beat(t);
    if (v->region)
        torture_note(t, NOTE_LEFT, (unsigned long)v->number, v->base.serial);
    v->region = NULL;
}

static const struct vcpu_guest guest = {.block = block, .events = events};

/* --- The main loop --- */

static struct region *map(uint64_t number, size_t size)
{
    struct region *r =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (r == MAP_FAILED)
        return NULL;
    r->number = number;
    return r;
}

static void unmap(flavor_head *head)
{
    struct unmapping *u = (struct unmapping *)((char *)head - offsetof(struct unmapping, head));

    munmap(u->region, u->size);
    u->done_ticks = clock_ticks();
    /* Orders: STORE u->done_ticks -> STORE u->done.
     * Pairs with: wait_for(), LOAD u->done (acquire).
     * Broken: the latency has the time of an unmapping before. */
    atomic_store_explicit(&u->done, 1, memory_order_release);
    shared_wake(&u->done);
}

/* The guest's own reason to leave, which is nobody's request. */
static void rescue(struct torture_thread *t, struct fleet *f)
{
    struct fleet_vcpu *v;

    torture_count(t, RESCUES, 1);
    pthread_mutex_lock(&f->lock);
    TAILQ_FOREACH(v, &f->live, live)
    cpu_exit(&v->cpu);
    pthread_mutex_unlock(&f->lock);
}

static void wait_for(struct torture_thread *t, struct unmapping *u)
{
    const struct unmap_params *p = t->instance->params;
    struct unmap_state *state = t->instance->state;
    int64_t until = clock_monotonic_ns() + p->stay_ns;

    /* Orders: LOAD u->done -> LOAD u->done_ticks (by the caller).
     * Pairs with: unmap(), STORE u->done_ticks -> STORE u->done (release).
     * Broken: the latency has the time of an unmapping before. */
    while (!atomic_load_explicit(&u->done, memory_order_acquire)) {
        int64_t left = until - clock_monotonic_ns();

        if (left > 0) { /* at the end of the run vCPUs leave as they are unplugged */
            shared_wait(&u->done, 0, left);
            continue;
        }
        rescue(t, &state->fleet);
        until = clock_monotonic_ns() + p->stay_ns;
    }
}

/* Has the region unmapped, and comes back when it is. */
static void have_unmapped(struct torture_thread *t, struct unmapping *u)
{
    const struct unmap_params *p = t->instance->params;

    if (p->force == FORCE_EXPEDITED) {
        flavor_synchronize_expedited();
        unmap(&u->head);
        return;
    }
    flavor_call(&u->head, unmap);
    if (p->force == FORCE_RCU)
        flavor_force();
    else if (p->force == FORCE_DRAIN)
        flavor_barrier();
    wait_for(t, u);
}

/* False when there is no memory. */
static bool map_and_unmap(struct torture_thread *t, uint64_t number)
{
    const struct unmap_params *p = t->instance->params;
    struct unmap_state *state = t->instance->state;
    struct unmapping u = {.size = PAGE * (size_t)p->pages};
    uint64_t begun, ns;

    u.region = map(number, u.size);
    if (!u.region)
        return false;
    torture_note(t, NOTE_MAPPED, (unsigned long)number, 0);
    flavor_assign_pointer(state->current, u.region);
    torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    torture_note(t, NOTE_UNPUBLISHED, (unsigned long)number, 0);
    begun = clock_ticks();
    flavor_assign_pointer(state->current, NULL);
    have_unmapped(t, &u);
    ns = clock_ticks_to_ns(u.done_ticks - begun);
    torture_measure(t, REQUEST_TO_DONE, ns);
    torture_note(t, NOTE_UNMAPPED, (unsigned long)number, (unsigned long)(ns / 1000));
    torture_count(t, UNMAPS, 1);
    return true;
}

static void main_loop(struct torture_thread *t)
{
    flavor_register_thread();
    for (uint64_t number = 1; torture_running(t); number++) {
        if (!map_and_unmap(t, number))
            torture_sleep(t, 10 * 1000 * 1000); /* other processes may give some back */
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    return fleet_open(in, sizeof(struct unmap_state), sizeof(struct unmap_vcpu), &guest, NULL, d);
}

static void finish(struct instance *in)
{
    struct unmap_state *state = in->state;

    fleet_close(&state->fleet);
    free(state);
}
#endif

/* --- Tables --- */

#define FIELD(name) offsetof(struct unmap_params, name)
static const struct option options[] = {
    FLEET_OPTIONS("2"),
    {.name = "pages",
     .type = OPTION_INT,
     .offset = FIELD(pages),
     .default_text = "16",
     .min = 1,
     .max = 1e6,
     .unit = "pages",
     .help = "size of what is unmapped"},
    {.name = "stay", /* may be longer than any stall limit: that it is told to leave is the test */
     .type = OPTION_DURATION,
     .offset = FIELD(stay_ns),
     .default_text = "300ms",
     .min = 1e6,
     .max = 60e9,
     .help = "after so long a vCPU leaves by itself"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "2ms",
     .max = 60e9,
     .help = "mean time that memory stays mapped"},
    {.name = "force",
     .type = OPTION_CHOICE,
     .offset = FIELD(force),
     .default_text = "none",
     .choices = "none force_rcu expedited drain",
     .help =
         "how the main loop hurries: not at all; it queues and forces; it waits for an expedited "
         "grace period; it queues and waits for all callbacks"},
    {.name = NULL},
};
#undef FIELD

static unsigned needs_by_params(const void *params)
{
    static const unsigned needs[] = {
        [FORCE_NONE] = 0,
        [FORCE_RCU] = CAN_FORCE,
        [FORCE_EXPEDITED] = CAN_EXPEDITE,
        [FORCE_DRAIN] = CAN_BARRIER,
    };

    return fleet_needs(params) | needs[((const struct unmap_params *)params)->force];
}

static const struct role roles[] = {
    {.name = "vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(fleet_vcpus)},
    {.name = "plugger", .run = fleet_plugger},
    {.name = "main-loop", .run = NEEDS_VCPU(main_loop)},
    {.name = NULL},
};

extern const struct workload unmap_workload;
const struct workload unmap_workload = {
    .name = "unmap",
    .summary = "a main loop unmaps memory that busy vCPUs may be using",
    .needs = CAN_PROTECT | CAN_CALL | CAN_BARRIER | CAN_VCPU,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct unmap_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    FLEET_LIFE(setup, finish),
};
