#include "statistics.h"

#include "torture/record/called.h"
#include "torture/record/flavor_table.h"
#include "torture/record/promise.h"
#include "violation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct run *run;
    pid_t process;
    bool all_called; /* no benchmark is in the run: these count no calls */
    struct promises always, at_end, after_barrier, after_wait;
    struct promise_moment last; /* the main thread's */
} watch;

static bool read_table(struct diagnostics *d)
{
    const struct statistic *all = flavor.statistics;
    size_t count = flavor.statistic_count;

    for (size_t i = 0; i < count; i++)
        if (!promises_add(&watch.always, all[i].always, all, count, d) ||
            !promises_add(&watch.at_end, all[i].at_end, all, count, d) ||
            !promises_add(&watch.after_barrier, all[i].after_barrier, all, count, d) ||
            !promises_add(&watch.after_wait, all[i].after_wait, all, count, d))
            return false;
    return true;
}

bool statistics_open(struct run *run)
{
    watch.run = run;
    watch.process = getpid();
    watch.all_called = true;
    for (size_t i = 0; i < run->instance_count; i++)
        watch.all_called = watch.all_called && !run->instances[i].workload->bench;
    return read_table(run->diagnostics);
}

void statistics_close(void)
{
    promises_free(&watch.always);
    promises_free(&watch.at_end);
    promises_free(&watch.after_barrier);
    promises_free(&watch.after_wait);
}

/* --- Judging --- */

/* In a forked child, of which the driver sees nothing, the process that forked it tells of its
 * end. */
static void report(struct torture_thread *t, const char *when, const char *what)
{
    struct instance *in = t ? t->instance : &watch.run->instances[0];

    if (getpid() != watch.process) {
        fprintf(stderr, "statistics of a forked child contradict what is promised, %s: %s\n", when,
                what);
        abort();
    }
    torture_violation_of_run(in, t, &watch.run->shared->statistics,
                             "Statistics contradict what is promised of them, %s: %s.", when, what);
}

static void judge(const struct promises *promises, const struct promise_moment *earlier,
                  const struct promise_moment *later, uint64_t excess, struct torture_thread *t,
                  const char *when)
{
    for (size_t i = 0; i < promises->count; i++) {
        const struct promise *p = &promises->list[i];
        char *what;

        if ((p->of_calls && !watch.all_called) || promise_is_kept(p, earlier, later, excess))
            continue;
        what = promise_told(p, earlier, later, flavor.statistics, flavor.statistic_count);
        report(t, when, what);
        free(what);
    }
}

static void judge_growth(const struct promise_moment *earlier, const struct promise_moment *later,
                         struct torture_thread *t)
{
    char what[128];

    for (size_t i = 0; i < flavor.statistic_count; i++) {
        if (later->values[i] >= earlier->values[i])
            continue;
        snprintf(what, sizeof what, "%s went back from %" PRIu64 " to %" PRIu64,
                 flavor.statistics[i].name, earlier->values[i], later->values[i]);
        report(t, "as the run goes on", what);
    }
}

/* --- In the main thread --- */

void statistics_look(const uint64_t *sample)
{
    struct promise_moment now;

    memcpy(now.values, sample, flavor.statistic_count * sizeof *sample);
    called_add_up(now.values + flavor.statistic_count);
    judge_growth(&watch.last, &now, NULL);
    judge(&watch.always, &watch.last, &now, 1, NULL, "as the run goes on");
    watch.last = now;
}

static bool something_was_found(void)
{
    for (size_t i = 0; i < watch.run->instance_count; i++) {
        const struct instance *in = &watch.run->instances[i];

        for (size_t j = 0; j < in->workload->check_count; j++)
            if (atomic_load_explicit(&in->checks[j].count, memory_order_relaxed) > 0)
                return true;
    }
    return false;
}

static void take_moment(struct promise_moment *moment)
{
    flavor.sample(moment->values);
    called_add_up(moment->values + flavor.statistic_count);
}

void statistics_look_at_end(void)
{
    struct promise_moment earlier, later;

    /* What is broken may not settle. */
    if (!flavor.sample || something_was_found())
        return;
    flavor.settle();
    take_moment(&earlier);
    take_moment(&later);
    judge(&watch.always, &earlier, &later, 0, NULL, "at the end");
    judge(&watch.at_end, &earlier, &later, 0, NULL, "at the end");
}

/* --- In threads that wait --- */

void called_between(void (*wait)(void), enum called_what call)
{
    const struct promises *promises =
        call == CALLED_BARRIER ? &watch.after_barrier : &watch.after_wait;
    const char *when = call == CALLED_BARRIER ? "from before a barrier to after it"
                                              : "from before a wait for a grace period to after it";
    struct promise_moment earlier, later;
    int thread = called_own->thread;

    if (!flavor.sample || promises->count == 0) {
        wait();
        return;
    }
    flavor.sample(earlier.values);
    wait();
    flavor.sample(later.values);
    judge(promises, &earlier, &later, 0, thread >= 0 ? &watch.run->threads[thread] : NULL, when);
}
