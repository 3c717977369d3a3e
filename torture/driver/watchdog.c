#include "watchdog.h"

#include "torture/record/clock.h"

#include <stdlib.h>

#define LONGEST_STEP_NS (250 * 1000 * 1000) /* the driver calls every 50 ms */

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns)
{
    *w = (struct watchdog){
        .view = v, .pid = pid, .limit_ns = limit_ns, .last_ns = clock_monotonic_ns()};
    w->beats = calloc(v->thread_count + 1, sizeof *w->beats);
    w->seen_ns = calloc(v->thread_count + 1, sizeof *w->seen_ns);
    w->waits = calloc(v->thread_count + 1, sizeof *w->waits);
}

void watchdog_close(struct watchdog *w)
{
    free(w->beats);
    free(w->seen_ns);
    free(w->waits);
    *w = (struct watchdog){.view = NULL};
}

/* The longest wait for a CPU, among all threads, since the call before, `step` ago. */
static int64_t longest_wait(struct watchdog *w, int64_t step)
{
    int64_t longest = 0;

    for (size_t i = 0; i < w->view->thread_count; i++) {
        int tid = atomic_load_explicit(&w->view->threads[i].shared->tid, memory_order_relaxed);
        int64_t waited = cpu_wait_since(&w->waits[i], w->pid, tid, step);

        if (waited > longest)
            longest = waited;
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
        waited = longest_wait(w, step);
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
