#include "watchdog.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST_STEP_NS (250 * 1000 * 1000) /* the driver looks every 50 ms */

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns)
{
    *w = (struct watchdog){
        .view = v, .pid = pid, .limit_ns = limit_ns, .last_ns = clock_monotonic_ns()};
    w->beats = calloc(v->thread_count + 1, sizeof *w->beats);
    w->seen_ns = calloc(v->thread_count + 1, sizeof *w->seen_ns);
    w->waited_ns = calloc(v->thread_count + 1, sizeof *w->waited_ns);
    for (size_t i = 0; i < v->thread_count; i++)
        w->waited_ns[i] = -1;
}

void watchdog_close(struct watchdog *w)
{
    free(w->beats);
    free(w->seen_ns);
    free(w->waited_ns);
    *w = (struct watchdog){.view = NULL};
}

/* How long a thread has waited on a run queue since it started; -1 where the kernel does not tell. */
static int64_t waited_for_cpu(int pid, int tid)
{
    int64_t on_cpu, waited = -1;
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
    f = tid ? fopen(path, "re") : NULL;
    if (!f)
        return -1;
    if (fscanf(f, "%" SCNd64 " %" SCNd64, &on_cpu, &waited) != 2)
        waited = -1;
    fclose(f);
    return waited;
}

/* The longest wait for a CPU, among all threads, since the call before. */
static int64_t longest_wait(struct watchdog *w)
{
    int64_t longest = 0;

    for (size_t i = 0; i < w->view->thread_count; i++) {
        int tid = atomic_load_explicit(&w->view->threads[i].shared->tid, memory_order_relaxed);
        int64_t waited = waited_for_cpu(w->pid, tid), before = w->waited_ns[i];

        if (waited >= 0 && before >= 0 && waited - before > longest)
            longest = waited - before;
        w->waited_ns[i] = waited;
    }
    return longest;
}

static bool anyone_silent(const struct watchdog *w)
{
    for (size_t i = 0; i < w->view->thread_count; i++)
        if (w->now_ns - w->seen_ns[i] > w->limit_ns / 8)
            return true;
    return false;
}

static void advance(struct watchdog *w)
{
    int64_t now = clock_monotonic_ns(), step = now - w->last_ns, waited;

    w->last_ns = now;
    if (step > LONGEST_STEP_NS)
        step = LONGEST_STEP_NS;
    if (anyone_silent(w)) {
        waited = longest_wait(w);
        step = waited < step - step / 10 ? step - waited : step / 10;
    }
    w->now_ns += step;
}

int watchdog_look(struct watchdog *w)
{
    int64_t oldest = INT64_MAX;
    int silent = -1;

    advance(w);
    for (size_t i = 0; i < w->view->thread_count; i++) {
        struct shared_thread *t = w->view->threads[i].shared;
        uint64_t beat = atomic_load_explicit(&t->heartbeat, memory_order_relaxed);

        if (beat != w->beats[i] || atomic_load_explicit(&t->ended, memory_order_relaxed)) {
            w->beats[i] = beat;
            w->seen_ns[i] = w->now_ns;
        } else if (w->now_ns - w->seen_ns[i] > w->limit_ns && w->seen_ns[i] < oldest) {
            oldest = w->seen_ns[i];
            silent = (int)i;
        }
    }
    return silent;
}

double watchdog_silence_s(const struct watchdog *w, int thread)
{
    return (double)(w->now_ns - w->seen_ns[thread]) / 1e9;
}
