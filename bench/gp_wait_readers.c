/* The readers of gp-wait. They go on until the last request is answered. */
#include "gp_wait.h"

#include <sys/prctl.h>
#include <unistd.h>

static bool readers_wanted(const struct torture_thread *t)
{
    const struct state *state = t->instance->state;

    return torture_running(t) || atomic_load_explicit(&state->asking, memory_order_relaxed) > 0;
}

/* Sleeps for ns, until *word is no longer 0, or until readers are no longer wanted. */
static void rest(const struct torture_thread *t, atomic_uint *word, int64_t ns)
{
    int64_t end = clock_monotonic_ns() + ns, left;

    while (readers_wanted(t) && !atomic_load_explicit(word, memory_order_relaxed) &&
           (left = end - clock_monotonic_ns()) > 0)
        shared_wait(word, 0, left < STEP_NS ? left : STEP_NS);
}

/* The log of a role's reader, or NULL. */
static struct stays *log_of(const struct torture_thread *t, int64_t readers_before)
{
    struct state *state = t->instance->state;

    return state->logs ? &state->logs[(size_t)readers_before + t->index] : NULL;
}

static void open_reader(struct stays *log)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    flavor_register_thread();
    if (log)
        stays_open(log);
}

static void close_reader(struct stays *log)
{
    if (log)
        stays_close(log);
    flavor_unregister_thread();
}

/* Where they outnumber the CPUs by far, readers rest once the run is over: each step of the last
 * requests would wait until thousands of them have had their turns. */
void gp_wait_looping_reader(struct torture_thread *t)
{
    enum { BATCH = 64, CROWD = 16 };
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct stays *log = log_of(t, 0);
    bool crowd = p->readers > CROWD * sysconf(_SC_NPROCESSORS_ONLN);

    open_reader(log);
    while (readers_wanted(t)) {
        for (unsigned i = 0; i < BATCH; i++) {
            flavor_read_lock();
            flavor_read_unlock();
        }
        if (log)
            stays_mark(log);
        torture_count(t, READS, BATCH);
        torture_beat(t);
        if (crowd && !torture_running(t))
            rest(t, &state->nothing, STEP_NS);
    }
    close_reader(log);
}

/* The ends of a section that is logged. */
static void enter(struct stays *log)
{
    if (log)
        stays_enter(log);
    flavor_read_lock();
}

static void leave(struct torture_thread *t, struct stays *log)
{
    flavor_read_unlock();
    if (log)
        stays_leave(log);
    torture_count(t, READS, 1);
    torture_beat(t);
}

void gp_wait_blocking_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct stays *log = log_of(t, p->readers);

    open_reader(log);
    while (readers_wanted(t)) {
        enter(log);
        rest(t, &state->nothing, p->blocking_section_ns);
        leave(t, log);
        rest(t, &state->nothing, p->blocking_pause_ns);
    }
    close_reader(log);
}

struct notified {
    flavor_notifier notifier;
    atomic_uint told;
};

static void tell(flavor_notifier *n)
{
    struct notified *reader = (struct notified *)n; /* its first member */

    atomic_store_explicit(&reader->told, 1, memory_order_relaxed);
    shared_wake(&reader->told);
}

/* On its CPU for ns, until *word is no longer 0, or until readers are no longer wanted. */
static void work(const struct torture_thread *t, atomic_uint *word, int64_t ns)
{
    uint64_t start = clock_ticks(), length = clock_ns_to_ticks((uint64_t)ns);

    while (clock_ticks() - start < length && readers_wanted(t) &&
           !atomic_load_explicit(word, memory_order_relaxed))
        ;
}

/* Readers that all stay and pause for the same time would be in step for a whole run: one run would
 * measure that they overlap, and the next that they take turns. */
static int64_t gap_ns(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    int64_t mean = (int64_t)((double)p->long_section_ns * p->long_gap);

    return mean / 2 + (int64_t)random_below(&t->random, (uint64_t)mean + 1);
}

void gp_wait_long_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct stays *log = log_of(t, p->readers + p->blocking_readers);
    struct notified self;
    bool leaves = FLAVOR_CAN_FORCE && p->long_leave;

    atomic_init(&self.told, 0);
    open_reader(log);
    if (leaves)
        flavor_add_notifier(&self.notifier, tell);
    while (readers_wanted(t)) {
        /* What was meant for the section before is no reason to leave this one. */
        atomic_store_explicit(&self.told, 0, memory_order_relaxed);
        enter(log);
        (p->long_stay == LONG_BUSY ? work : rest)(t, &self.told, p->long_section_ns);
        leave(t, log);
        rest(t, &state->nothing, gap_ns(t));
    }
    if (leaves)
        flavor_remove_notifier(&self.notifier);
    close_reader(log);
}

void gp_wait_hog(struct torture_thread *t)
{
    while (readers_wanted(t)) {
        torture_spin(100000);
        torture_beat(t);
    }
}
