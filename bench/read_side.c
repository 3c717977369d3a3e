/* read-side: what an uncontended pair of rcu_read_lock() and rcu_read_unlock() costs.
 *
 * Timed in batches, so that reading the clock costs nothing; a figure is a batch's time divided by
 * its pairs, in picoseconds. The loop around the pair is part of it, the same for every flavor.
 * Each batch is followed by one of the empty loop, so that the pair alone, as the difference, is
 * from the same moment. Readers in quiescent-state mode come by a quiescent state after each batch,
 * outside of its time.
 */
#include "torture/runner/thread.h"
#include "torture/flavors/flavor.h"

struct params {
    int64_t readers, qsbr_readers, batch, pause_ns;
};

enum { READS };
static const char *const counter_names[] = {"reads", NULL};
enum { PAIR, QSBR_PAIR, EMPTY, OVER_EMPTY, QSBR_OVER_EMPTY };
static const struct measure measure_list[] = {
    {"read_side.pair", "ps"},       {"read_side.qsbr_pair", "ps"},       {"read_side.empty", "ps"},
    {"read_side.over_empty", "ps"}, {"read_side.qsbr_over_empty", "ps"}, {NULL, NULL}};
static const char *const no_names[] = {NULL};

static uint64_t ps_each(uint64_t ticks, uint64_t batch)
{
    return (uint64_t)((double)ticks * clock_ns_per_tick * 1000 / (double)batch);
}

static uint64_t time_pairs(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++) {
        flavor_read_lock();
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
        flavor_read_unlock();
    }
    return ps_each(clock_ticks() - start, batch);
}

static uint64_t time_nothing(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++)
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the loop */
    return ps_each(clock_ticks() - start, batch);
}

static void time_both(struct torture_thread *t, unsigned pair, unsigned over_empty)
{
    const struct params *p = t->instance->params;
    uint64_t batch = (uint64_t)p->batch;
    uint64_t with = time_pairs(batch), without = time_nothing(batch);

    torture_measure(t, pair, with);
    torture_measure(t, EMPTY, without);
    torture_measure(t, over_empty, with > without ? with - without : 0);
    torture_count(t, READS, batch);
    torture_beat(t);
}

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        time_both(t, PAIR, OVER_EMPTY);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    flavor_unregister_thread();
}

static void qsbr_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    flavor_register_thread();
    flavor_thread_online();
    while (torture_running(t)) {
        time_both(t, QSBR_PAIR, QSBR_OVER_EMPTY);
        flavor_quiescent_state();
        if (p->pause_ns > 0) {
            flavor_thread_offline(); /* online threads do not block */
            torture_sleep(t, (uint64_t)p->pause_ns);
            flavor_thread_online();
        }
    }
    flavor_thread_offline();
    flavor_unregister_thread();
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "1", 0, 4096, "threads", NULL, "readers"},
    {"qsbr_readers", OPTION_INT, FIELD(qsbr_readers), "0", 0, 4096, "threads", NULL,
     "readers in quiescent-state mode, with the same pairs"},
    {"batch", OPTION_INT, FIELD(batch), "10000", 1, 1e9, "pairs", NULL, "pairs in one timing"},
    {"pause", OPTION_DURATION, FIELD(pause_ns), "0ms", 0, 60e9, NULL, NULL,
     "sleep between batches, to leave the CPU to others"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"pair-reader", "readers", reader, 0},
    {"qsbr-reader", "qsbr_readers", qsbr_reader, CAN_QSBR},
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
