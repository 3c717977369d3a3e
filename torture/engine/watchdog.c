#include "watchdog.h"

#include "clock.h"

#include <stdlib.h>

/* The driver looks every 50 ms. A longer pause means that it was not running itself: the machine was
 * suspended or starved, and so were the threads. */
#define LONGEST_STEP_NS (250 * 1000 * 1000)

void watchdog_open(struct watchdog *w, const struct view *v, int64_t limit_ns)
{
    *w = (struct watchdog){.view = v, .limit_ns = limit_ns, .last_ns = clock_monotonic_ns()};
    w->beats = calloc(v->thread_count + 1, sizeof *w->beats);
    w->seen_ns = calloc(v->thread_count + 1, sizeof *w->seen_ns);
}

void watchdog_close(struct watchdog *w)
{
    free(w->beats);
    free(w->seen_ns);
    *w = (struct watchdog){.view = NULL};
}

int watchdog_look(struct watchdog *w)
{
    int64_t now = clock_monotonic_ns(), step = now - w->last_ns, oldest = INT64_MAX;
    int silent = -1;

    w->last_ns = now;
    w->now_ns += step < LONGEST_STEP_NS ? step : LONGEST_STEP_NS;
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
