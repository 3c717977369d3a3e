#include "watchdog.h"

#include "torture/record/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST_STEP_NS (250 * 1000 * 1000) /* the driver calls every 50 ms */

void watchdog_open(struct watchdog *w, const struct view *v, int pid, int64_t limit_ns)
{
    *w = (struct watchdog){
        .view = v, .pid = pid, .limit_ns = limit_ns, .last_ns = clock_monotonic_ns()};
    w->beats = calloc(v->thread_count + 1, sizeof *w->beats);
    w->seen_ns = calloc(v->thread_count + 1, sizeof *w->seen_ns);
    w->times = calloc(v->thread_count + 1, sizeof *w->times);
    for (size_t i = 0; i < v->thread_count; i++)
        w->times[i].waited_ns = -1;
}

void watchdog_close(struct watchdog *w)
{
    free(w->beats);
    free(w->seen_ns);
    free(w->times);
    *w = (struct watchdog){.view = NULL};
}

/* The kernel's account of a thread: its time on CPUs and on run queues since it started. False
 * where there is none. */
static bool read_times(int pid, int tid, struct watchdog_times *times)
{
    char path[64];
    FILE *f;
    bool told;

    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
    f = tid ? fopen(path, "re") : NULL;
    if (!f)
        return false;
    told = fscanf(f, "%" SCNd64 " %" SCNd64, &times->ran_ns, &times->waited_ns) == 2;
    fclose(f);
    return told;
}

/* Whether a thread wants a CPU: its state is R. */
static bool is_runnable(int pid, int tid)
{
    char path[64], state = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    f = fopen(path, "re");
    if (!f)
        return false;
    /* "tid (name) state ...": names of our threads have no parenthesis. */
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(f);
    return state == 'R';
}

/* The longest wait for a CPU, among all threads, since the call before, `step` ago. */
static int64_t longest_wait(struct watchdog *w, int64_t step)
{
    int64_t longest = 0;

    for (size_t i = 0; i < w->view->thread_count; i++) {
        int tid = atomic_load_explicit(&w->view->threads[i].shared->tid, memory_order_relaxed);
        struct watchdog_times *before = &w->times[i], now = {-1, -1};
        int64_t waited = 0;

        if (read_times(w->pid, tid, &now) && before->waited_ns >= 0) {
            waited = now.waited_ns - before->waited_ns;
            /* The time on a run queue is added up when it ends: who has been there all along shows
             * none. */
            if (waited == 0 && now.ran_ns == before->ran_ns && is_runnable(w->pid, tid))
                waited = step;
        }
        if (waited > longest)
            longest = waited;
        *before = now;
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
