/* read-side: what an uncontended pair of rcu_read_lock() and rcu_read_unlock() costs.
 *
 * Timed in batches, so that reading the clock costs nothing; a figure is a batch's time divided by its
 * pairs, in picoseconds. The loop around the pair is part of it, the same for every flavor.
 */
#include "torture/engine/thread.h"
#include "torture/flavors/flavor.h"

struct params {
    int64_t readers, batch, pause_ns;
};

enum { READS };
static const char *const counter_names[] = {"reads", NULL};
enum { PAIR };
static const struct measure measure_list[] = {{"read_side.pair", "ps"}, {NULL, NULL}};
static const char *const no_names[] = {NULL};

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    uint64_t batch = (uint64_t)p->batch;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t start = clock_ticks(), ticks;

        for (uint64_t i = 0; i < batch; i++) {
            flavor_read_lock();
            atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
            flavor_read_unlock();
        }
        ticks = clock_ticks() - start;
        torture_measure(t, PAIR,
                        (uint64_t)((double)ticks * clock_ns_per_tick * 1000 / (double)batch));
        torture_count(t, READS, batch);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    flavor_unregister_thread();
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "1", 0, 4096, "threads", NULL, "readers"},
    {"batch", OPTION_INT, FIELD(batch), "10000", 1, 1e9, "pairs", NULL, "pairs in one timing"},
    {"pause", OPTION_DURATION, FIELD(pause_ns), "0ms", 0, 60e9, NULL, NULL,
     "sleep between batches, to leave the CPU to others"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"pair-reader", "readers", reader, 0},
    {NULL, NULL, NULL, 0},
};

extern const struct workload read_side_workload;
const struct workload read_side_workload = {
    .name = "read-side",
    .summary = "what an uncontended lock and unlock pair costs",
    .bench = true,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = no_names,
    .coverage = no_names,
    .notes = no_names,
};
