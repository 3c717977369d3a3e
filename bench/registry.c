/* registry: what it costs to register threads while grace periods run without a pause.
 *
 * A maker makes a crowd of threads, all of which live until the last one is there, and lets them
 * end. When they register, the time in that call is summed up; when they do not, making them is
 * all. Both are recorded as registry.total, so that the two points of a sweep can be compared:
 * registering a crowd should cost less than making it.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <pthread.h>
#include <stdlib.h>

struct params {
    int64_t threads, readers, updaters, pause_ns;
    bool registers;
};

enum { READS, GPS, CROWDS, MADE, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [GPS] = COUNTER_GPS,
    [CROWDS] = {.name = "crowds"},
    [MADE] = {.name = "made"},
};
enum { CREATE, CREATE_REGISTERED, REGISTER, UNREGISTER, TOTAL, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [CREATE] = {.name = "thread.create", .unit = "ns"},
    [CREATE_REGISTERED] = {.name = "thread.create_registered", .unit = "ns"},
    [REGISTER] = {.name = "thread.register", .unit = "ns"},
    [UNREGISTER] = {.name = "thread.unregister", .unit = "ns"},
    [TOTAL] = {.name = "registry.total", .unit = "ns"},
};
enum { NOTE_CROWD, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_CROWD] = {.format = "%lu threads are there, after %lu ns"},
};

struct crowd {
    bool registers;
    atomic_uint ready; /* a futex word, for the last of them */
    atomic_uint leave; /* a futex word */
    unsigned expected;
    struct crowd_thread *threads;
};

struct crowd_thread {
    struct crowd *crowd;
    pthread_t thread;
    int64_t register_ns, unregister_ns;
};

static void *crowd_thread_main(void *argument)
{
    struct crowd_thread *self = argument;
    struct crowd *crowd = self->crowd;
    int64_t begun;

    if (crowd->registers) {
        begun = clock_monotonic_ns();
        flavor_register_thread();
        self->register_ns = clock_monotonic_ns() - begun;
    }
    if (atomic_fetch_add_explicit(&crowd->ready, 1, memory_order_relaxed) + 1 == crowd->expected)
        shared_wake(&crowd->ready);
    while (!atomic_load_explicit(&crowd->leave, memory_order_relaxed))
        shared_wait(&crowd->leave, 0, INT64_C(3600000000000));
    if (crowd->registers) {
        begun = clock_monotonic_ns();
        flavor_unregister_thread();
        self->unregister_ns = clock_monotonic_ns() - begun;
    }
    return NULL;
}

/* Makes at most so many: returns how many there are, and in how many nanoseconds. */
static unsigned make_crowd(struct crowd *crowd, unsigned count, int64_t *ns)
{
    pthread_attr_t small;
    unsigned made = 0;
    int64_t begun;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    begun = clock_monotonic_ns();
    for (; made < count; made++) {
        crowd->threads[made].crowd = crowd;
        if (pthread_create(&crowd->threads[made].thread, &small, crowd_thread_main,
                           &crowd->threads[made]) != 0)
            break;
    }
    *ns = clock_monotonic_ns() - begun;
    pthread_attr_destroy(&small);
    return made;
}

static void end_crowd(struct crowd *crowd, unsigned made)
{
    atomic_store_explicit(&crowd->leave, 1, memory_order_relaxed);
    shared_wake(&crowd->leave);
    for (unsigned i = 0; i < made; i++)
        pthread_join(crowd->threads[i].thread, NULL);
}

/* What a whole crowd took; its threads' own figures when they have ended. */
static void record(struct torture_thread *t, const struct crowd *crowd, unsigned made, int64_t ns)
{
    int64_t registering = 0;

    torture_measure(t, crowd->registers ? CREATE_REGISTERED : CREATE, (uint64_t)ns);
    for (unsigned i = 0; crowd->registers && i < made; i++) {
        registering += crowd->threads[i].register_ns;
        torture_measure(t, REGISTER, (uint64_t)crowd->threads[i].register_ns);
        torture_measure(t, UNREGISTER, (uint64_t)crowd->threads[i].unregister_ns);
    }
    torture_measure(t, TOTAL, (uint64_t)(crowd->registers ? registering : ns));
    torture_count(t, CROWDS, 1);
    torture_count(t, MADE, made);
}

static void maker(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct crowd crowd = {.registers = p->registers, .expected = (unsigned)p->threads};

    crowd.threads = calloc(crowd.expected, sizeof *crowd.threads);
    while (torture_running(t)) {
        unsigned made, ready;
        int64_t ns;

        atomic_store_explicit(&crowd.ready, 0, memory_order_relaxed);
        atomic_store_explicit(&crowd.leave, 0, memory_order_relaxed);
        made = make_crowd(&crowd, crowd.expected, &ns);
        while ((ready = atomic_load_explicit(&crowd.ready, memory_order_relaxed)) < made)
            shared_wait(&crowd.ready, ready, 1000000);
        torture_note(t, NOTE_CROWD, made, (unsigned long)ns);
        torture_beat(t);
        end_crowd(&crowd, made);
        if (made == crowd.expected) /* else the system has no room now: no figure */
            record(t, &crowd, made, ns);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    free(crowd.threads);
}

static void reader(struct torture_thread *t)
{
    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 64; i++) {
            flavor_read_lock();
            flavor_read_unlock();
        }
        torture_count(t, READS, 64);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

static void updater(struct torture_thread *t)
{
    flavor_register_thread();
    while (torture_running(t)) {
        flavor_synchronize();
        torture_count(t, GPS, 1);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "threads",
     .type = OPTION_INT,
     .offset = FIELD(threads),
     .default_text = "4096",
     .min = 1,
     .max = 1e5,
     .unit = "threads",
     .help = "threads that are there at once"},
    {.name = "registers",
     .type = OPTION_BOOL,
     .offset = FIELD(registers),
     .default_text = "true",
     .help = "each of them registers, and unregisters before it ends"},
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go without a pause"},
    {.name = "updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that wait for grace periods without a pause"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(pause_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "sleep between two crowds"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "crowd-maker", .run = maker},
    {.name = "crowd-reader", .count_option = "readers", .run = reader},
    {.name = "crowd-updater", .count_option = "updaters", .run = updater, .needs = CAN_SYNCHRONIZE},
    {.name = NULL},
};

extern const struct workload registry_workload;
const struct workload registry_workload = {
    .name = "registry",
    .summary = "what it costs to register threads while grace periods run without a pause",
    .bench = true,
    .needs = CAN_SECTIONS,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
};
