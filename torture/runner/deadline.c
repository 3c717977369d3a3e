#include "deadline.h"

#include "torture/record/clock.h"
#include "torture/record/cpu_wait.h"
#include "torture/record/cpus.h"

/* CPU time of all threads. */
static int64_t consumed_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void deadline_start(struct deadline *t, struct shared_header *shared, int64_t duration_ns)
{
    int64_t now = clock_monotonic_ns();

    *t = (struct deadline){
        .shared = shared,
        .cpus = cpus_allowed(),
        .account = cpu_wait_open(),
    };
    if (duration_ns > 0)
        t->end_ns = now + duration_ns;
    atomic_store_explicit(&shared->beat_ns, now, memory_order_relaxed);
    atomic_store_explicit(&shared->gate_ns, now, memory_order_relaxed);
}

/* A thread that wakes up late may have waited for a CPU that others had: the machine is slow. Where
 * it did not, and no other thread of the process ran for nine tenths of the delay either, the
 * process was stopped, frozen, or its machine stood still. */
static void note_stillness(struct deadline *t, int64_t late_ns, int64_t tick_ns, int64_t ran_ns)
{
    int64_t total;

    if (late_ns < SHARED_STILL_NS || ran_ns > t->cpus * (tick_ns + late_ns / 10))
        return;
    total = atomic_load_explicit(&t->shared->still_ns, memory_order_relaxed);
    atomic_store_explicit(&t->shared->still_ns, total + late_ns, memory_order_relaxed);
}

bool deadline_wait(struct deadline *t, int64_t tick_ns)
{
    int64_t before = clock_monotonic_ns(), ran = consumed_ns(), waited = cpu_wait_total(t->account),
            now;

    if (t->end_ns > before && t->end_ns - before < tick_ns)
        tick_ns = t->end_ns - before;
    if (tick_ns > 0)
        shared_wait(&t->shared->stop, 0, tick_ns);
    now = clock_monotonic_ns();
    if (now - before - tick_ns >= SHARED_STILL_NS)
        note_stillness(t, now - before - tick_ns - (cpu_wait_total(t->account) - waited), tick_ns,
                       consumed_ns() - ran);
    atomic_store_explicit(&t->shared->beat_ns, now, memory_order_relaxed);
    if (t->end_ns && now >= t->end_ns &&
        now >= atomic_load_explicit(&t->shared->held_until_ns, memory_order_relaxed))
        return false;
    return atomic_load_explicit(&t->shared->stop, memory_order_relaxed) == 0;
}

void deadline_end(struct deadline *t)
{
    atomic_store_explicit(&t->shared->stop, 1, memory_order_relaxed);
    atomic_store_explicit(&t->shared->end_ns, clock_monotonic_ns(), memory_order_relaxed);
    cpu_wait_close(t->account);
}
