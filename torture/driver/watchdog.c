#include "watchdog.h"

#include "torture/record/clock.h"
#include "torture/record/cpus.h"

#include <stdio.h>
#include <stdlib.h>

#define LONGEST_STEP_NS (250 * 1000 * 1000) /* the driver calls every 50 ms */
#define LEAST_TOLD_NS   (50 * 1000 * 1000)  /* what a text has as 0.1 s */
/* A run allows at least so much: half of less is what the scheduler may take. */
#define LEAST_ALLOWED_NS (INT64_C(2) * 1000 * 1000 * 1000)
#define LEAST_STARVED_NS (500 * 1000 * 1000)
#define LONGEST_TURN_NS  (20 * 1000 * 1000) /* of a thread that shares a CPU */
#define MOST_LIMITS      2                  /* of starvation that a run may have */

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns,
                   int64_t duration_ns)
{
    int64_t length_ns = duration_ns > LEAST_ALLOWED_NS ? duration_ns : LEAST_ALLOWED_NS;

    *w = (struct watchdog){.view = v,
                           .pid = pid,
                           .limit_ns = limit_ns,
                           .cpus = cpus_allowed(),
                           .last_ns = clock_monotonic_ns(),
                           .longest = -1,
                           .allowed_ns = limit_ns < length_ns ? limit_ns : length_ns};
    w->threads = calloc(v->thread_count + 1, sizeof *w->threads);
    for (size_t i = 0; i < v->thread_count; i++)
        w->threads[i].since_ns = w->last_ns;
    starvation_open(&w->starvation, "/proc", pid);
}

void watchdog_close(struct watchdog *w)
{
    free(w->threads);
    starvation_close(&w->starvation);
    *w = (struct watchdog){.view = NULL};
}

static bool is_noticeable(const struct watchdog *w, const struct watched *t)
{
    return t->silent_ns > w->limit_ns / 8;
}

/* How much of the step counts: not what the thread was kept from running. */
static int64_t own_silence(struct watchdog *w, size_t i, int64_t step)
{
    struct watched *t = &w->threads[i];
    int tid = atomic_load_explicit(&w->view->threads[i].shared->tid, memory_order_relaxed);
    int64_t most = step - step / 10, waited = cpu_wait_since(&t->wait, w->pid, tid, step);

    if (waited > most)
        waited = most;
    t->waited_ns += waited;
    if (cpu_wait_keeps(&t->keep, w->pid, tid)) {
        t->kernel_ns += most - waited;
        waited = most;
    }
    return step - waited;
}

/* For longer than a turn may have to wait for the others, however low the limit is. */
static bool is_starved(const struct watchdog *w)
{
    const struct starvation *s = &w->starvation;
    int64_t others_ns = (int64_t)s->waiting * LONGEST_TURN_NS / w->cpus;

    return s->longest_ns >= w->limit_ns / 4 && s->longest_ns >= LEAST_STARVED_NS &&
           (s->state == 'D' || s->longest_ns >= others_ns);
}

/* The kernel's accounts are not read all the time: only of what is silent for noticeably long, and
 * of the others only while something is. */
static void count_silence(struct watchdog *w, size_t i, int64_t step, int64_t away)
{
    struct watched *t = &w->threads[i];
    bool noticeable = is_noticeable(w, t);

    if (noticeable && is_starved(w)) {
        t->starved_ns += step;
        t->starved_pid = w->starvation.pid;
        t->starved_tid = w->starvation.tid;
        t->starved_state = w->starvation.state;
    } else {
        t->silent_ns += noticeable ? own_silence(w, i, step) : step;
    }
    t->away_ns += away;
    if (t->silent_ns > w->longest_ns) {
        w->longest_ns = t->silent_ns;
        w->longest = (int)i;
    }
}

/* True when the thread has got somewhere since the last look, or has ended: its silence is over. */
static bool gets_on(struct watchdog *w, size_t i, int64_t now)
{
    struct shared_thread *shared = w->view->threads[i].shared;
    struct watched *t = &w->threads[i];
    uint64_t beat = atomic_load_explicit(&shared->heartbeat, memory_order_relaxed);

    if (beat == t->beat && !atomic_load_explicit(&shared->ended, memory_order_relaxed))
        return false;
    w->near_count += t->silent_ns > w->allowed_ns / 2 && t->silent_ns <= w->limit_ns;
    *t = (struct watched){.beat = beat, .since_ns = now};
    return true;
}

static void look_for_starvation(struct watchdog *w)
{
    bool noticeable = false;

    for (size_t i = 0; i < w->view->thread_count && !noticeable; i++)
        noticeable = is_noticeable(w, &w->threads[i]);
    if (noticeable)
        starvation_look(&w->starvation);
    else
        starvation_forget(&w->starvation);
}

bool watchdog_starved(const struct watchdog *w, int thread)
{
    const struct watched *t = &w->threads[thread];

    return t->silent_ns <= w->limit_ns && t->starved_ns > MOST_LIMITS * w->limit_ns;
}

int watchdog_look(struct watchdog *w)
{
    int64_t now = clock_monotonic_ns(), step = now - w->last_ns, away = 0;
    int silent = -1;

    w->last_ns = now;
    if (step > LONGEST_STEP_NS) {
        away = step - LONGEST_STEP_NS;
        step = LONGEST_STEP_NS;
    }
    look_for_starvation(w);
    for (size_t i = 0; i < w->view->thread_count; i++) {
        struct watched *t = &w->threads[i];

        if (gets_on(w, i, now))
            continue;
        count_silence(w, i, step, away);
        if ((t->silent_ns > w->limit_ns || watchdog_starved(w, (int)i)) &&
            (silent < 0 || t->silent_ns > w->threads[silent].silent_ns))
            silent = (int)i;
    }
    return silent;
}

void watchdog_look_back(struct watchdog *w)
{
    for (size_t i = 0; i < w->view->thread_count; i++)
        gets_on(w, i, w->last_ns);
}

void watchdog_hold(struct watchdog *w)
{
    for (size_t i = 0; i < w->view->thread_count; i++)
        w->threads[i].held = is_noticeable(w, &w->threads[i]);
}

bool watchdog_holds(const struct watchdog *w)
{
    for (size_t i = 0; i < w->view->thread_count; i++)
        if (w->threads[i].held)
            return true;
    return false;
}

/* Of what does not count, that it was so long; *separator is what goes before the next. */
static int tell(char *text, size_t room, int at, const char **separator, const char *what,
                int64_t ns)
{
    if (ns < LEAST_TOLD_NS || (size_t)at >= room)
        return at;
    at += snprintf(text + at, room - (size_t)at, "%s %s for %.1f s", *separator, what,
                   (double)ns / 1e9);
    *separator = ",";
    return at;
}

const char *watchdog_starving(const struct watchdog *w, int thread)
{
    if (w->threads[thread].starved_pid != w->pid)
        return "a child process";
    for (size_t i = 0; i < w->view->thread_count; i++) {
        const struct view_thread *t = &w->view->threads[i];

        if (atomic_load_explicit(&t->shared->tid, memory_order_relaxed) ==
            w->threads[thread].starved_tid)
            return t->name;
    }
    return "a thread that is none of the workloads'";
}

bool watchdog_kept_in_kernel(const struct watchdog *w, int thread)
{
    return w->threads[thread].starved_state == 'D';
}

void watchdog_describe(const struct watchdog *w, int thread, char *text, size_t room)
{
    const struct watched *t = &w->threads[thread];
    int64_t off = t->waited_ns + t->kernel_ns + t->starved_ns + t->away_ns;
    const char *separator = "";
    char starving[96];
    int at =
        snprintf(text, room, "%.1f s by the wall clock (limit %.1f s",
                 (double)(clock_monotonic_ns() - t->since_ns) / 1e9, (double)w->limit_ns / 1e9);

    if (off >= LEAST_TOLD_NS && (size_t)at < room)
        at += snprintf(text + at, room - (size_t)at,
                       "; %.1f s of it do not count:", (double)off / 1e9);
    at = tell(text, room, at, &separator, "it waited for a CPU", t->waited_ns);
    at = tell(text, room, at, &separator, "it was kept in the kernel", t->kernel_ns);
    snprintf(starving, sizeof starving, "%s %s", watchdog_starving(w, thread),
             watchdog_kept_in_kernel(w, thread) ? "was kept in the kernel"
                                                : "could run and had no CPU");
    at = tell(text, room, at, &separator, starving, t->starved_ns);
    at = tell(text, room, at, &separator, "the driver or the runner stood still", t->away_ns);
    if ((size_t)at < room)
        snprintf(text + at, room - (size_t)at, ")");
}
