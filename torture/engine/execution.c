#include "execution.h"

#include "clock.h"
#include "metrics.h"
#include "paths.h"
#include "report.h"
#include "verdict.h"
#include "view.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS         50
#define START_LIMIT_NS  (INT64_C(30) * 1000000000)
#define LONGEST_OUTPUT  6000
#define CHILD_CONFIG_FD 3
#define CHILD_EVENTS_FD 4
#define CHILD_SHARED_FD 5

static volatile sig_atomic_t interrupted, dump_wanted;

static void on_interrupt(int number)
{
    if (interrupted) { /* twice: the person means it */
        signal(number, SIG_DFL);
        raise(number);
    }
    interrupted = number;
}

static void on_dump(int number)
{
    (void)number;
    dump_wanted = 1;
}

void execution_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_dump;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool execution_interrupted(void)
{
    return interrupted != 0;
}

/* A run that goes on. */
struct execution {
    struct invocation *inv;
    const struct run_plan *plan;
    struct diagnostics *d;
    struct scenario_settings settings;
    pid_t pid;
    int events_fd, shared_fd, errors_fd;
    char *errors_path;
    char *line; /* of events, incomplete */
    size_t line_length;
    bool ended, finished;
    int status;
    int64_t started_ns, gate_ns, stop_ns, next_interval_ns;
    bool viewed, warm, stopping, killed;
    struct view view;
    struct metrics metrics;
    struct watchdog watchdog;
    json_t *findings, *intervals, *notes;
    uint64_t previous_reads;
    double previous_reads_s, reads_rate;
};

/* --- Starting --- */

static int config_fd(json_t *config)
{
    char *text = json_dumps(config, JSON_COMPACT);
    int fd = memfd_create("stillpoint-config", MFD_CLOEXEC);
    size_t length = text ? strlen(text) : 0;

    if (fd >= 0 && (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    free(text);
    return fd;
}

/* The environment of the runner: ours, with the choice of the fence. */
static char **runner_environment(bool full_fence)
{
    size_t n = 0, kept = 0;
    char **copy;

    while (environ[n])
        n++;
    copy = calloc(n + 2, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        if (!full_fence || strncmp(environ[i], "STILLPOINT_FENCE=", 17) != 0)
            copy[kept++] = environ[i];
    if (copy && full_fence)
        copy[kept] = (char *)"STILLPOINT_FENCE=full";
    return copy;
}

static bool spawn_runner(struct execution *e, const char *path, int config, int events_write)
{
    char config_text[12], events_text[12], shared_text[12];
    char *plain[] = {(char *)path, (char *)"--run", config_text, events_text, shared_text, NULL};
    char *gdb[] = {(char *)"gdb",
                   (char *)"-q",
                   (char *)"-ex",
                   (char *)"set breakpoint pending on",
                   (char *)"-ex",
                   (char *)"break torture_violation",
                   (char *)"-ex",
                   (char *)"run",
                   (char *)"--args",
                   (char *)path,
                   (char *)"--run",
                   config_text,
                   events_text,
                   shared_text,
                   NULL};
    char **environment = runner_environment(e->settings.fence == FENCE_FULL);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int error;

    snprintf(config_text, sizeof config_text, "%d", CHILD_CONFIG_FD);
    snprintf(events_text, sizeof events_text, "%d", CHILD_EVENTS_FD);
    snprintf(shared_text, sizeof shared_text, "%d", CHILD_SHARED_FD);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, config, CHILD_CONFIG_FD);
    posix_spawn_file_actions_adddup2(&actions, events_write, CHILD_EVENTS_FD);
    posix_spawn_file_actions_adddup2(&actions, e->shared_fd, CHILD_SHARED_FD);
    if (!e->inv->gdb)
        posix_spawn_file_actions_adddup2(&actions, e->errors_fd, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    /* A group of its own: a Ctrl-C in the terminal is for us, who then stop it. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | (e->inv->gdb ? 0 : POSIX_SPAWN_SETPGROUP));
    error = environment ? posix_spawnp(&e->pid, e->inv->gdb ? "gdb" : path, &actions, &attributes,
                                       e->inv->gdb ? gdb : plain, environment)
                        : ENOMEM;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    if (error)
        diagnose(e->d, "%s: cannot be started: %s%s", e->inv->gdb ? "gdb" : path, strerror(error),
                 e->inv->gdb ? "; install the package gdb" : "");
    return error == 0;
}

/* Descriptors above those that the child gets, so that no dup2 overwrites one. */
static int move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);

    if (fd >= 0)
        close(fd);
    return moved;
}

static bool start(struct execution *e)
{
    char *path = paths_runner(e->plan->flavor);
    int ends[2] = {-1, -1}, config = -1;
    bool ok = false;

    if (!path) {
        diagnose(e->d, "no runner for flavor \"%s\"; `stillpoint list` names those that exist",
                 e->plan->flavor);
        return false;
    }
    if (asprintf(&e->errors_path, "%s/runner-%u.log", e->inv->output->directory, e->inv->run) < 0)
        e->errors_path = NULL;
    e->errors_fd = move_up(open(e->errors_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    config = move_up(config_fd(e->plan->config));
    e->shared_fd = move_up(memfd_create("stillpoint-shared", MFD_CLOEXEC));
    if (pipe2(ends, O_CLOEXEC) == 0) {
        e->events_fd = move_up(ends[0]);
        ends[1] = move_up(ends[1]);
        fcntl(e->events_fd, F_SETFL, O_NONBLOCK);
    }
    if (e->errors_fd < 0 || config < 0 || e->shared_fd < 0 || ends[1] < 0)
        diagnose(e->d, "cannot prepare a run: %s", strerror(errno));
    else
        ok = spawn_runner(e, path, config, ends[1]);
    if (config >= 0)
        close(config);
    if (ends[1] >= 0)
        close(ends[1]);
    free(path);
    return ok;
}

/* --- Events --- */

static void record(struct execution *e, json_t *event)
{
    json_object_set_new(event, "run", json_integer(e->inv->run));
    output_event(e->inv->output, event, e->d);
    json_decref(event);
}

static void on_ready(struct execution *e, json_t *event)
{
    const char *notes = json_string_value(json_object_get(event, "notes"));

    if (e->viewed || !view_open(&e->view, e->shared_fd, event, e->d))
        return;
    e->viewed = true;
    metrics_open(&e->metrics, &e->view);
    watchdog_open(&e->watchdog, &e->view, e->settings.stall_limit_ns);
    e->gate_ns = clock_monotonic_ns();
    e->next_interval_ns = e->gate_ns + e->settings.interval_ns;
    for (; notes && *notes; notes += strcspn(notes, "\n"), notes += *notes == '\n')
        json_array_append_new(e->notes, json_stringn(notes, strcspn(notes, "\n")));
}

static void on_line(struct execution *e, const char *line, size_t length)
{
    json_t *event = json_loadb(line, length, 0, NULL);
    const char *kind = json_string_value(json_object_get(event, "event"));

    if (!kind) {
        json_decref(event);
        return;
    }
    if (strcmp(kind, "ready") == 0)
        on_ready(e, event);
    else if (strcmp(kind, "finished") == 0)
        e->finished = true;
    record(e, event);
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

/* --- Findings --- */

static char *repro_line(const struct execution *e)
{
    json_t *line = json_string(e->inv->repro), *value;
    double at = e->viewed ? (double)(clock_monotonic_ns() - e->gate_ns) / 1e9 : 0;
    char *text = strdup(json_string_value(line));
    const char *key;

    json_decref(line);
    json_object_foreach (e->plan->point, key, value) {
        char *dump = json_is_string(value) ? strdup(json_string_value(value))
                                           : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        char *longer = NULL;

        if (asprintf(&longer, "%s --set '%s=%s'", text, key, dump) >= 0) {
            free(text);
            text = longer;
        }
        free(dump);
    }
    {
        char *longer = NULL;

        if (asprintf(&longer, "%s --seed %lld --duration %.0fs", text, (long long)e->settings.seed,
                     fmax(5, ceil(at * 3))) >= 0) {
            free(text);
            text = longer;
        }
    }
    return text;
}

static void announce(struct execution *e, json_t *finding)
{
    char *repro = repro_line(e);

    json_object_set_new(finding, "repro", json_string(repro));
    free(repro);
    e->inv->findings++;
    progress_clear(e->inv->progress);
    if (e->inv->progress->mode != PROGRESS_NONE) {
        fprintf(stderr, "finding: %s: %s\n", json_string_value(json_object_get(finding, "check")),
                json_string_value(json_object_get(finding, "message")));
    }
    record(e, json_pack("{ss sO}", "event", "finding", "finding", finding));
}

static void add_finding(struct execution *e, json_t *finding)
{
    if (!finding)
        return;
    json_array_append_new(e->findings, finding);
    announce(e, finding);
}

static double run_seconds(const struct execution *e)
{
    return e->viewed ? (double)(clock_monotonic_ns() - e->gate_ns) / 1e9 : 0;
}

static bool has_check(const struct execution *e, const char *check)
{
    json_t *f;
    size_t i;

    json_array_foreach (e->findings, i, f)
        if (strcmp(json_string_value(json_object_get(f, "check")), check) == 0)
            return true;
    return false;
}

static const char *workload_name(const struct execution *e, unsigned index)
{
    const char *name = json_string_value(json_object_get(
        json_array_get(json_object_get(e->plan->config, "workloads"), index), "type"));

    return name ? name : "";
}

static json_t *plain_finding(const struct execution *e, const char *check, unsigned workload,
                             const char *message)
{
    return json_pack("{ss ss si si sf ss s[] s[]}", "check", check, "workload",
                     workload_name(e, workload), "workload_index", (int)workload, "count", 1,
                     "first_s", run_seconds(e), "message", message, "threads", "timeline");
}

/* Names of the threads that hold up a grace period, for the message; false when none is known. */
static bool name_holdouts(json_t *stacks, char *text, size_t room)
{
    json_t *item;
    size_t i, at = 0;

    text[0] = 0;
    json_array_foreach (stacks, i, item)
        if (json_is_true(json_object_get(item, "holds_up_gp")) && at < room)
            at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "",
                                   json_string_value(json_object_get(item, "thread")));
    return at > 0;
}

static void report_stall(struct execution *e, int thread)
{
    const struct view_thread *t = &e->view.threads[thread];
    json_t *stacks, *finding;
    char message[512], holders[256];
    uint64_t now = UINT64_MAX >> 1;

    atomic_store_explicit(&e->view.header->frozen, 1, memory_order_relaxed);
    stacks = view_stacks(&e->view, e->pid);
    snprintf(message, sizeof message, "%s made no progress for %.1f s (limit %.1f s)%s.", t->name,
             watchdog_silence_s(&e->watchdog, thread), (double)e->settings.stall_limit_ns / 1e9,
             e->stopping ? ", although the run was told to end" : "");
    if (name_holdouts(stacks, holders, sizeof holders)) {
        size_t at = strlen(message);

        snprintf(message + at, sizeof message - at, " Held up by: %s.", holders);
    }
    finding = plain_finding(e, "stall", t->workload, message);
    json_array_append_new(json_object_get(finding, "threads"), json_string(t->name));
    now = e->view.header->start_ticks +
          (uint64_t)(run_seconds(e) * 1e9 / e->view.header->ns_per_tick);
    json_object_set_new(finding, "timeline", view_timeline(&e->view, -1, thread, now));
    json_object_set_new(finding, "stacks", stacks);
    add_finding(e, finding);
}

/* --- Watching --- */

static void tell_to_stop(struct execution *e)
{
    if (e->stopping)
        return;
    e->stopping = true;
    e->stop_ns = clock_monotonic_ns();
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
    size_t known = json_array_size(e->findings);

    if (view_findings(&e->view, e->findings) == 0)
        return;
    for (size_t i = known; i < json_array_size(e->findings); i++)
        announce(e, json_array_get(e->findings, i));
    if (e->inv->continue_on_finding)
        atomic_store_explicit(&e->view.header->frozen, 0, memory_order_relaxed);
    else
        tell_to_stop(e);
}

static void look_for_stalls(struct execution *e)
{
    int silent = e->inv->gdb ? -1 : watchdog_look(&e->watchdog);

    if (silent < 0)
        return;
    if (!has_check(e, "stall"))
        report_stall(e, silent);
    if (e->stopping)
        kill_runner(e);
    else if (!e->inv->continue_on_finding)
        tell_to_stop(e);
}

static void take_interval(struct execution *e, int64_t now)
{
    json_t *event = metrics_interval(&e->metrics, run_seconds(e)), *kept, *latency;
    uint64_t reads = view_counter(&e->view, "reads");
    double seconds = run_seconds(e);
    const char *key;

    if (seconds > e->previous_reads_s)
        e->reads_rate = (double)(reads - e->previous_reads) / (seconds - e->previous_reads_s);
    e->previous_reads = reads;
    e->previous_reads_s = seconds;
    kept = json_deep_copy(event);
    json_object_foreach (json_object_get(kept, "latency"), key, latency)
        json_object_del(latency, "delta");
    json_array_append_new(e->intervals, kept);
    json_object_set_new(event, "event", json_string("interval"));
    json_object_set_new(event, "counters", view_counters(&e->view));
    json_object_set_new(event, "library", view_library(&e->view));
    record(e, event);
    e->next_interval_ns += e->settings.interval_ns;
    if (e->next_interval_ns < now)
        e->next_interval_ns = now + e->settings.interval_ns;
}

static void show_progress(struct execution *e)
{
    struct progress_state state = {
        .run = e->inv->run,
        .runs = e->inv->runs,
        .label = e->plan->label,
        .elapsed_s = e->inv->done_s + run_seconds(e),
        .total_s = e->inv->total_s,
        .gps_per_second = e->metrics.gp_rate,
        .p99_ns = e->metrics.gp_p99,
        .reads_per_second = e->reads_rate,
        .findings = e->inv->findings,
    };

    progress_show(e->inv->progress, &state);
}

static void dump(struct execution *e)
{
    json_t *stacks = e->viewed ? view_stacks(&e->view, e->pid) : NULL;
    json_t *all = json_pack("{sf so* so* so*}", "seconds", run_seconds(e), "counters",
                            e->viewed ? view_counters(&e->view) : NULL, "library",
                            e->viewed ? view_library(&e->view) : NULL, "stacks", stacks);

    dump_wanted = 0;
    progress_clear(e->inv->progress);
    json_dumpf(all, stderr, JSON_INDENT(1));
    putc('\n', stderr);
    json_decref(all);
}

static void watch_running(struct execution *e, int64_t now)
{
    int64_t since = now - e->gate_ns;

    if (!e->warm && since >= e->settings.warmup_ns) {
        e->warm = true;
        metrics_baseline(&e->metrics, run_seconds(e));
        e->next_interval_ns = now + e->settings.interval_ns;
    } else if (e->warm && !e->stopping && now >= e->next_interval_ns) {
        take_interval(e, now);
    }
    look_for_findings(e);
    look_for_stalls(e);
    if (since >= e->settings.duration_ns && !e->inv->gdb)
        tell_to_stop(e);
    show_progress(e);
}

static void watch_starting(struct execution *e, int64_t now)
{
    if (e->inv->gdb || now - e->started_ns < START_LIMIT_NS || e->killed)
        return;
    add_finding(
        e, plain_finding(e, "stall", 0, "The runner did not get ready within 30 s of its start."));
    kill_runner(e);
}

static void watch(struct execution *e)
{
    struct pollfd poll_events = {.fd = e->events_fd, .events = POLLIN};
    bool open = true;

    while (!e->ended || open) {
        int64_t now;

        if (open)
            poll(&poll_events, 1, TICK_MS);
        open = open && read_events(e);
        if (!e->ended && waitpid(e->pid, &e->status, open ? WNOHANG : 0) == e->pid)
            e->ended = true;
        now = clock_monotonic_ns();
        if (dump_wanted)
            dump(e);
        if (interrupted)
            tell_to_stop(e);
        if (e->ended)
            continue;
        if (e->viewed)
            watch_running(e, now);
        else
            watch_starting(e, now);
        if (e->stopping && !e->killed && !e->inv->gdb &&
            now - e->stop_ns > e->settings.stall_limit_ns + 2000000000) {
            if (!has_check(e, "stall"))
                add_finding(
                    e, plain_finding(e, "stall", 0, "The run did not end after it was told to."));
            kill_runner(e);
        }
    }
}

/* --- The end --- */

/* What the runner printed, cleaned of what JSON cannot hold; NULL when it printed nothing,
 * and then the log is removed. */
static char *last_words(struct execution *e)
{
    struct stat status;
    char *text;
    ssize_t n;

    if (e->errors_fd < 0 || fstat(e->errors_fd, &status) != 0)
        return NULL;
    if (status.st_size == 0) {
        unlink(e->errors_path);
        return NULL;
    }
    text = calloc(1, LONGEST_OUTPUT + 1);
    n = pread(e->errors_fd, text, LONGEST_OUTPUT, 0); /* sanitizers say the cause first */
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)text[i] >= 127 || ((unsigned char)text[i] < 32 && text[i] != '\n'))
            text[i] = '?';
    return text;
}

/* What the way in which the runner ended says. Returns false when it never got to run and that is a
 * matter of configuration: the message is in d. */
static bool judge_end(struct execution *e)
{
    char *words = last_words(e), message[256];
    json_t *finding = NULL;
    bool ok = true;

    if (WIFSIGNALED(e->status) && !e->killed && !(interrupted && !e->viewed)) {
        finding = e->viewed ? view_crash(&e->view) : NULL;
        if (!finding) {
            snprintf(message, sizeof message, "The runner was killed by signal %d (%s).",
                     WTERMSIG(e->status), strsignal(WTERMSIG(e->status)));
            finding = plain_finding(e, "crash", 0, message);
        }
    } else if (WIFEXITED(e->status) && WEXITSTATUS(e->status) != 0) {
        if (!e->viewed && WEXITSTATUS(e->status) == EXIT_CODE_USAGE) {
            diagnose(e->d, "%s", words ? words : "the runner gave up without a word");
            ok = false;
        } else {
            bool sanitizer = words && strstr(words, "Sanitizer");

            snprintf(message, sizeof message, "The runner ended with exit code %d%s.",
                     WEXITSTATUS(e->status), sanitizer ? ": a sanitizer found something" : "");
            finding = plain_finding(e, sanitizer ? "sanitizer" : "crash", 0, message);
        }
    } else if (WIFEXITED(e->status) && !e->finished && !e->inv->gdb) {
        finding = plain_finding(e, "crash", 0, "The runner ended before its run did.");
    }
    if (finding && words)
        json_object_set_new(finding, "output", json_string(words));
    add_finding(e, finding);
    free(words);
    return ok;
}

static json_t *declared_coverage(const struct execution *e)
{
    json_t *all = json_array(), *workload;
    size_t i;

    json_array_foreach (json_object_get(e->view.ready, "workloads"), i, workload)
        json_array_extend(all, json_object_get(workload, "coverage"));
    return all;
}

static json_t *describe_run(struct execution *e)
{
    double seconds = (double)((e->stop_ns ? e->stop_ns : clock_monotonic_ns()) - e->gate_ns) / 1e9;
    json_t *exit = WIFSIGNALED(e->status) ? json_pack("{si}", "signal", WTERMSIG(e->status))
                                          : json_pack("{si}", "status", WEXITSTATUS(e->status));
    json_t *run =
        json_pack("{sO ss sI ss ss so sf}", "point", e->plan->point, "label", e->plan->label,
                  "repeat", (json_int_t)e->plan->repeat, "flavor", e->plan->flavor, "verdict",
                  "pass", "exit", exit, "seconds", e->viewed ? seconds : 0.0);
    json_t *finding, *declared = e->viewed ? declared_coverage(e) : json_array();
    size_t i;

    json_array_foreach (e->findings, i, finding)
        json_object_del(finding, "workload_index");
    json_object_set(run, "findings", e->findings);
    json_object_set_new(run, "counters", e->viewed ? view_counters(&e->view) : json_object());
    json_object_set_new(run, "library", e->viewed ? view_library(&e->view) : json_object());
    json_object_set_new(run, "latency", e->viewed ? metrics_latency(&e->metrics) : json_object());
    json_object_set(run, "intervals", e->intervals);
    json_object_set_new(run, "threads", e->viewed ? view_threads(&e->view) : json_array());
    json_object_set_new(run, "disturbances", json_array());
    json_object_set(run, "notes", e->notes);
    verdict_of_run(run, json_object_get(e->plan->config, "require"), declared);
    json_decref(declared);
    return run;
}

static void finish(struct execution *e)
{
    if (e->viewed) {
        metrics_close(&e->metrics);
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
    json_decref(e->findings);
    json_decref(e->intervals);
    json_decref(e->notes);
}

json_t *execution_run(struct invocation *inv, const struct run_plan *plan, struct diagnostics *d)
{
    struct execution e = {
        .inv = inv,
        .plan = plan,
        .d = d,
        .events_fd = -1,
        .shared_fd = -1,
        .errors_fd = -1,
        .findings = json_array(),
        .intervals = json_array(),
        .notes = json_array(),
        .started_ns = clock_monotonic_ns(),
    };
    json_t *run = NULL;

    options_store(scenario_options, plan->config, &e.settings);
    if (start(&e)) {
        json_t *event =
            json_pack("{ss sO ss sI ss}", "event", "run", "point", plan->point, "label",
                      plan->label, "repeat", (json_int_t)plan->repeat, "flavor", plan->flavor);

        record(&e, event);
        watch(&e);
        if (e.viewed) {
            if (!e.warm)
                e.metrics.baseline_s = 0; /* too short for a warm-up: measured from the start */
            view_findings(&e.view, e.findings);
            for (size_t i = 0; i < json_array_size(e.findings); i++)
                if (!json_object_get(json_array_get(e.findings, i), "repro"))
                    announce(&e, json_array_get(e.findings, i));
        }
        if (judge_end(&e))
            run = describe_run(&e);
        if (run)
            record(&e, json_pack("{ss sO}", "event", "run-end", "result", run));
    }
    inv->interrupted = interrupted != 0;
    inv->done_s += run ? json_number_value(json_object_get(run, "seconds")) : 0;
    finish(&e);
    return run;
}
