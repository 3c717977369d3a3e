/* kick: what the system shows of threads, to know a busy machine from a vCPU that sleeps. */
#include "kick.h"

#if FLAVOR_CAN_VCPU

#include <stdlib.h>
#include <unistd.h>

struct kick_threads kick_threads_open(size_t count)
{
    return (struct kick_threads){.waits = calloc(count + 1, sizeof(struct cpu_wait)),
                                 .count = count};
}

void kick_threads_close(struct kick_threads *threads)
{
    free(threads->waits);
    *threads = (struct kick_threads){.waits = NULL};
}

bool kick_thread_sleeps(int thread_id)
{
    return cpu_wait_state(getpid(), thread_id) == 'S';
}

int64_t kick_longest_wait(struct kick_threads *threads, const struct torture_thread *self,
                          int64_t step)
{
    const struct instance *in = self->instance;
    int64_t longest = 0;

    for (size_t i = 0; i < threads->count; i++) {
        int id = atomic_load_explicit(&in->threads[i].shared->tid, memory_order_relaxed);
        int64_t waited;

        if (&in->threads[i] == self)
            continue;
        waited = cpu_wait_since(&threads->waits[i], getpid(), id, step);
        if (cpu_wait_state(getpid(), id) != 'R')
            waited = 0;
        if (waited > longest)
            longest = waited;
    }
    return longest < step ? longest : step;
}

#endif
