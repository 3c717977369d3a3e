/* rcu-pipe: readers and updaters that a signal interrupts anywhere, and that read in its handler.
 *
 * A section in a handler may fall between any two instructions of the library: into the entry or
 * the end of another section, into the search of a leader, into a sleep, which it ends. It is over
 * when the handler returns, but for one kind: while the thread is inside by itself, and between two
 * steps, the handler may leave its section open. The thread then leaves its own, which began first,
 * and later the handler's, so that the two overlap as a list walk does that takes the next element
 * before it lets go of the last.
 *
 * A handler must not report: what it finds wrong it leaves for the thread.
 */
#include "visits.h"

#include "torture/runner/violation.h"

static void visit(struct torture_thread *t, void *data)
{
    const struct params *p = t->instance->params;
    struct visits *v = data;
    bool inside = atomic_load_explicit(&t->shared->in_section, memory_order_relaxed);
    unsigned more =
        FLAVOR_CAN_NEST ? (unsigned)random_below(&v->random, (uint64_t)p->nest_max + 1) : 0;
    struct sight sight = {.entered = clock_ticks()};
    /* Long enough for a grace period to begin meanwhile. */
    uint64_t ns = random_one_in(&v->random, 2)
                      ? random_below(&v->random, (uint64_t)p->signals_ns / 4 + 1)
                      : 0;

    torture_section(t, true);
    flavor_read_lock();
    see(&sight, any_updater(t->instance->state, &v->random));
    histogram_bump(&v->count, 1);
    if (atomic_load_explicit(&v->may_stay_open, memory_order_relaxed) &&
        !atomic_load_explicit(&v->is_open, memory_order_relaxed)) {
        v->open = sight;
        atomic_store_explicit(&v->is_open, true, memory_order_relaxed);
        return;
    }
    for (unsigned i = 0; i < more; i++)
        flavor_read_lock();
    if (ns > 0)
        torture_spin(ns);
    for (unsigned i = 0; i < more; i++)
        flavor_read_unlock();
    see_again(&sight);
    flavor_read_unlock();
    torture_section(t, inside);
    if (is_wrong(&sight) && !atomic_load_explicit(&v->found, memory_order_relaxed)) {
        v->wrong = sight;
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&v->found, true, memory_order_relaxed);
    }
}

void pipe_visits_begin(struct torture_thread *t, struct visits *v)
{
    const struct params *p = t->instance->params;

    *v = (struct visits){.interrupts = {.visit = visit, .data = v}};
    random_start(&v->random, random_next(&t->random), 0);
    interrupts_begin(&v->interrupts, t, p->signals_ns);
}

void pipe_visits_end(struct torture_thread *t, struct visits *v)
{
    interrupts_end(&v->interrupts);
    pipe_visits_settle(t, v);
}

void pipe_visits_settle(struct torture_thread *t, struct visits *v)
{
    uint64_t count = atomic_exchange_explicit(&v->count, 0, memory_order_relaxed);

    torture_count(t, SIGNAL_READS, count);
    torture_count(t, CHECKS, 3 * count);
    if (!atomic_load_explicit(&v->found, memory_order_relaxed))
        return;
    pipe_accuse(t, &v->wrong);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&v->found, false, memory_order_relaxed);
}

/* Leaves the section that the handler began; it lasts longer than the thread's own by a delay. */
static void leave_open_one(struct torture_thread *t, const struct params *p, struct visits *v)
{
    delay(t, p, &v->open);
    see_again(&v->open);
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, OVERLAPPED, 1);
    judge(t, &v->open);
    atomic_store_explicit(&v->is_open, false, memory_order_relaxed);
}

static void read_visited(struct torture_thread *t, const struct params *p,
                         const struct state *state, struct visits *v)
{
    struct sight sight = {.entered = clock_ticks()};

    torture_section(t, true);
    flavor_read_lock();
    see(&sight, any_updater(state, &t->random));
    atomic_store_explicit(&v->may_stay_open, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    delay(t, p, &sight);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&v->may_stay_open, false, memory_order_relaxed);
    see_again(&sight);
    flavor_read_unlock();
    if (atomic_load_explicit(&v->is_open, memory_order_relaxed))
        leave_open_one(t, p, v);
    torture_section(t, false);
    torture_count(t, READS, 1);
    judge(t, &sight);
}

void pipe_visited_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;
    struct visits v;

    flavor_register_thread();
    pipe_visits_begin(t, &v);
    while (torture_running(t)) {
        for (unsigned i = 0; i < 64; i++)
            read_visited(t, p, state, &v);
        pipe_visits_settle(t, &v);
        torture_beat(t);
    }
    pipe_visits_end(t, &v);
    pipe_check_outside(t);
    flavor_unregister_thread();
}
