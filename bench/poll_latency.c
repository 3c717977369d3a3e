/* poll-latency: how long a polled grace period takes, from its cookie until that has expired.
 *
 * A caller takes a cookie, which starts the grace period, and polls for it again and again. With a
 * pause between cookies the leader of the grace period has gone to sleep, and has to be woken.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

struct params {
    int64_t readers, callers, section_ns, pause_ns, look_ns;
    bool expedited;
};

enum { READS, COOKIES, LOOKS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [COOKIES] = {.name = "cookies"},
    [LOOKS] = {.name = "looks"},
};
enum { POLLED, TAKEN, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [POLLED] = {.name = "gp.polled", .unit = "ns"},
    [TAKEN] = {.name = "poll.start", .unit = "ns"},
};
enum { NOTE_TOOK, NOTE_EXPIRED, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_TOOK] = {.format = "took cookie %lu"},
    [NOTE_EXPIRED] = {.format = "cookie %lu expired after %lu looks"},
};

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    unsigned batch = p->section_ns < 10000 ? 64 : 1;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < batch; i++) {
            flavor_read_lock();
            if (p->section_ns > 0)
                torture_spin((uint64_t)p->section_ns);
            flavor_read_unlock();
        }
        torture_count(t, READS, batch);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* True when it expired; a run that ends does not wait for it. */
static bool wait_for(struct torture_thread *t, unsigned long cookie, uint64_t *looks)
{
    const struct params *p = t->instance->params;

    while (!flavor_poll_state(cookie)) {
        if (!torture_running(t))
            return false;
        if (p->look_ns > 0)
            torture_sleep(t, (uint64_t)p->look_ns);
        ++*looks;
    }
    return true;
}

static void caller(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    torture_waits_for_gps(t, GPS_LED_BY_ANOTHER);
    flavor_register_thread();
    while (torture_running(t)) {
        int64_t begun = clock_monotonic_ns(), taken;
        unsigned long cookie = p->expedited ? flavor_start_poll_expedited() : flavor_start_poll();
        uint64_t looks = 1;

        taken = clock_monotonic_ns();
        torture_note(t, NOTE_TOOK, cookie, 0);
        if (!wait_for(t, cookie, &looks))
            break;
        torture_measure(t, POLLED, (uint64_t)(clock_monotonic_ns() - begun));
        torture_measure(t, TAKEN, (uint64_t)(taken - begun));
        torture_note(t, NOTE_EXPIRED, cookie, looks);
        torture_count(t, COOKIES, 1);
        torture_count(t, LOOKS, looks);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    flavor_unregister_thread();
}

/* The flavor's thread that leads these grace periods may be started by the first cookie, and
 * inherits where that may run: not on the CPU that the caller is pinned to, and keeps busy. */
static bool setup(struct instance *in, struct diagnostics *d)
{
    (void)in;
    (void)d;
    flavor_start_poll();
    return true;
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go without a pause"},
    {.name = "callers",
     .type = OPTION_INT,
     .offset = FIELD(callers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that take cookies, each one at a time"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "length of every section"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(pause_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "sleep of a caller after a cookie has expired"},
    {.name = "look",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(look_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "sleep of a caller between two looks at its cookie; 0: none, it keeps the CPU"},
    {.name = "expedited",
     .type = OPTION_BOOL,
     .offset = FIELD(expedited),
     .default_text = "false",
     .help = "callers ask for expedited grace periods"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "poll-reader", .count_option = "readers", .run = reader, .loops = true},
    {.name = "poll-caller", .count_option = "callers", .run = caller, .needs = CAN_POLL},
    {.name = NULL},
};

extern const struct workload poll_latency_workload;
const struct workload poll_latency_workload = {
    .name = "poll-latency",
    .summary = "how long a polled grace period takes, from its cookie until that has expired",
    .bench = true,
    .needs = CAN_SECTIONS | CAN_POLL,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
};
