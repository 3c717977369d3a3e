#include "own_cpu.h"

#include "torture/record/cpu_wait.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

/* Options, or the flavor, let a thread sleep that otherwise loops. After more sleeps than these its
 * waits may be those of being woken, which have no counter. */
#define MOST_SLEEPS 10

static int64_t sleeps_so_far(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

/* With more threads than CPUs somebody shares one, as the scenario wants it. The main thread is the
 * one that is bound nowhere. */
static bool has_room(const struct torture_thread *t)
{
    cpu_set_t cpus;

    return sched_getaffinity(getpid(), sizeof cpus, &cpus) != 0 ||
           t->instance->thread_count <= (size_t)CPU_COUNT(&cpus);
}

void own_cpu_begin(struct own_cpu *o, const struct torture_thread *t)
{
    *o = (struct own_cpu){.account = t->role->loops && has_room(t) ? cpu_wait_open() : -1};
    if (o->account < 0)
        return;
    o->sleeps = sleeps_so_far();
    o->waited_ns = cpu_wait_total(o->account);
    o->began_ns = clock_monotonic_ns();
}

void own_cpu_end(struct own_cpu *o, struct torture_thread *t)
{
    double took, waited;

    if (o->account < 0)
        return;
    took = (double)(clock_monotonic_ns() - o->began_ns);
    waited = (double)(cpu_wait_total(o->account) - o->waited_ns);
    if (sleeps_so_far() - o->sleeps <= MOST_SLEEPS && waited <= took)
        atomic_store_explicit(&t->shared->cpu_share, (unsigned)(1000 * (1 - waited / took)) + 1,
                              memory_order_relaxed);
    cpu_wait_close(o->account);
}
