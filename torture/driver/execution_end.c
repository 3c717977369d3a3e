/* What is left when a runner has ended: how it ended, and the run as it stands in a result. */
#include "execution_parts.h"

#include "torture/host/host.h"
#include "torture/record/clock.h"
#include "torture/record/text.h"
#include "torture/result/near_misses.h"
#include "torture/result/tail.h"
#include "torture/result/verdict.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST_OUTPUT 6000

/* What the runner printed, cleaned of what JSON cannot hold; NULL when it printed nothing,
 * and then the log is removed. */
static char *last_words(struct execution *e)
{
    struct stat status;
    char text[LONGEST_OUTPUT];
    ssize_t n;

    if (e->errors_fd < 0 || fstat(e->errors_fd, &status) != 0)
        return NULL;
    if (status.st_size == 0) {
        unlink(e->errors_path);
        return NULL;
    }
    n = pread(e->errors_fd, text, sizeof text, 0); /* sanitizers print the cause first */
    return text_printable(text, n > 0 ? (size_t)n : 0);
}

static struct finding *killed_by(struct execution *e, int number)
{
    struct finding *finding = e->viewed ? view_crash(&e->view) : NULL;
    char message[256];

    if (finding)
        return finding;
    snprintf(message, sizeof message, "The runner was killed by signal %d (%s).", number,
             strsignal(number));
    return execution_finding(e, "crash", 0, message);
}

static struct finding *ended_with(struct execution *e, int code, const char *words)
{
    bool sanitizer = words && strstr(words, "Sanitizer");
    char message[256];

    snprintf(message, sizeof message, "The runner ended with exit code %d%s.", code,
             sanitizer ? ": a sanitizer found something" : "");
    return execution_finding(e, sanitizer ? "sanitizer" : "crash", 0, message);
}

/* The runner gave up: its words are the message. False: it had not even begun, and not for what the
 * machine refused. */
static bool gave_up(struct execution *e, char *words, int code)
{
    const char *why = words ? words : "the runner gave up without a word";

    if (words)
        words[strcspn(words, "\n")] = 0;
    unlink(e->errors_path);
    if (e->viewed || code == EXIT_CODE_INCONCLUSIVE)
        e->gave_up = json_string(why);
    else
        diagnose(e->d, "%s: %s", e->inv->scenario->path, why);
    return e->gave_up != NULL;
}

/* Nothing in the runner sends SIGKILL, and nothing of ours did: a person or the kernel. The code
 * under test is not to blame. */
static void killed_from_outside(struct execution *e)
{
    bool oom = e->oom_kills >= 0 && host_oom_kills() > e->oom_kills;

    e->gave_up = json_sprintf(
        "the runner was killed from outside (SIGKILL) after %.1f s%s", execution_seconds(e),
        oom ? ", while the kernel killed a process for want of memory: give it more, or use fewer "
              "threads"
            : ": not by Stillpoint; a person, a service manager or a limit of the machine did");
}

bool execution_judge_end(struct execution *e)
{
    char *words = last_words(e);
    struct finding *finding = NULL;
    char *excuse = NULL;
    bool ok = true;

    execution_judge_outside(e);
    if (WIFSIGNALED(e->status)) {
        /* Before the gate, an interruption is what killed it. */
        bool ours = e->killed || (e->stopping && !e->viewed);

        if (!ours && WTERMSIG(e->status) == SIGKILL)
            killed_from_outside(e);
        else if (!ours && (excuse = execution_excuse(e, words)))
            e->gave_up = json_string(excuse);
        else if (!ours)
            finding = killed_by(e, WTERMSIG(e->status));
    } else if (WEXITSTATUS(e->status) == EXIT_CODE_USAGE ||
               WEXITSTATUS(e->status) == EXIT_CODE_INCONCLUSIVE) {
        ok = gave_up(e, words, WEXITSTATUS(e->status));
    } else if (WEXITSTATUS(e->status) != 0) {
        finding = ended_with(e, WEXITSTATUS(e->status), words);
    } else if (!e->ending && !e->inv->gdb) {
        finding = execution_finding(e, "crash", 0, "The runner ended before its run did.");
    }
    if (finding && words)
        finding_set_output(finding, words);
    execution_add_finding(e, finding);
    free(words);
    free(excuse);
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

/* A run that ended too early, or that others interfered with, proves nothing; what it found
 * stands. */
static void judge_interference(json_t *run, json_t *why)
{
    bool found = json_array_size(json_object_get(run, "findings")) > 0;

    if (!found)
        json_object_set_new(run, "verdict", json_string("inconclusive"));
    json_array_insert(json_object_get(run, found ? "notes" : "missing"), 0, why);
}

static void describe_tail(json_t *run, const struct execution *e)
{
    json_t *tail = NULL;

    if (e->slowest)
        tail = tail_of_run(e->slowest, json_object_get(run, "latency"),
                           json_object_get(e->view.ready, "threads"),
                           e->gate_ns + (int64_t)(e->metrics.baseline_s * 1e9));
    if (tail)
        json_object_set_new(run, "tail", tail);
}

/* As the runner has told it, which a broken one may not have. */
static void describe_cost(json_t *run, const struct execution *e)
{
    json_t *cost = json_object_get(e->ending, "cost");
    json_t *peak = json_object_get(e->ending, "peak_rss_bytes");

    if (json_is_object(cost))
        json_object_set(run, "cost", cost);
    if (json_is_integer(peak))
        json_object_set(run, "peak_rss_bytes", peak);
}

/* A runner under gdb is not watched. */
static void describe_silence(json_t *run, const struct execution *e)
{
    const struct watchdog *w = &e->watchdog;

    if (e->viewed && w->longest >= 0)
        json_object_set_new(run, "longest_silence",
                            json_pack("{ss sf sf}", "thread", e->view.threads[w->longest].name,
                                      "seconds", (double)w->longest_ns / 1e9, "allowed",
                                      (double)w->allowed_ns / 1e9));
    near_misses_describe(run, e->viewed && !e->inv->gdb ? w->near_count : -1);
}

static void note_strays(struct execution *e)
{
    char *note = e->viewed ? view_strays(&e->view) : NULL;

    if (note)
        json_array_append_new(e->notes, json_string(note));
    free(note);
}

json_t *execution_describe(struct execution *e)
{
    double seconds = execution_length(e);
    json_t *exit = WIFSIGNALED(e->status) ? json_pack("{si}", "signal", WTERMSIG(e->status))
                                          : json_pack("{si}", "status", WEXITSTATUS(e->status));
    json_t *run = json_pack("{sO ss sI ss ss so sf}", "point", e->plan->point, "label",
                            e->plan->label, "repeat", (json_int_t)e->plan->repeat, "flavor",
                            e->plan->flavor, "verdict", "pass", "exit", exit, "seconds", seconds);
    json_t *findings = json_array(), *declared = e->viewed ? declared_coverage(e) : json_array();
    json_t *line;
    size_t i;

    for (i = 0; i < e->findings.count; i++)
        json_array_append_new(findings, finding_write(e->findings.list[i]));
    json_object_set_new(run, "findings", findings);
    json_object_set_new(run, "counters", e->viewed ? view_counters(&e->view) : json_object());
    json_object_set_new(run, "library", e->viewed ? view_library(&e->view) : json_object());
    json_object_set_new(run, "latency", e->viewed ? metrics_latency(&e->metrics) : json_object());
    describe_tail(run, e);
    describe_cost(run, e);
    json_object_set(run, "intervals", series_describe(&e->series));
    json_object_set_new(run, "threads", e->viewed ? view_threads(&e->view) : json_array());
    json_object_set_new(run, "lost_seconds", json_real(fmin(e->lost.seconds, seconds)));
    json_object_set_new(run, "disturbances",
                        e->gate_open ? json_incref(e->lost.noted) : json_array());
    note_strays(e);
    json_object_set_new(run, "stall_limit", json_real((double)e->stall_limit_ns / 1e9));
    describe_silence(run, e);
    json_object_set(run, "notes", e->notes);
    if (e->floor)
        json_object_set(run, "floor", e->floor);
    verdict_of_run(run, json_object_get(e->plan->config, "require"),
                   json_object_get(json_object_get(e->plan->config, "floors"), "least"), declared);
    if (!e->viewed) /* what it did not reach is no news */
        json_array_clear(json_object_get(run, "missing"));
    if (!e->viewed && !e->gave_up)
        e->gave_up = json_string("ended before it began");
    json_array_foreach (e->outside, i, line)
        judge_interference(run, line);
    if (e->gave_up)
        judge_interference(run, e->gave_up);
    json_decref(declared);
    return run;
}
