/* kick-latency: how long it takes from a request until the thread that it is for acts on it.
 *
 * One requester and one target. `threads` to `idle` are the library's vCPUs, from before cpu_exit()
 * until events() finds the reason; `idle` is a vCPU of `threads` that halts. The others are the
 * primitives under them without any library (kick_raw.c, kick_raw_kvm.c), from before the system
 * call until the target's next instruction. Each time the requester waits until the target is known
 * to be inside, and then for the same pause everywhere: how deep a CPU sleeps, and so how long it
 * takes to wake, depends on it.
 */
#include "kick.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct params {
    int method;
    int64_t pause_ns;
};

enum { KICKS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [KICKS] = {.name = "kicks"},
};
enum { KICK, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [KICK] = {.name = "kick", .unit = "ns"},
};

#if FLAVOR_CAN_VCPU

/* --- The library's vCPUs --- */

static struct kick_target *target_of(struct vcpu *cpu)
{
    return cpu->data;
}

static void block(struct vcpu *cpu)
{
    histogram_bump(&target_of(cpu)->rounds, 1);
}

static void events(struct vcpu *cpu)
{
    struct kick_target *target = target_of(cpu);
    uint64_t reason = atomic_load_explicit(&target->reason, memory_order_relaxed);

    if (reason != atomic_load_explicit(&target->acted, memory_order_relaxed))
        kick_target_acts(target, reason, clock_ticks());
}

static bool idle(struct vcpu *cpu)
{
    histogram_bump(&target_of(cpu)->rounds, 1);
    return true;
}

static const struct vcpu_guest busy_guest = {.block = block, .events = events};
static const struct vcpu_guest idle_guest = {.block = block, .events = events, .idle = idle};

static void run_rr(struct vcpu *cpu, struct vcpu_rr *rr)
{
    vcpu_rr_add(rr, cpu);
    vcpu_rr_end(rr); /* when it has been unplugged */
    vcpu_rr_run(rr);
}

static void vcpu_run_target(struct kick_target *target)
{
    const struct vcpu_accel *accel = target->way->accel;
    struct vcpu_rr rr = {.turn_ns = 0};
    struct vcpu_config config = {.accel = accel,
                                 .guest = target->way->guest,
                                 .data = target,
                                 .rr = accel->shares ? &rr : NULL};
    struct vcpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);

    if (accel->shares)
        vcpu_rr_init(&rr, 0);
    vcpu_init(cpu, &config);
    vcpu_add(cpu);
    /* Orders: vcpu_init(), vcpu_add() -> STORE target->cpu.
     * Pairs with: cpu_of(), LOAD target->cpu (acquire).
     * Broken: the requester kicks a vCPU that is half made. */
    __atomic_store_n(&target->cpu, cpu, __ATOMIC_RELEASE);
    if (accel->shares)
        run_rr(cpu, &rr);
    else if (vcpu_run(cpu) != 0)
        abort(); /* the plan has refused it */
    vcpu_remove(cpu);
    flavor_synchronize();
    vcpu_destroy(cpu);
    if (accel->shares)
        vcpu_rr_destroy(&rr);
    free(cpu);
}

static struct vcpu *cpu_of(struct kick_target *target)
{
    /* Orders: LOAD target->cpu -> accesses of the vCPU.
     * Pairs with: vcpu_run_target(), STORE target->cpu (release), after vcpu_add().
     * Broken: the requester kicks a vCPU that is half made. */
    return __atomic_load_n(&target->cpu, __ATOMIC_ACQUIRE);
}

static void vcpu_kick(struct kick_target *target)
{
    cpu_exit(cpu_of(target));
}

/* Of kvm the guest's, which come without block(). */
static uint64_t vcpu_rounds(struct kick_target *target)
{
    struct vcpu *cpu = cpu_of(target);
    struct vcpu_kvm_page *page = cpu ? vcpu_kvm_shared_page(cpu) : NULL;

    return atomic_load_explicit(page ? &page->rounds : &target->rounds, memory_order_relaxed);
}

static void vcpu_end(struct kick_target *target)
{
    struct vcpu *cpu;

    while (!(cpu = cpu_of(target)))
        sched_yield();
    flavor_read_lock(); /* it is freed by way of a grace period */
    vcpu_unplug(cpu);
    flavor_read_unlock();
}

#define LIBRARY(accelerator, the_guest, waits)                                             \
    &(const struct kick_way)                                                               \
    {                                                                                      \
        .run = vcpu_run_target, .kick = vcpu_kick, .end = vcpu_end, .rounds = vcpu_rounds, \
        .accel = &vcpu_accel_##accelerator, .guest = &(the_guest), .sleeps = (waits)       \
    }
#else
#define LIBRARY(...) NULL /* the plan refuses the flavor */
#endif

#define WAY(NAME, name, waits) [METHOD_##NAME] = LIBRARY(name, busy_guest, waits),
static const struct kick_way *const ways[] = {[METHOD_IDLE] = LIBRARY(threads, idle_guest, true),
                                              [METHOD_RAW_FUTEX] = &kick_raw_futex,
                                              [METHOD_RAW_SIGNAL] = &kick_raw_signal,
                                              [METHOD_RAW_INTERRUPT] = &kick_raw_interrupt,
                                              [METHOD_RAW_KVM] = &kick_raw_kvm,
                                              ACCELERATORS(WAY)};
#undef WAY

/* --- The threads --- */

static void target_role(struct torture_thread *t)
{
    struct kick_target *target = t->instance->state;

    flavor_register_thread();
    target->thread = t;
    atomic_store_explicit(&target->thread_id, gettid(), memory_order_relaxed);
    target->way->run(target);
    flavor_unregister_thread();
}

static uint64_t rounds_of(struct kick_target *target)
{
    return target->way->rounds ? target->way->rounds(target)
                               : atomic_load_explicit(&target->rounds, memory_order_relaxed);
}

/* Returns when the target has gone in again since it acted; false when the run is over. */
static bool wait_inside(struct torture_thread *t, struct kick_target *target, uint64_t before)
{
    const struct params *p = t->instance->params;
    /* The first round after the action may be the one that led to it: an inner loop has to
     * go on. */
    uint64_t goal = before + (target->way->sleeps ? 1 : 2);

    while (rounds_of(target) < goal)
        if (!torture_running(t))
            return false;
    torture_spin((uint64_t)p->pause_ns);
    return torture_running(t);
}

static bool acted(struct kick_target *target, uint64_t reason)
{
    /* Orders: LOAD target->acted -> LOAD target->acted_ticks.
     * Pairs with: kick_target_acts(), STORE target->acted_ticks -> STORE target->acted (release).
     * Broken: the latency has the time of the action before. */
    return atomic_load_explicit(&target->acted, memory_order_acquire) >= reason;
}

/* Loads without a pause: the requester has a CPU of its own. */
static bool wait_for(struct torture_thread *t, struct kick_target *target, uint64_t reason)
{
    for (unsigned loads = 1; !acted(target, reason); loads++)
        if (loads % 1024 == 0 && !torture_running(t))
            return false;
    return true;
}

/* Whatever it waits in, and not before it is ready for that. */
static void end_target(struct kick_target *target)
{
    atomic_store_explicit(&target->leave, 1, memory_order_relaxed); /* the kick makes it seen */
    if (target->way->end) {
        target->way->end(target);
        return;
    }
    while (rounds_of(target) == 0)
        sched_yield();
    target->way->kick(target);
}

static void requester(struct torture_thread *t)
{
    struct kick_target *target = t->instance->state;
    uint64_t before = 0;

    flavor_register_thread();
    for (uint64_t reason = 1; wait_inside(t, target, before); reason++) {
        uint64_t begun, ticks;

        /* Of what it does after it acts, which may be to go in at once, none counts from before. */
        before = rounds_of(target);
        begun = clock_ticks();
        /* Orders: LOAD of the rounds before -> STORE target->reason.
         * Pairs with: reason_of() and kvm_run(), LOAD target->reason (acquire).
         * Broken: a round that the target makes after it has acted is counted as one from before,
         * and it is kicked before it is inside. */
        atomic_store_explicit(&target->reason, reason, memory_order_release);
        target->way->kick(target);
        if (!wait_for(t, target, reason))
            break;
        if (!target->way->sleeps)
            before = rounds_of(target);
        ticks = atomic_load_explicit(&target->acted_ticks, memory_order_relaxed);
        torture_measure(t, KICK, ticks > begun ? clock_ticks_to_ns(ticks - begun) : 0);
        torture_count(t, KICKS, 1);
        torture_beat(t);
        torture_beat(target->thread);
    }
    end_target(target);
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct kick_target *target = aligned_alloc(64, sizeof *target);

    memset(target, 0, sizeof *target);
    target->way = ways[p->method];
    if (!target->way->run) {
        diagnose(d, "kick-latency: a bare guest needs an x86-64 machine with KVM; set another "
                    "\"method\"");
        free(target);
        return false;
    }
    in->state = target;
    return true;
}

static void finish(struct instance *in)
{
    free(in->state);
}

static unsigned needs_by_params(const void *params)
{
    int method = ((const struct params *)params)->method;

    if (method == METHOD_KVM || method == METHOD_RAW_KVM)
        return CAN_VCPU | CAN_KVM;
    return method < METHOD_RAW_FUTEX ? CAN_VCPU | CAN_SYNCHRONIZE : 0;
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "method",
     .type = OPTION_CHOICE,
     .offset = FIELD(method),
     .default_text = "threads",
     /* Without the space before the first. */
     .choices =
         &(ACCELERATORS(ACCELERATOR_CHOICE) " idle raw-futex raw-signal raw-interrupt raw-kvm")[1],
     .help = "a vCPU of that accelerator, an idle one, or the bare primitive"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(pause_ns),
     .default_text = "100us",
     .min = 50e3,
     .max = 1e9,
     .help =
         "from when the target is inside until it is kicked; those that sleep, sleep for so long"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "kick-target", .run = target_role},
    {.name = "kick-latency-requester", .run = requester},
    {.name = NULL},
};

extern const struct workload kick_latency_workload;
const struct workload kick_latency_workload = {
    .name = "kick-latency",
    .summary = "how long a kick takes, from the request until the target acts on it",
    .bench = true,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .setup = setup,
    .finish = finish,
};
