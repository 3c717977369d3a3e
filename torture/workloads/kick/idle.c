/* kick: what the system shows of threads, to know a busy machine from a vCPU that sleeps. The
 * figures and their faults are those of torture/driver/watchdog.c. */
#include "kick.h"

#if FLAVOR_CAN_VCPU

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct kick_times {
    int64_t ran_ns, waited_ns; /* since the thread started; -1: not known */
};

struct kick_threads kick_threads_open(size_t count)
{
    struct kick_threads threads = {.times = calloc(count + 1, sizeof(struct kick_times)),
                                   .count = count};

    for (size_t i = 0; i < count; i++)
        threads.times[i].waited_ns = -1;
    return threads;
}

void kick_threads_close(struct kick_threads *threads)
{
    free(threads->times);
    *threads = (struct kick_threads){.times = NULL};
}

static bool read_times(int thread_id, struct kick_times *times)
{
    char path[64];
    FILE *f;
    bool told;

    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread_id);
    f = thread_id ? fopen(path, "re") : NULL;
    if (!f)
        return false;
    told = fscanf(f, "%" SCNd64 " %" SCNd64, &times->ran_ns, &times->waited_ns) == 2;
    fclose(f);
    return told;
}

/* 0 when there is no such thread. */
static char state_of(int thread_id)
{
    char path[64], state = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    f = thread_id ? fopen(path, "re") : NULL;
    if (!f)
        return 0;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(f);
    return state;
}

bool kick_thread_sleeps(int thread_id)
{
    return state_of(thread_id) == 'S';
}

int64_t kick_longest_wait(struct kick_threads *threads, const struct torture_thread *self,
                          int64_t step)
{
    const struct instance *in = self->instance;
    int64_t longest = 0;

    for (size_t i = 0; i < threads->count; i++) {
        int id = atomic_load_explicit(&in->threads[i].shared->tid, memory_order_relaxed);
        struct kick_times *before = &threads->times[i], now = {-1, -1};
        int64_t waited = 0;

        if (&in->threads[i] == self)
            continue;
        if (read_times(id, &now) && before->waited_ns >= 0 && state_of(id) == 'R') {
            waited = now.waited_ns - before->waited_ns;
            /* The time on a run queue is added up when it ends: who has been there all along shows
             * none. */
            if (waited == 0 && now.ran_ns == before->ran_ns)
                waited = step;
        }
        if (waited > longest)
            longest = waited;
        *before = now;
    }
    return longest < step ? longest : step;
}

#endif
