/* read-side: what an uncontended pair of rcu_read_lock() and rcu_read_unlock() costs, by itself, as
 * an inner one, or around the load that it is for.
 *
 * Timed in batches, so that reading the clock costs nothing; a figure is a batch's time divided by
 * its pairs, in picoseconds. The loop around the pair is part of it, the same for every flavor.
 * Each batch is followed by one of the empty loop, so that the pair alone, as the difference, is
 * from the same moment. Readers in quiescent-state mode come by a quiescent state after each batch,
 * outside of its time.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

struct params {
    int64_t readers, qsbr_readers, batch, pause_ns;
    int timed;
    bool qsbr_counted;
};
enum { TIMED_PAIR, TIMED_NESTED, TIMED_DEPENDENT };

enum { READS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
};
enum { PAIR, QSBR_PAIR, EMPTY, OVER_EMPTY, QSBR_OVER_EMPTY, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [PAIR] = {.name = "read_side.pair",
              .unit = "ps",
              .words = "Read-side pair",
              .picture = "read-side"},
    [QSBR_PAIR] = {.name = "read_side.qsbr_pair", .unit = "ps"},
    [EMPTY] = {.name = "read_side.empty", .unit = "ps"},
    [OVER_EMPTY] = {.name = "read_side.over_empty", .unit = "ps"},
    [QSBR_OVER_EMPTY] = {.name = "read_side.qsbr_over_empty", .unit = "ps"},
};

/* What a dependent load is of. */
static struct item {
    _Alignas(64) atomic_ulong value;
} item, *published;

static uint64_t time_pairs(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++) {
        flavor_read_lock();
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
        flavor_read_unlock();
    }
    return clock_ps_each(clock_ticks() - start, batch);
}

static uint64_t time_inner_pairs(uint64_t batch)
{
    uint64_t each;

    flavor_read_lock();
    each = time_pairs(batch);
    flavor_read_unlock();
    return each;
}

static uint64_t time_dependent_loads(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++) {
        flavor_read_lock();
        (void)atomic_load_explicit(&flavor_protect(0, published)->value, memory_order_relaxed);
        flavor_read_unlock();
    }
    return clock_ps_each(clock_ticks() - start, batch);
}

static uint64_t time_online_pairs(uint64_t batch)
{
    uint64_t start = clock_ticks();

    for (uint64_t i = 0; i < batch; i++) {
        flavor_online_read_lock();
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
        flavor_online_read_unlock();
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

static void time_both(struct torture_thread *t, uint64_t (*time_them)(uint64_t batch),
                      unsigned pair, unsigned over_empty)
{
    const struct params *p = t->instance->params;
    uint64_t batch = (uint64_t)p->batch;
    uint64_t with = time_them(batch), without = time_nothing(batch);

    torture_measure(t, pair, with);
    torture_measure(t, EMPTY, without);
    torture_measure(t, over_empty, with > without ? with - without : 0);
    torture_count(t, READS, batch);
    torture_beat(t);
}

static void reader(struct torture_thread *t)
{
    static uint64_t (*const time_them[])(uint64_t batch) = {
        [TIMED_PAIR] = time_pairs,
        [TIMED_NESTED] = time_inner_pairs,
        [TIMED_DEPENDENT] = time_dependent_loads,
    };
    const struct params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        time_both(t, time_them[p->timed], PAIR, OVER_EMPTY);
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
        time_both(t, p->qsbr_counted ? time_pairs : time_online_pairs, QSBR_PAIR, QSBR_OVER_EMPTY);
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

static unsigned needs_by_params(const void *params)
{
    static const unsigned needs[] = {
        [TIMED_PAIR] = CAN_SECTIONS,
        [TIMED_NESTED] = CAN_SECTIONS | CAN_NEST,
        [TIMED_DEPENDENT] = 0,
    };
    const struct params *p = params;

    return p->readers > 0 ? needs[p->timed] : 0;
}

static const char *refuse(const void *params)
{
    const struct params *p = params;

    return p->qsbr_readers > 0 && p->timed != TIMED_PAIR
               ? "readers in quiescent-state mode have pairs only: `timed` is \"pair\" then"
               : NULL;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    (void)in;
    (void)d;
    flavor_assign_pointer(published, &item);
    return true;
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers"},
    {.name = "qsbr_readers",
     .type = OPTION_INT,
     .offset = FIELD(qsbr_readers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers in quiescent-state mode, with the pair for threads that are online"},
    {.name = "qsbr_counted",
     .type = OPTION_BOOL,
     .offset = FIELD(qsbr_counted),
     .default_text = "false",
     .help = "those use the pair that any thread may use"},
    {.name = "timed",
     .type = OPTION_CHOICE,
     .offset = FIELD(timed),
     .default_text = "pair",
     .choices = "pair nested dependent",
     .help = "what readers do: an empty section, the same inside an outer one, or a section with a "
             "published pointer in it and a load of what it points to"},
    {.name = "batch",
     .type = OPTION_INT,
     .offset = FIELD(batch),
     .default_text = "10000",
     .min = 1,
     .max = 1e7,
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
    {.name = "pair-reader", .count_option = "readers", .run = reader, .loops = true},
    {.name = "qsbr-reader",
     .count_option = "qsbr_readers",
     .run = qsbr_reader,
     .needs = CAN_QSBR,
     .loops = true},
    {.name = NULL},
};

extern const struct workload read_side_workload;
const struct workload read_side_workload = {
    .name = "read-side",
    .summary = "what an uncontended lock and unlock pair costs",
    .bench = true,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .setup = setup,
};
