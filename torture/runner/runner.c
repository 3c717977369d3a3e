#include "runner.h"

#include "cost.h"
#include "crash.h"
#include "deadline.h"
#include "mapping.h"
#include "own_cpu.h"
#include "refused.h"
#include "run.h"
#include "slowest.h"
#include "statistics.h"
#include "thread.h"
#include "torture/placement/placement.h"
#include "torture/placement/threads.h"
#include "torture/record/called.h"
#include "torture/record/flavor_table.h"
#include "torture/record/workload.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TICK_NS (20 * 1000 * 1000)

/* --- Laying out the mapping --- */

static bool make_instances(struct run *run)
{
    json_t *list = json_object_get(run->config, "workloads"), *item;
    size_t i;

    run->instance_count = json_array_size(list);
    run->instances = calloc(run->instance_count, sizeof *run->instances);
    json_array_foreach (list, i, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        struct instance *in = &run->instances[i];

        for (const struct workload *const *w = workloads; *w; w++)
            if (type && strcmp((*w)->name, type) == 0)
                in->workload = *w;
        if (!in->workload) {
            diagnose(run->diagnostics, "runner: workload \"%s\" is not built into this runner",
                     type ? type : "");
            return false;
        }
        in->index = (unsigned)i;
        in->seed = (uint64_t)json_integer_value(json_object_get(run->config, "seed"));
        in->params = calloc(1, in->workload->params_size ? in->workload->params_size : 1);
        options_store(in->workload->options, item, in->params);
        if (measure_explained(in->workload))
            in->slowest = slowest_open();
    }
    return true;
}

static bool map_shared(struct run *run, int fd)
{
    struct mapping m = {.size = 0};
    size_t *checks = calloc(run->instance_count + 1, sizeof *checks);
    char *base;

    mapping_part(&m, sizeof(struct shared_header));
    for (size_t i = 0; i < run->instance_count; i++)
        checks[i] =
            mapping_part(&m, run->instances[i].workload->check_count * sizeof(struct shared_check));
    for (size_t i = 0; i < run->thread_count; i++) {
        const struct workload *w = run->plan[i].workload;

        run->offsets[i] = mapping_part(&m, shared_thread_size(w->counter_count, w->measure_count));
    }
    base = mapping_open(&m, fd, run->diagnostics);
    if (!base) {
        free(checks);
        return false;
    }
    run->shared = (struct shared_header *)base;
    run->shared->magic = SHARED_MAGIC;
    run->shared->size = m.size;
    run->shared->ns_per_tick = clock_ns_per_tick;
    for (size_t i = 0; i < run->instance_count; i++) {
        run->instances[i].shared = run->shared;
        run->instances[i].checks = (struct shared_check *)(base + checks[i]);
        run->instances[i].threads = run->threads;
        run->instances[i].thread_count = run->thread_count;
    }
    free(checks);
    return true;
}

static void make_threads(struct run *run)
{
    for (size_t i = 0; i < run->thread_count; i++) {
        const struct planned_thread *p = &run->plan[i];
        struct torture_thread *t = &run->threads[i];
        char *part = (char *)run->shared + run->offsets[i];

        t->instance = &run->instances[p->workload_index];
        t->role = p->role;
        t->id = (unsigned)i;
        t->index = p->index_in_role;
        t->header = run->shared;
        t->shared = (struct shared_thread *)part;
        t->counters = (_Atomic uint64_t *)(part + shared_counters_offset());
        t->histograms =
            (struct histogram *)(part + shared_histograms_offset(p->workload->counter_count));
        random_start(&t->random, t->instance->seed, i);
    }
}

/* => Nothing of them has been touched: the driver, too, reads counters of threads that have not
 * begun, and would have them on its own node. */
static void bind_parts(struct run *run)
{
    for (size_t i = 0; i < run->thread_count; i++) {
        const struct workload *w = run->plan[i].workload;

        placement_bind_pages(run->placement, i, run->threads[i].shared,
                             shared_thread_size(w->counter_count, w->measure_count));
    }
}

/* --- Threads --- */

struct start {
    struct run *run;
    size_t index;
};

/* Threads and the main thread meet here: nobody begins before everyone is in place. False when the
 * run is called off. */
static bool wait_at_gate(struct run *run)
{
    /* Orders: STORE shared->tid, and what else a thread stores of itself -> RMW arrived (release).
     * Pairs with: start_threads(), LOAD arrived (acquire).
     * Broken: the id is 0, and the events of the main thread are counted in the thread's place. */
    atomic_fetch_add_explicit(&run->arrived, 1, memory_order_release);
    shared_wake(&run->arrived);
    /* Orders: LOAD phase (acquire) -> accesses of the role.
     * Pairs with: run_until_stopped(), STORE start_ticks -> STORE phase (release).
     * Broken: a role runs on state that is not set up. */
    while (atomic_load_explicit(&run->shared->phase, memory_order_acquire) == PHASE_STARTING)
        shared_wait(&run->shared->phase, PHASE_STARTING, 1000000000);
    return atomic_load_explicit(&run->shared->phase, memory_order_relaxed) != PHASE_CALLED_OFF;
}

static bool take_place(struct run *run, size_t thread)
{
    struct diagnostics d = {.text = NULL};
    bool placed = placement_bind_self(run->placement, thread, &d);

    if (!placed) {
        if (d.text && !atomic_flag_test_and_set(&run->refused_taken))
            snprintf(run->refused, sizeof run->refused, "%.*s", (int)strcspn(d.text, "\n"), d.text);
        atomic_fetch_add_explicit(&run->failed, 1, memory_order_relaxed);
    }
    diagnostics_free(&d);
    return placed;
}

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;
    struct run *run = start.run;
    struct torture_thread *t = &run->threads[start.index];
    struct own_cpu own_cpu;
    bool placed;

    prctl(PR_SET_NAME, run->plan[start.index].name);
    /* Before it allocates: what malloc() has for a thread lies where the first call runs. */
    placed = take_place(run, start.index);
    free(argument);
    called_begin((int)t->id);
    crash_thread_start(t);
    atomic_store_explicit(&t->shared->tid, gettid(), memory_order_relaxed);
    if (wait_at_gate(run)) {
        atomic_store_explicit(&t->shared->began_on, sched_getcpu() + 1, memory_order_relaxed);
        own_cpu_begin(&own_cpu, t);
        t->role->run(t);
        own_cpu_end(&own_cpu, t);
        atomic_store_explicit(&t->shared->ended_on, sched_getcpu() + 1, memory_order_relaxed);
        atomic_store_explicit(&t->shared->left_free,
                              placed && !placement_holds_self(run->placement, start.index),
                              memory_order_relaxed);
    }
    atomic_store_explicit(&t->shared->ended, true, memory_order_relaxed);
    atomic_store_explicit(&t->shared->tid, 0, memory_order_relaxed);
    crash_thread_end();
    return NULL;
}

/* Those that did start leave at the gate. */
static void call_off(struct run *run, size_t started)
{
    atomic_store_explicit(&run->shared->phase, PHASE_CALLED_OFF, memory_order_release);
    shared_wake(&run->shared->phase);
    for (size_t i = 0; i < started; i++)
        pthread_join(run->handles[i], NULL);
}

static bool start_threads(struct run *run)
{
    unsigned arrived;

    for (size_t i = 0; i < run->thread_count; i++) {
        struct start *start = malloc(sizeof *start);
        int error;

        *start = (struct start){run, i};
        placement_allocate_for(run->placement, i);
        error = pthread_create(&run->handles[i], NULL, thread_main, start);
        if (error) {
            free(start);
            diagnose_refused(run->diagnostics, error, "pthread_create",
                             "runner: thread %zu of %zu cannot be started", i + 1,
                             run->thread_count);
            call_off(run, i);
            return false;
        }
    }
    placement_allocate_anywhere(run->placement);
    /* Orders: LOAD arrived (acquire) -> LOAD shared->tid, and what else threads stored.
     * Pairs with: wait_at_gate(), RMW arrived (release).
     * Broken: the id is 0, and the events of the main thread are counted in the thread's place. */
    while ((arrived = atomic_load_explicit(&run->arrived, memory_order_acquire)) !=
           run->thread_count)
        shared_wait(&run->arrived, arrived, 1000000000);
    return true;
}

static void tell_duties(struct shared_header *s)
{
    struct flavor_duty duties[SHARED_DUTIES];
    unsigned count = flavor.duties ? flavor.duties(duties, SHARED_DUTIES) : 0;

    for (unsigned i = 0; i < count; i++) {
        s->duties[i].thread_id = duties[i].thread_id;
        snprintf(s->duties[i].what, sizeof s->duties[i].what, "%s", duties[i].what);
    }
    atomic_store_explicit(&s->duty_count, count, memory_order_relaxed);
}

static void answer_driver(struct run *run)
{
    struct shared_header *s = run->shared;
    unsigned wanted = atomic_load_explicit(&s->holdouts_wanted, memory_order_relaxed);
    int tids[16];
    unsigned count;

    if (flavor.sample) {
        uint64_t values[SHARED_LIBRARY] = {0};

        flavor.sample(values);
        for (size_t i = 0; i < flavor.statistic_count; i++)
            atomic_store_explicit(&s->library[i], values[i], memory_order_relaxed);
        statistics_look(values);
    }
    if (wanted == atomic_load_explicit(&s->holdouts_done, memory_order_relaxed))
        return;
    tell_duties(s);
    count = flavor.holdouts ? flavor.holdouts(tids, 16) : 0;
    for (unsigned i = 0; i < count && i < 16; i++)
        atomic_store_explicit(&s->holdouts[i], tids[i], memory_order_relaxed);
    atomic_store_explicit(&s->holdout_count, count < 16 ? count : 16, memory_order_relaxed);
    /* Orders: STORE holdouts[], STORE holdout_count, and what tell_duties() stores -> STORE
     * holdouts_done (release).
     * Pairs with: wait_for_answer(), LOAD answer (acquire), for holds_up().
     * Broken: a report names threads that held up an earlier grace period. */
    atomic_store_explicit(&s->holdouts_done, wanted, memory_order_release);
}

/* Not before the driver is there to watch: with thousands of threads it takes a while to read where
 * they are, and beside them it would take minutes. */
static void wait_for_driver(struct shared_header *s)
{
    while (atomic_load_explicit(&s->opened, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&s->stop, memory_order_relaxed) == 0)
        shared_wait(&s->opened, 0, TICK_NS);
}

static void run_until_stopped(struct run *run, int64_t duration_ns)
{
    struct shared_header *s = run->shared;
    struct deadline run_time;

    wait_for_driver(s);
    cost_start(run->cost, duration_ns);
    deadline_start(&run_time, s, duration_ns);
    s->start_ticks = clock_ticks();
    /* Orders: STORE start_ticks, and the state of the workloads -> STORE phase (release).
     * Pairs with: wait_at_gate(), LOAD phase (acquire) -> accesses of the role.
     * Broken: a role runs on state that is not set up. */
    atomic_store_explicit(&s->phase, PHASE_RUNNING, memory_order_release);
    shared_wake(&s->phase);
    do {
        answer_driver(run);
        cost_turn(run->cost);
    } while (deadline_wait(&run_time, TICK_NS));
    cost_stop(run->cost);
    deadline_end(&run_time);
    atomic_store_explicit(&s->phase, PHASE_STOPPING, memory_order_relaxed);
    shared_wake(&s->stop);
    for (size_t i = 0; i < run->thread_count; i++) {
        struct timespec deadline;

        /* Not a plain join: the driver may want to know who holds up a grace period that never
         * ends. */
        do {
            answer_driver(run);
            clock_gettime(CLOCK_REALTIME, &deadline);
            deadline.tv_nsec += TICK_NS;
            if (deadline.tv_nsec >= 1000000000) {
                deadline.tv_nsec -= 1000000000;
                deadline.tv_sec++;
            }
        } while (pthread_timedjoin_np(run->handles[i], NULL, &deadline) == ETIMEDOUT);
    }
}

/* Settings first, then the state of the workloads, then the threads. */
static bool prepare(struct run *run, int shared_fd, struct diagnostics *notes)
{
    json_t *library = json_object_get(run->config, "library");
    void *settings = runner_default_settings();
    const char **thread_names, **roles;
    bool ok;

    if (flavor.settings)
        options_store(flavor.settings, library, settings);
    ok = make_instances(run);
    if (ok) {
        run->thread_count = plan_threads(run->config, &run->plan);
        run->threads = calloc(run->thread_count + 1, sizeof *run->threads);
        run->offsets = calloc(run->thread_count + 1, sizeof *run->offsets);
        run->handles = calloc(run->thread_count + 1, sizeof *run->handles);
        ok = map_shared(run, shared_fd);
    }
    if (ok) {
        make_threads(run);
        crash_install(run->shared);
        refused_install(run->shared);
        thread_names = calloc(run->thread_count + 1, sizeof *thread_names);
        roles = calloc(run->thread_count + 1, sizeof *roles);
        for (size_t i = 0; i < run->thread_count; i++) {
            thread_names[i] = run->plan[i].name;
            roles[i] = run->plan[i].role->name;
        }
        run->placement =
            placement_plan(json_object_get(run->config, "placement"), thread_names, roles,
                           run->thread_count, NULL, "run", notes, run->diagnostics);
        free(thread_names);
        free(roles);
        if (run->placement) {
            placement_release_foreign(run->placement, notes);
            bind_parts(run);
        }
        ok = run->placement && statistics_open(run) &&
             (!flavor.start || flavor.start(settings, run->diagnostics));
    }
    free(settings);
    for (size_t i = 0; ok && i < run->instance_count; i++)
        ok = !run->instances[i].workload->setup ||
             run->instances[i].workload->setup(&run->instances[i], run->diagnostics);
    return ok;
}

/* The driver stops us, nobody else: not a Ctrl-C, not a service manager that signals the
 * whole group. */
static void set_signals(void)
{
    sigset_t none;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* the call that is refused says so */
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL); /* threads inherit it */
}

/* A child must not outlive its driver: nobody would read what it finds. */
static void die_with_parent(void)
{
    pid_t parent = getppid();

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_CODE_INTERNAL);
}

int runner_run(int config_fd, int events_fd, int shared_fd, int64_t duration_ns,
               struct diagnostics *d)
{
    struct run run = {.events_fd = events_fd, .diagnostics = d, .refused_taken = ATOMIC_FLAG_INIT};
    struct diagnostics notes = {.text = NULL};
    json_error_t error;
    bool ok;

    die_with_parent();
    set_signals();
    run.config = json_loadfd(config_fd, 0, &error);
    if (!run.config) {
        diagnose(d, "runner: the run config is not JSON: %s", error.text);
        return EXIT_CODE_INTERNAL;
    }
    clock_start();
    ok = prepare(&run, shared_fd, &notes) && start_threads(&run);
    if (ok) {
        run.cost = cost_open(run.threads, run.handles, run.thread_count, run.config);
        if (run.failed > 0)
            diagnose(&notes, "%u of %zu threads could not be placed: %s", run.failed,
                     run.thread_count, run.refused);
        run_emit_ready(&run, notes.text);
        run_until_stopped(&run, duration_ns);
        for (size_t i = 0; i < run.instance_count; i++)
            if (run.instances[i].workload->finish)
                run.instances[i].workload->finish(&run.instances[i]);
        statistics_look_at_end();
        answer_driver(&run);
        run_emit_slowest(&run);
        atomic_store_explicit(&run.shared->phase, PHASE_FINISHED, memory_order_release);
        run_emit(&run, json_pack("{ss so* so*}", "event", "finished", "cost",
                                 cost_describe(run.cost), "peak_rss_bytes", runner_peak_rss()));
    }
    diagnostics_free(&notes);
    for (size_t i = 0; i < run.instance_count; i++) {
        slowest_close(run.instances[i].slowest);
        free(run.instances[i].params);
    }
    cost_close(run.cost);
    statistics_close();
    free(run.instances);
    free(run.plan);
    free(run.threads);
    free(run.offsets);
    free(run.handles);
    if (run.placement)
        placement_free(run.placement);
    json_decref(run.config);
    return ok ? EXIT_CODE_PASS : d->refused ? EXIT_CODE_INCONCLUSIVE : EXIT_CODE_USAGE;
}
