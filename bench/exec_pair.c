/* exec-pair: what an uncontended pair of exec_start and exec_end costs.
 *
 * Timed as read-side does it: in batches, each followed by one of the empty loop, in picoseconds
 * for a pair.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <stdlib.h>

struct params {
    int64_t vcpus, batch, pause_ns;
};

enum { EXECUTIONS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [EXECUTIONS] = {.name = "executions"},
};
enum { PAIR, EMPTY, OVER_EMPTY, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [PAIR] = {.name = "exec.pair", .unit = "ps"},
    [EMPTY] = {.name = "exec.empty", .unit = "ps"},
    [OVER_EMPTY] = {.name = "exec.over_empty", .unit = "ps"},
};

static uint64_t time_pairs(flavor_vcpu *v, uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++) {
        flavor_exec_start(v);
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps what lies between */
        flavor_exec_end(v);
    }
    return clock_ps_each(clock_ticks() - start, batch);
}

static uint64_t time_nothing(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++)
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the loop */
    return clock_ps_each(clock_ticks() - start, batch);
}

static void pair_vcpu(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    uint64_t batch = (uint64_t)p->batch;
    size_t size = (sizeof(flavor_vcpu) + 63) & ~(size_t)63;
    flavor_vcpu *v = aligned_alloc(64, size);

    flavor_register_thread();
    flavor_vcpu_enter(v);
    while (torture_running(t)) {
        uint64_t with = time_pairs(v, batch), without = time_nothing(batch);

        torture_measure(t, PAIR, with);
        torture_measure(t, EMPTY, without);
        torture_measure(t, OVER_EMPTY, with > without ? with - without : 0);
        torture_count(t, EXECUTIONS, batch);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    flavor_vcpu_leave(v);
    flavor_unregister_thread();
    free(v);
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
    {.name = "batch",
     .type = OPTION_INT,
     .offset = FIELD(batch),
     .default_text = "10000",
     .min = 1,
     .max = 1e9,
     .unit = "pairs",
     .help = "pairs in one timing"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(pause_ns),
     .default_text = "0ms",
     .max = 60e9,
     .help = "sleep between batches, to leave the CPU to others"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "pair-vcpu", .count_option = "vcpus", .run = pair_vcpu, .loops = true},
    {.name = NULL},
};

extern const struct workload exec_pair_workload;
const struct workload exec_pair_workload = {
    .name = "exec-pair",
    .summary = "what an uncontended pair of exec_start and exec_end costs",
    .bench = true,
    .needs = CAN_EXCLUSIVE,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
};
