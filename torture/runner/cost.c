#include "cost.h"

#include "perf.h"
#include "torture/record/flavor_table.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    int64_t warmup_ns;
    bool perf;
};

/* Those of the scenario. */
static const struct option options[] = {
    {.name = "warmup",
     .type = OPTION_DURATION,
     .offset = offsetof(struct settings, warmup_ns),
     .default_text = "0s"},
    {.name = "perf",
     .type = OPTION_BOOL,
     .offset = offsetof(struct settings, perf),
     .default_text = "false"},
    {.name = NULL},
};

/* One thread at one moment. */
struct reading {
    int64_t cpu_ns; /* -1: it has ended */
    struct perf_count events[PERF_COUNT];
    uint64_t *counters;
};

struct look {
    int64_t at_ns, process_cpu_ns, main_cpu_ns;
    uint64_t gps;
    struct reading *threads;
};

struct cost {
    struct settings settings;
    const struct torture_thread *threads;
    const pthread_t *handles;
    size_t count;
    struct perf perf;
    int64_t warm_ns; /* when the warm-up ends; 0: it has, or there is none */
    struct look begin, end;
};

static bool is_measured(const struct torture_thread *t)
{
    return t->instance->workload->bench;
}

static void look_open(struct look *l, const struct torture_thread *threads, size_t count)
{
    l->threads = calloc(count + 1, sizeof *l->threads);
    for (size_t i = 0; i < count; i++)
        l->threads[i].counters = calloc(threads[i].instance->workload->counter_count + 1,
                                        sizeof *l->threads[i].counters);
}

static void look_close(struct look *l, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(l->threads[i].counters);
    free(l->threads);
}

static void open_events(struct cost *c)
{
    int *thread_ids = calloc(c->count + 1, sizeof *thread_ids);

    for (size_t i = 0; i < c->count; i++)
        thread_ids[i] = atomic_load_explicit(&c->threads[i].shared->tid, memory_order_relaxed);
    perf_open(&c->perf, thread_ids, c->count);
    free(thread_ids);
}

struct cost *cost_open(const struct torture_thread *threads, const pthread_t *handles, size_t count,
                       json_t *config)
{
    struct cost *c;
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any = any || is_measured(&threads[i]);
    if (!any)
        return NULL;
    c = calloc(1, sizeof *c);
    *c = (struct cost){.threads = threads, .handles = handles, .count = count};
    options_store(options, config, &c->settings);
    look_open(&c->begin, threads, count);
    look_open(&c->end, threads, count);
    if (c->settings.perf)
        open_events(c);
    return c;
}

void cost_close(struct cost *c)
{
    if (!c)
        return;
    perf_close(&c->perf);
    look_close(&c->begin, c->count);
    look_close(&c->end, c->count);
    free(c);
}

/* --- Readings --- */

/* -1: nobody has that clock any more. */
static int64_t cpu_ns_by(clockid_t clock)
{
    struct timespec now;

    return clock_gettime(clock, &now) == 0 ? now.tv_sec * INT64_C(1000000000) + now.tv_nsec : -1;
}

static void read_thread(const struct cost *c, size_t i, struct reading *r)
{
    const struct torture_thread *t = &c->threads[i];
    clockid_t clock;

    r->cpu_ns = pthread_getcpuclockid(c->handles[i], &clock) == 0 ? cpu_ns_by(clock) : -1;
    for (size_t j = 0; j < t->instance->workload->counter_count; j++)
        r->counters[j] = atomic_load_explicit(&t->counters[j], memory_order_relaxed);
}

/* False: the flavor does not count them. */
static bool read_gps_of_flavor(uint64_t *gps)
{
    uint64_t values[SHARED_LIBRARY] = {0};
    size_t i = 0;

    while (flavor.sample && i < flavor.statistic_count &&
           strcmp(flavor.statistics[i].name, "gps") != 0)
        i++;
    if (!flavor.sample || i == flavor.statistic_count)
        return false;
    flavor.sample(values);
    *gps = values[i];
    return true;
}

static void read_gps(const struct cost *c, struct look *l)
{
    l->gps = 0;
    if (read_gps_of_flavor(&l->gps))
        return;
    for (size_t i = 0; i < c->count; i++) {
        const struct workload *w = c->threads[i].instance->workload;

        for (size_t j = 0; j < w->counter_count; j++)
            if (strcmp(w->counters[j].name, "gps") == 0)
                l->gps += l->threads[i].counters[j];
    }
}

/* CPU times first and close together: what is not of these threads is what they leave of all. */
static void look(const struct cost *c, struct look *l)
{
    l->at_ns = clock_monotonic_ns();
    l->process_cpu_ns = cpu_ns_by(CLOCK_PROCESS_CPUTIME_ID);
    l->main_cpu_ns = cpu_ns_by(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < c->count; i++)
        read_thread(c, i, &l->threads[i]);
    read_gps(c, l);
    for (size_t i = 0; i < c->count; i++)
        perf_read(&c->perf, i, l->threads[i].events);
}

/* A run that is no longer than its warm-up has none. */
void cost_start(struct cost *c, int64_t duration_ns)
{
    int64_t warmup;

    if (!c)
        return;
    warmup = c->settings.warmup_ns;
    look(c, &c->begin);
    if (warmup > 0 && (warmup < duration_ns || duration_ns == 0))
        c->warm_ns = c->begin.at_ns + warmup;
}

void cost_turn(struct cost *c)
{
    if (!c || !c->warm_ns || clock_monotonic_ns() < c->warm_ns)
        return;
    c->warm_ns = 0;
    look(c, &c->begin);
}

void cost_stop(struct cost *c)
{
    if (c)
        look(c, &c->end);
}

/* --- What came between --- */

static void add(json_t *to, const char *name, uint64_t by)
{
    json_int_t before = json_integer_value(json_object_get(to, name));

    json_object_set_new(to, name, json_integer(before + (json_int_t)by));
}

static json_t *member(json_t *of, const char *name)
{
    if (!json_object_get(of, name))
        json_object_set_new(of, name, json_object());
    return json_object_get(of, name);
}

static bool was_there(const struct cost *c, size_t i)
{
    return c->begin.threads[i].cpu_ns >= 0 && c->end.threads[i].cpu_ns >= 0;
}

static uint64_t cpu_between(const struct cost *c, size_t i)
{
    return (uint64_t)(c->end.threads[i].cpu_ns - c->begin.threads[i].cpu_ns);
}

static void add_events(json_t *to, const struct cost *c, size_t i)
{
    bool scaled = false;

    for (unsigned j = 0; j < PERF_COUNT; j++)
        if (perf_counts(&c->perf, j))
            add(to, perf_names[j],
                perf_between(&c->begin.threads[i].events[j], &c->end.threads[i].events[j],
                             &scaled));
    if (scaled)
        json_object_set_new(to, "scaled", json_true());
    if (c->perf.user_only)
        json_object_set_new(to, "user_only", json_true());
}

static void add_thread(json_t *to, const struct cost *c, size_t i)
{
    const struct workload *w = c->threads[i].instance->workload;

    add(to, "threads", 1);
    add(to, "cpu_ns", cpu_between(c, i));
    add_events(to, c, i);
    for (size_t j = 0; j < w->counter_count; j++) {
        uint64_t by = c->end.threads[i].counters[j] - c->begin.threads[i].counters[j];

        if (by > 0)
            add(member(to, "counters"), w->counters[j].name, by);
    }
}

static json_t *describe_roles(const struct cost *c)
{
    json_t *roles = json_object();

    for (size_t i = 0; i < c->count; i++) {
        const struct torture_thread *t = &c->threads[i];

        if (is_measured(t) && was_there(c, i))
            add_thread(member(member(roles, t->instance->workload->name), t->role->name), c, i);
    }
    return roles;
}

/* CPU time of who is none of the run's threads: the library's own, and those that a workload made.
 * -1: one of the run's has ended, and took its account along. */
static int64_t others_cpu_ns(const struct cost *c)
{
    int64_t rest = c->end.process_cpu_ns - c->begin.process_cpu_ns -
                   (c->end.main_cpu_ns - c->begin.main_cpu_ns);

    for (size_t i = 0; i < c->count; i++) {
        if (!was_there(c, i))
            return -1;
        rest -= (int64_t)cpu_between(c, i);
    }
    return rest > 0 ? rest : 0;
}

/* Of those that lead the grace periods which threads of the run wait for; -1: none waits. */
static int64_t leaders_cpu_ns(const struct cost *c, int64_t others_ns)
{
    int64_t ns = others_ns;
    bool any = false;

    for (size_t i = 0; i < c->count; i++) {
        unsigned leader = atomic_load_explicit(&c->threads[i].leader, memory_order_relaxed);

        any = any || leader != GPS_OF_NO_INTEREST;
        if (leader == GPS_LED_BY_CALLER)
            ns += (int64_t)cpu_between(c, i);
    }
    return any ? ns : -1;
}

static json_t *describe_refused(const struct cost *c)
{
    json_t *refused = json_object();

    for (unsigned i = 0; i < PERF_COUNT; i++)
        if (c->perf.refused[i])
            json_object_set_new(refused, perf_names[i], json_string(c->perf.refused[i]));
    return refused;
}

json_t *cost_describe(const struct cost *c)
{
    int64_t others, leaders;
    json_t *cost;

    if (!c)
        return NULL;
    others = others_cpu_ns(c);
    leaders = others >= 0 ? leaders_cpu_ns(c, others) : -1;
    cost = json_pack("{sf sI so so}", "seconds", (double)(c->end.at_ns - c->begin.at_ns) / 1e9,
                     "gps", (json_int_t)(c->end.gps - c->begin.gps), "roles", describe_roles(c),
                     "refused", describe_refused(c));
    if (others >= 0)
        json_object_set_new(cost, "others_cpu_ns", json_integer(others));
    if (leaders >= 0)
        json_object_set_new(cost, "leaders_cpu_ns", json_integer(leaders));
    return cost;
}
