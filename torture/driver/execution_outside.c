/* What others do to a runner: somebody stops it, and the system refuses it something. The code
 * under test is not to blame for either. */
#include "execution_parts.h"

#include "torture/record/clock.h"
#include "torture/record/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void note_halt(struct execution *e, int number)
{
    if (e->halt.since_ns)
        return;
    e->halt.signal = number;
    e->halt.since_ns = clock_monotonic_ns();
    if (e->halt.count++ == 0)
        e->halt.first_ns = e->halt.since_ns;
}

static void note_halt_end(struct execution *e)
{
    if (!e->halt.since_ns)
        return;
    e->halt.total_ns += clock_monotonic_ns() - e->halt.since_ns;
    e->halt.since_ns = 0;
}

bool execution_look_outside(struct execution *e)
{
    /* gdb stops and continues its program as it likes. */
    int wanted = WNOHANG | (e->inv->gdb ? 0 : WUNTRACED | WCONTINUED), status;

    while (waitpid(e->pid, &status, wanted) == e->pid) {
        if (WIFSTOPPED(status)) {
            note_halt(e, WSTOPSIG(status));
        } else if (WIFCONTINUED(status)) {
            note_halt_end(e);
        } else {
            e->status = status;
            return true;
        }
    }
    return false;
}

bool execution_is_halted(const struct execution *e)
{
    return e->halt.since_ns || (e->gate_open && lost_time_frozen(&e->lost));
}

bool execution_thread_is_stopped(struct execution *e, int thread)
{
    int tid = atomic_load_explicit(&e->view.threads[thread].shared->tid, memory_order_relaxed);

    if (cpu_wait_state(e->pid, tid) != 'T')
        return false;
    note_halt(e, SIGSTOP);
    return true;
}

static void judge_halt(struct execution *e)
{
    bool to_the_end = e->halt.since_ns != 0;
    double begun_s = (double)(e->halt.first_ns - (e->viewed ? e->gate_ns : e->started_ns)) / 1e9;

    if (e->halt.count == 0)
        return;
    note_halt_end(e);
    json_array_append_new(
        e->outside,
        json_sprintf(
            "the runner was stopped from outside (signal %d, %s) after %.1f s, for %.1f s%s: "
            "not by Stillpoint; find out who sends it signals (a debugger, job control, a "
            "service manager), and run it again",
            e->halt.signal, strsignal(e->halt.signal), begun_s < 0 ? 0 : begun_s,
            (double)e->halt.total_ns / 1e9, to_the_end ? " and to its end" : ""));
}

static void judge_refusals(struct execution *e)
{
    for (unsigned i = 0; e->viewed && i < REFUSABLE_COUNT; i++) {
        const struct shared_refusal *r = &e->view.header->refused[i];
        uint64_t count = atomic_load_explicit(&r->count, memory_order_relaxed);
        int error = atomic_load_explicit(&r->error, memory_order_relaxed);
        const char *remedy = refusal_remedy(error, refusable_calls[i]);

        if (count > 0 && remedy) /* else something wrote over it: the guard's */
            json_array_append_new(e->outside,
                                  json_sprintf("%s was refused %" PRIu64 " time%s: %s; %s",
                                               refusable_calls[i], count, count == 1 ? "" : "s",
                                               strerror(error), remedy));
    }
}

void execution_judge_outside(struct execution *e)
{
    judge_halt(e);
    judge_refusals(e);
}

/* Whether the system refused what gives this error: to a call that is counted, or to the process
 * when it aborted. Before there is a view nothing was tortured, and nobody can know. */
static bool was_refused(const struct execution *e, int error)
{
    const struct shared_crash *c;

    if (!e->viewed)
        return true;
    c = &e->view.header->crash;
    for (unsigned i = 0; i < REFUSABLE_COUNT; i++)
        if (atomic_load_explicit(&e->view.header->refused[i].count, memory_order_relaxed) > 0 &&
            atomic_load_explicit(&e->view.header->refused[i].error, memory_order_relaxed) == error)
            return true;
    return c->sum == shared_crash_sum(c, SIGABRT) && refusal_explains(c->refused, error);
}

char *execution_excuse(const struct execution *e, const char *words)
{
    const char *line, *end;
    int error = refusal_in_text(words, &line);
    char *what, *text;

    if (!error || WTERMSIG(e->status) != SIGABRT || !was_refused(e, error))
        return NULL;
    end = line + strcspn(line, "\n");
    while (line > words && line[-1] != '\n')
        line--;
    what = strndup(line, (size_t)(end - line));
    text = text_format("the runner gave up when the system refused it something: %s; %s", what,
                       refusal_remedy(error, what));
    free(what);
    return text;
}
