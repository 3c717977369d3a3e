/* exclusive-latency: how long start_exclusive takes against vCPUs that execute in short bursts.
 *
 * With the method raw-fence-and-wake the starter does instead what no exclusive section can do
 * without: the heavy fence against threads that run, and one wake-up of a thread that sleeps in a
 * futex, from the call to the first instruction of the other thread. The sum is recorded under the
 * same name, so that the two points of a sweep compare. vCPUs do the same with either method; with
 * the raw one the first of them is who sleeps and is woken. The system calls are the bench's own:
 * no flavor changes them.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct params {
    int64_t vcpus, exec_ns, rest_ns, pause_ns, hold_ns;
    int method;
};
enum { METHOD_EXCLUSIVE, METHOD_RAW };

enum { EXECUTIONS, SECTIONS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [EXECUTIONS] = {.name = "executions"},
    [SECTIONS] = {.name = "sections"},
};
enum { ENTER, STOPPED, RAW_FENCE, RAW_WAKE, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [ENTER] = MEASURE_EXCLUSIVE_ENTER,
    [STOPPED] = {.name = "exclusive.stopped", .unit = "ns"},
    [RAW_FENCE] = {.name = "raw.heavy_fence", .unit = "ns"},
    [RAW_WAKE] = {.name = "raw.wake_up", .unit = "ns"},
};

/* What the first vCPU is to do, with the method raw-fence-and-wake. */
enum { EXECUTE, SLEEP, ASLEEP };

struct state {
    bool membarrier;
    _Alignas(64) atomic_uint sleeper; /* a futex word */
    _Alignas(64) atomic_ulong woken;  /* ticks; 0: not yet */
};

static void execute(struct torture_thread *t, flavor_vcpu *v, uint64_t ns)
{
    flavor_exec_start(v);
    torture_spin(ns);
    flavor_exec_end(v);
    if (flavor_exec_wanted_out(v))
        flavor_exec_events(v);
    torture_count(t, EXECUTIONS, 1);
    torture_beat(t);
}

static void sleep_until_woken(struct torture_thread *t, struct state *state)
{
    uint64_t woken;

    atomic_store_explicit(&state->sleeper, ASLEEP, memory_order_relaxed);
    while (atomic_load_explicit(&state->sleeper, memory_order_relaxed) == ASLEEP &&
           torture_running(t))
        shared_wait(&state->sleeper, ASLEEP, 100 * 1000 * 1000);
    woken = clock_ticks();
    atomic_store_explicit(&state->woken, woken, memory_order_relaxed);
}

static void short_bursts(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    flavor_vcpu *v = aligned_alloc(64, (sizeof(flavor_vcpu) + 63) & ~(size_t)63);

    flavor_register_thread();
    flavor_vcpu_enter(v);
    while (torture_running(t)) {
        execute(t, v, (uint64_t)p->exec_ns);
        if (t->index == 0 && atomic_load_explicit(&state->sleeper, memory_order_relaxed) == SLEEP)
            sleep_until_woken(t, state);
        if (p->rest_ns > 0)
            torture_sleep(t, (uint64_t)p->rest_ns);
    }
    flavor_vcpu_leave(v);
    flavor_unregister_thread();
    free(v);
}

/* --- The starter --- */

static void enter(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    uint64_t asked = clock_ticks(), began, ends;

    flavor_start_exclusive();
    began = clock_ticks();
    torture_spin((uint64_t)p->hold_ns);
    ends = clock_ticks();
    flavor_end_exclusive();
    torture_measure(t, ENTER, clock_ticks_to_ns(began - asked));
    torture_measure(t, STOPPED, clock_ticks_to_ns(ends - began));
    torture_count(t, SECTIONS, 1);
}

static uint64_t heavy_fence_ns(const struct state *state)
{
    uint64_t begun = clock_ticks();

    if (state->membarrier)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    else /* orders nothing: it is what is measured */
        atomic_thread_fence(memory_order_seq_cst);
    return clock_ticks_to_ns(clock_ticks() - begun);
}

/* Waits for the other side, which does its part in microseconds. */
static bool wait_until(struct torture_thread *t, atomic_uint *word, unsigned value)
{
    while (atomic_load_explicit(word, memory_order_relaxed) != value)
        if (!torture_running(t))
            return false;
    return true;
}

/* 0: the run is over. */
static uint64_t wake_up_ns(struct torture_thread *t, struct state *state)
{
    uint64_t begun, woken;

    atomic_store_explicit(&state->woken, 0, memory_order_relaxed);
    atomic_store_explicit(&state->sleeper, SLEEP, memory_order_relaxed);
    if (!wait_until(t, &state->sleeper, ASLEEP))
        return 0;
    torture_sleep(t, 100000); /* the sleeper has got to its sleep */
    begun = clock_ticks();
    atomic_store_explicit(&state->sleeper, EXECUTE, memory_order_relaxed);
    shared_wake(&state->sleeper);
    while ((woken = atomic_load_explicit(&state->woken, memory_order_relaxed)) == 0)
        if (!torture_running(t))
            return 0;
    return woken > begun ? clock_ticks_to_ns(woken - begun) : 1;
}

static void fence_and_wake(struct torture_thread *t)
{
    struct state *state = t->instance->state;
    uint64_t fence = heavy_fence_ns(state), wake = wake_up_ns(t, state);

    if (wake == 0)
        return;
    torture_measure(t, RAW_FENCE, fence);
    torture_measure(t, RAW_WAKE, wake);
    torture_measure(t, ENTER, fence + wake);
}

static void starter(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        if (p->method == METHOD_RAW)
            fence_and_wake(t);
        else
            enter(t);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- The instance --- */

static const char *refuse(const void *params)
{
    const struct params *p = params;

    return p->method == METHOD_RAW && p->vcpus == 0
               ? "method raw-fence-and-wake wakes a vCPU; set \"vcpus\" to 1 or more"
               : NULL;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    struct state *state;

    (void)d;
    in->state = state = aligned_alloc(64, sizeof *state);
    *state =
        (struct state){.membarrier = syscall(SYS_membarrier,
                                             MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0};
    return true;
}

static void finish(struct instance *in)
{
    free(in->state);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "vcpus",
     .type = OPTION_INT,
     .offset = FIELD(vcpus),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "vCPUs, a thread each"},
    {.name = "exec",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(exec_ns),
     .default_text = "1us",
     .max = 60e9,
     .help = "how long a vCPU executes at a time"},
    {.name = "rest",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(rest_ns),
     .default_text = "0us",
     .max = 60e9,
     .help = "sleep of a vCPU between two executions, so that many of them leave CPUs idle"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "200us",
     .max = 60e9,
     .help = "mean sleep of the starter between two sections"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "1us",
     .max = 60e9,
     .help = "how long a section lasts"},
    {.name = "method",
     .type = OPTION_CHOICE,
     .offset = FIELD(method),
     .default_text = "exclusive",
     .choices = "exclusive raw-fence-and-wake",
     .help = "what is timed: an exclusive section, or the bare primitives under it"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "polling-vcpu", .count_option = "vcpus", .run = short_bursts},
    {.name = "starter", .run = starter},
    {.name = NULL},
};

extern const struct workload exclusive_latency_workload;
const struct workload exclusive_latency_workload = {
    .name = "exclusive-latency",
    .summary = "how long start_exclusive takes against vCPUs that execute in short bursts",
    .bench = true,
    .needs = CAN_EXCLUSIVE,
    .refuse = refuse,
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
