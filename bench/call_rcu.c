/* call-rcu: what it costs to queue callbacks, and how fast they are called.
 *
 * In rounds: the producers start together, queue their callbacks as fast as they can, and one waits
 * in the flavor's barrier for all of them. `filled`: they queue inside a read section, so that no
 * callback is called before the queue is full; else the thread that calls them is at work at the
 * same time. Then the barrier alone is timed, for one callback. A callback counts itself and does
 * nothing else; the structures that it is queued by are side by side in memory, which favours
 * whoever walks along them.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <pthread.h>
#include <stdlib.h>

struct params {
    int64_t producers, callbacks;
    bool filled;
};

enum { CALLBACKS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [CALLBACKS] = {.name = "callbacks"},
};
enum { QUEUE, CALL, WHOLE, BARRIER, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [QUEUE] = {.name = "call_rcu.queue", .unit = "ps"},
    [CALL] = {.name = "call_rcu.call", .unit = "ps"},
    [WHOLE] = {.name = "call_rcu.whole", .unit = "ps"},
    [BARRIER] = {.name = "call_rcu.barrier", .unit = "ns"},
};

struct state {
    pthread_barrier_t meeting;
    bool ends; /* decided between two meetings */
    uint64_t begun;
};

/* By the one thread that calls callbacks; read after a barrier. */
static uint64_t called;

static void invoked(flavor_head *head)
{
    (void)head;
    called++;
}

/* True for one of them. */
static bool meet(struct state *s)
{
    int serial = pthread_barrier_wait(&s->meeting);

    return serial == PTHREAD_BARRIER_SERIAL_THREAD;
}

static void queue(struct torture_thread *t, flavor_head *heads, uint64_t count)
{
    uint64_t begun = clock_ticks();

    for (uint64_t i = 0; i < count; i++)
        flavor_call(&heads[i], invoked);
    torture_measure(t, QUEUE, clock_ps_each(clock_ticks() - begun, count));
}

/* Once for all producers. */
static void await_callbacks(struct torture_thread *t, struct state *s, uint64_t count, bool filled)
{
    uint64_t queued = clock_ticks(), ended;

    flavor_barrier();
    ended = clock_ticks();
    if (called == count) { /* else the barrier was none, and there is nothing to tell */
        if (filled)
            torture_measure(t, CALL, clock_ps_each(ended - queued, count));
        torture_measure(t, WHOLE, clock_ps_each(ended - s->begun, count));
        torture_count(t, CALLBACKS, count);
    }
    called = 0;
}

/* For the one callback that is on its way. */
static void time_barrier(struct torture_thread *t, flavor_head *head)
{
    uint64_t begun;

    flavor_call(head, invoked);
    begun = clock_ticks();
    flavor_barrier();
    torture_measure(t, BARRIER, clock_ticks_to_ns(clock_ticks() - begun));
    called = 0;
}

static void producer(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;
    uint64_t count = (uint64_t)p->callbacks;
    flavor_head *heads = calloc(count, sizeof *heads);

    torture_waits_for_gps(t, GPS_LED_BY_ANOTHER);
    flavor_register_thread();
    for (;;) {
        if (meet(s)) {
            s->ends = !torture_running(t);
            s->begun = clock_ticks();
        }
        if (p->filled)
            flavor_read_lock(); /* before the first callback of any */
        meet(s);
        if (!s->ends)
            queue(t, heads, count);
        if (p->filled)
            flavor_read_unlock();
        if (s->ends)
            break;
        torture_beat(t);
        if (meet(s)) {
            await_callbacks(t, s, count * (uint64_t)p->producers, p->filled);
            time_barrier(t, heads);
        }
        torture_beat(t);
    }
    flavor_unregister_thread();
    free(heads);
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *s = calloc(1, sizeof *s);

    (void)d;
    pthread_barrier_init(&s->meeting, NULL, (unsigned)p->producers);
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    struct state *s = in->state;

    pthread_barrier_destroy(&s->meeting);
    free(s);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "producers",
     .type = OPTION_INT,
     .offset = FIELD(producers),
     .default_text = "1",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads that queue callbacks"},
    {.name = "callbacks",
     .type = OPTION_INT,
     .offset = FIELD(callbacks),
     .default_text = "500000",
     .min = 1,
     .max = 1e8,
     .unit = "callbacks",
     .help = "callbacks that each of them queues in a round"},
    {.name = "filled",
     .type = OPTION_BOOL,
     .offset = FIELD(filled),
     .default_text = "false",
     .help = "all are queued before the first is called"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "producer", .count_option = "producers", .run = producer},
    {.name = NULL},
};

extern const struct workload call_rcu_workload;
const struct workload call_rcu_workload = {
    .name = "call-rcu",
    .summary = "what it costs to queue callbacks, and how fast they are called",
    .bench = true,
    .needs = CAN_SECTIONS | CAN_CALL | CAN_BARRIER,
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
