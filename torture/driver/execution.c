/* Watches one run from its start to its end. */
#include "execution_parts.h"

#include "torture/host/host.h"
#include "torture/record/clock.h"
#include "torture/record/workload.h"
#include "torture/scenario/settings.h"
#include "writers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_NS        (INT64_C(50) * 1000000)
#define START_LIMIT_NS (INT64_C(30) * 1000000000)
#define END_GRACE_NS   (INT64_C(2) * 1000000000)

double execution_seconds(const struct execution *e)
{
    return e->viewed ? (double)(clock_monotonic_ns() - e->gate_ns) / 1e9 : 0;
}

/* When the loops were told to end, by the runner's account; without one, by ours. */
static int64_t end_ns(const struct execution *e)
{
    int64_t end = atomic_load_explicit(&e->view.header->end_ns, memory_order_relaxed);

    if (!end)
        end = e->stop_ns ? e->stop_ns : clock_monotonic_ns();
    return end;
}

double execution_length(const struct execution *e)
{
    return e->viewed ? (double)(end_ns(e) - e->gate_ns) / 1e9 : 0;
}

/* --- Events --- */

void execution_record(struct execution *e, json_t *event)
{
    json_object_set_new(event, "run", json_integer(e->inv->run));
    if (!e->inv->aside)
        writers_event(e->inv->output, event, e->d);
    json_decref(event);
}

static void on_ready(struct execution *e, json_t *event)
{
    const char *notes = json_string_value(json_object_get(event, "notes"));

    /* One that is being killed may have written it before. */
    if (e->viewed || e->stopping || !view_open(&e->view, e->shared_fd, event, e->d))
        return;
    e->viewed = true;
    metrics_open(&e->metrics, &e->view);
    guard_open(&e->guard, &e->view, e->started_ns,
               e->inv->gdb ? INT64_MAX : e->started_ns + e->settings.duration_ns);
    watchdog_open(&e->watchdog, &e->view, e->pid, e->stall_limit_ns, e->settings.duration_ns);
    e->gate_ns = clock_monotonic_ns();
    for (; notes && *notes; notes += strcspn(notes, "\n"), notes += *notes == '\n')
        json_array_append_new(e->notes, json_stringn(notes, strcspn(notes, "\n")));
    if (host_is_emulated())
        json_array_append_new(e->notes,
                              json_string("this machine is emulated (QEMU without KVM): its "
                                          "latencies mean nothing"));
}

/* Last of all that is to be done before the threads begin. */
static void open_gate(struct execution *e)
{
    atomic_store_explicit(&e->view.header->opened, 1, memory_order_relaxed);
    shared_wake(&e->view.header->opened);
}

static void on_line(struct execution *e, const char *line, size_t length)
{
    json_t *event = json_loadb(line, length, 0, NULL);
    const char *kind = json_string_value(json_object_get(event, "event"));
    bool opens;

    if (!kind) {
        json_decref(event);
        return;
    }
    if (strcmp(kind, "ready") == 0)
        on_ready(e, event);
    else if (strcmp(kind, "finished") == 0 && !e->ending)
        e->ending = json_incref(event);
    else if (strcmp(kind, "slowest") == 0 && !e->slowest)
        e->slowest = json_incref(event);
    opens = e->viewed && strcmp(kind, "ready") == 0;
    execution_record(e, event);
    if (opens)
        open_gate(e);
}

/* Reads what has come; false at the end of the pipe. */
static bool read_events(struct execution *e)
{
    for (;;) {
        ssize_t n;
        char *newline;

        e->line = realloc(e->line, e->line_length + 65536);
        n = read(e->events_fd, e->line + e->line_length, 65536);
        if (n == 0)
            return false;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        e->line_length += (size_t)n;
        while ((newline = memchr(e->line, '\n', e->line_length))) {
            size_t length = (size_t)(newline - e->line);

            on_line(e, e->line, length);
            e->line_length -= length + 1;
            memmove(e->line, newline + 1, e->line_length);
        }
    }
}

/* --- Watching --- */

static void begin_stopping(struct execution *e)
{
    e->stopping = true;
    e->stop_ns = clock_monotonic_ns();
    patience_begin(&e->patience, e->pid, e->stop_ns);
}

/* When the gate opens, and that the loops end, are told by the runner, whose clock counts. */
static void follow_runner(struct execution *e)
{
    struct shared_header *h = e->view.header;
    int64_t gate = atomic_load_explicit(&h->gate_ns, memory_order_relaxed);

    if (!e->gate_open && gate) {
        e->gate_open = true;
        e->gate_ns = gate;
        e->next_interval_ns = gate + e->settings.interval_ns;
        lost_time_open(&e->lost, &e->view, e->pid, gate);
        e->disk_ns = output_blocked_ns(e->inv->output);
        e->terminal_ns = console_blocked_ns(e->inv->console);
    }
    if (!e->stopping && atomic_load_explicit(&h->stop, memory_order_relaxed))
        begin_stopping(e);
}

/* Ends the threads' loops; before they began, the runner. */
static void tell_to_stop(struct execution *e)
{
    if (e->stopping)
        return;
    begin_stopping(e);
    if (e->viewed) {
        atomic_store_explicit(&e->view.header->stop, 1, memory_order_relaxed);
        shared_wake(&e->view.header->stop);
    } else {
        kill(e->pid, SIGKILL);
    }
}

static void kill_runner(struct execution *e)
{
    if (!e->killed && !e->ended)
        kill(e->pid, SIGKILL);
    e->killed = true;
}

static void look_for_findings(struct execution *e)
{
    if (execution_take_findings(e) > 0 && !e->inv->continue_on_finding && !e->inv->gdb)
        tell_to_stop(e);
}

static void look_for_strays(struct execution *e)
{
    unsigned workload;
    char *what = guard_look(&e->guard, e->stopping, &workload);

    if (execution_report_stray(e, what, workload) && !e->inv->continue_on_finding && !e->inv->gdb)
        tell_to_stop(e);
}

static void look_for_stalls(struct execution *e)
{
    int silent = e->inv->gdb || execution_is_halted(e) ? -1 : watchdog_look(&e->watchdog);

    if (silent < 0 || execution_thread_is_stopped(e, silent))
        return;
    if (!execution_has_check(e, "stall"))
        execution_report_stall(e, silent);
    if (e->stopping)
        kill_runner(e);
    else if (e->starved || !e->inv->continue_on_finding)
        tell_to_stop(e);
}

static void take_interval(struct execution *e, int64_t now)
{
    double seconds = (double)(now - e->gate_ns) / 1e9, lost = lost_time_window(&e->lost, now);
    json_t *event = metrics_interval(&e->metrics, seconds);
    uint64_t reads = view_counter(&e->view, "reads");

    if (seconds > e->previous_reads_s)
        e->reads_rate = (double)(reads - e->previous_reads) / (seconds - e->previous_reads_s);
    e->previous_reads = reads;
    e->previous_reads_s = seconds;
    if (lost > 0)
        json_object_set_new(event, "lost_s", json_real(lost));
    if (series_add(&e->series, event))
        e->settings.interval_ns *= 2;
    json_object_set_new(event, "event", json_string("interval"));
    json_object_set_new(event, "counters", view_counters(&e->view));
    json_object_set_new(event, "library", view_library(&e->view));
    execution_record(e, event);
    e->next_interval_ns += e->settings.interval_ns;
    if (e->next_interval_ns < now)
        e->next_interval_ns = now + e->settings.interval_ns;
}

static struct progress_state progress_of(const struct execution *e)
{
    return (struct progress_state){
        .run = e->inv->run,
        .runs = e->inv->runs,
        .label = e->plan->label,
        .run_s = execution_seconds(e),
        .elapsed_s = e->inv->done_s + execution_seconds(e),
        .total_s = e->inv->total_s,
        .gps_per_second = e->metrics.gp_rate,
        .p99_ns = e->metrics.headline_p99_ns,
        .reads_per_second = e->reads_rate,
        .findings = e->inv->findings,
    };
}

static void show_progress(struct execution *e)
{
    struct progress_state state = progress_of(e);

    console_progress(e->inv->console, &state);
}

static void dump(struct execution *e)
{
    struct progress_state state = progress_of(e);
    struct finding_stacks stacks = {.count = 0};
    json_t *counters, *library;

    if (!e->viewed || e->ended) {
        console_no_state(e->inv->console, &state);
        return;
    }
    counters = view_counters(&e->view);
    library = view_library(&e->view);
    view_stacks(&e->view, &stacks);
    console_state(e->inv->console, &state, counters, library, &stacks);
    json_decref(counters);
    json_decref(library);
    stacks_free(&stacks);
}

/* A run that is no longer than its warm-up has none. */
static bool warmup_ends(const struct execution *e, int64_t since)
{
    return !e->warm && e->settings.warmup_ns < e->settings.duration_ns &&
           since >= e->settings.warmup_ns;
}

static void note_growth(struct execution *e, enum lost_cause cause, int64_t *before, int64_t now)
{
    lost_time_note(&e->lost, cause, now - *before);
    *before = now;
}

/* Once a turn; what holds up the writers is noted as well, though nobody waits for them. */
static void account_for_turn(struct execution *e)
{
    if (execution_continued())
        lost_time_continued(&e->lost);
    lost_time_turn(&e->lost, e->tick_ns);
    note_growth(e, LOST_DISK, &e->disk_ns, output_blocked_ns(e->inv->output));
    note_growth(e, LOST_TERMINAL, &e->terminal_ns, console_blocked_ns(e->inv->console));
}

/* The time series, once the gate is open. */
static void watch_time(struct execution *e, int64_t now)
{
    account_for_turn(e);
    if (e->stopping || !lost_time_settled(&e->lost))
        return;
    if (warmup_ends(e, now - e->gate_ns)) {
        e->warm = true;
        if (e->settings.warmup_ns > 0) { /* else all counts, from the gate on */
            e->series.begin_s = (double)(now - e->gate_ns) / 1e9;
            metrics_baseline(&e->metrics, e->series.begin_s);
        }
        lost_time_window(&e->lost, now);
        e->next_interval_ns = now + e->settings.interval_ns;
    } else if (e->warm && now >= e->next_interval_ns) {
        take_interval(e, now);
    }
}

/* A run of which the time is over must not end while a thread is silent: what only its end would
 * dissolve is a stall. Those who are silent by then get the time that the limit leaves them, also
 * where we do not get to look for a while. */
static bool hold_end(struct execution *e, int64_t now)
{
    bool hold;

    if (!e->holding)
        watchdog_hold(&e->watchdog);
    e->holding = e->gate_open && now - e->gate_ns >= e->settings.duration_ns;
    hold = watchdog_holds(&e->watchdog) && !e->halt.since_ns && !execution_has_check(e, "stall") &&
           !e->stopping;
    atomic_store_explicit(&e->view.header->held_until_ns, hold ? now + e->stall_limit_ns : 0,
                          memory_order_relaxed);
    return hold;
}

static void watch_running(struct execution *e, int64_t now)
{
    bool hold;

    look_for_strays(e);
    follow_runner(e);
    if (e->gate_open)
        watch_time(e, now);
    look_for_findings(e);
    look_for_stalls(e);
    hold = hold_end(e, now);
    /* The runner ends by itself, unless its main thread is stuck. */
    if (now - e->gate_ns >= e->settings.duration_ns + END_GRACE_NS && !e->inv->gdb && !hold)
        tell_to_stop(e);
    show_progress(e);
}

/* A runner that takes too long is ended: in time in which it could run it stalls, else the machine
 * is to blame, if it lasts. */
static void end_impatiently(struct execution *e, int64_t limit_ns, const char *stall)
{
    const struct patience *p = &e->patience;

    if (p->spent_ns > limit_ns) {
        if (!execution_has_check(e, "stall"))
            execution_add_finding(e, execution_finding(e, "stall", 0, stall));
        kill_runner(e);
    } else if (patience_is_hopeless(p, limit_ns)) {
        json_array_append_new(
            e->outside, json_sprintf("%s In %.0f s the machine let it, and Stillpoint, run for no "
                                     "more than %.1f s; find out what keeps CPUs, memory or disks "
                                     "busy, and run it again",
                                     stall, (double)(p->turn_ns - p->begun_ns) / 1e9,
                                     (double)p->spent_ns / 1e9));
        kill_runner(e);
    }
}

static void watch_starting(struct execution *e)
{
    if (e->inv->gdb || e->killed || e->stopping)
        return;
    if (e->halt.since_ns && e->patience.turn_ns - e->started_ns > START_LIMIT_NS)
        kill_runner(e);
    else
        end_impatiently(e, START_LIMIT_NS, "The runner did not get ready within 30 s.");
}

/* Threads that go on beating but never end, or a main thread that does not. Silent threads are the
 * watchdog's, who knows better how long they had a chance to run; this is the last resort, and
 * all that can be done about a runner that somebody has stopped. */
static void watch_stopping(struct execution *e)
{
    if (!e->stopping || e->killed || e->inv->gdb)
        return;
    if (e->halt.since_ns)
        kill_runner(e);
    else
        end_impatiently(e, 4 * e->stall_limit_ns + END_GRACE_NS,
                        "The run did not end after it was told to.");
}

/* The pipe may outlive the runner, in a child of its own: its end alone ends nothing. */
static void watch(struct execution *e)
{
    struct pollfd poll_events = {.fd = e->events_fd, .events = POLLIN};

    while (!e->ended) {
        int64_t now;

        poll(&poll_events, 1, (int)(e->tick_ns / 1000000));
        if (poll_events.fd >= 0 && !read_events(e))
            poll_events.fd = -1;
        e->ended = execution_look_outside(e);
        now = clock_monotonic_ns();
        if (!e->viewed || e->stopping)
            patience_turn(&e->patience, execution_is_halted(e), now);
        if (execution_dump_wanted())
            dump(e);
        if (execution_interrupted())
            tell_to_stop(e);
        if (e->ended)
            break;
        if (e->viewed)
            watch_running(e, now);
        else
            watch_starting(e);
        watch_stopping(e);
    }
    if (poll_events.fd >= 0)
        read_events(e);
}

static void finish(struct execution *e)
{
    if (e->viewed) {
        lost_time_close(&e->lost);
        metrics_close(&e->metrics);
        guard_close(&e->guard);
        watchdog_close(&e->watchdog);
        view_close(&e->view);
    }
    if (e->events_fd >= 0)
        close(e->events_fd);
    if (e->shared_fd >= 0)
        close(e->shared_fd);
    if (e->errors_fd >= 0)
        close(e->errors_fd);
    free(e->errors_path);
    free(e->line);
    findings_free(&e->findings);
    series_close(&e->series);
    json_decref(e->notes);
    json_decref(e->gave_up);
    json_decref(e->slowest);
    json_decref(e->ending);
    json_decref(e->outside);
}

/* The runner has ended: what it left in the mapping is all. */
static void conclude_time(struct execution *e)
{
    unsigned workload;
    char *what;

    follow_runner(e);
    watchdog_look_back(&e->watchdog);
    if (!e->warm)
        e->metrics.baseline_s = 0; /* too short for a warm-up: measured from the start */
    if (e->gate_open) {
        account_for_turn(e);
        /* The runner may have been faster than our last turn. */
        if (e->warm && end_ns(e) >= e->next_interval_ns)
            take_interval(e, end_ns(e));
        lost_time_window(&e->lost, end_ns(e));
    }
    execution_take_findings(e);
    what = guard_look_at_end(&e->guard, e->ending != NULL, &workload);
    execution_report_stray(e, what, workload);
}

json_t *execution_run(struct invocation *inv, const struct run_plan *plan, json_t *floor,
                      struct diagnostics *d)
{
    struct execution e = {
        .inv = inv,
        .plan = plan,
        .floor = floor,
        .d = d,
        .events_fd = -1,
        .shared_fd = -1,
        .errors_fd = -1,
        .notes = json_copy(plan->left_out),
        .outside = json_array(),
        .oom_kills = host_oom_kills(),
        .started_ns = clock_monotonic_ns(),
    };
    json_t *run = NULL;

    options_store(scenario_options, plan->config, &e.settings);
    series_open(&e.series, (size_t)e.settings.keep_intervals);
    e.tick_ns = e.settings.interval_ns < TICK_NS ? e.settings.interval_ns : TICK_NS;
    lost_time_prepare(&e.lost);
    e.stall_limit_ns = scenario_stall_limit_ns(&e.settings, workloads_torture(plan->config));
    if (execution_start(&e)) {
        execution_record(&e, json_pack("{ss sO ss sI ss}", "event", "run", "point", plan->point,
                                       "label", plan->label, "repeat", (json_int_t)plan->repeat,
                                       "flavor", plan->flavor));
        watch(&e);
        if (e.viewed)
            conclude_time(&e);
        if (execution_judge_end(&e))
            run = execution_describe(&e);
        if (run)
            execution_record(&e, json_pack("{ss sO}", "event", "run-end", "result", run));
    }
    inv->interrupted = execution_interrupted();
    inv->done_s += run ? json_number_value(json_object_get(run, "seconds")) : 0;
    finish(&e);
    return run;
}
