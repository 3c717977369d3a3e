/* The read side of rcu-pipe: what its readers do inside their sections. All of it is inlined, and
 * adds no fence, no shared write and no system call.
 */
#ifndef STILLPOINT_RCU_PIPE_SIGHT_H
#define STILLPOINT_RCU_PIPE_SIGHT_H

#include "rcu_pipe.h"

/* What a reader found in one section. */
struct sight {
    struct object *object;
    uint64_t entered, id, check;
    unsigned first_age, age;
    uint64_t id_again;
    uint64_t stays_from; /* ticks, inside; of a section that lasts a while, else 0 */
    uint64_t gp_begun;   /* of the last grace period that had ended by then, likewise */
};

/* The clocks of two CPUs differ, and a CPU may read its own before the loads that come first; but
 * not by so much. */
#define SURELY_LATER_NS 10000

static inline void see(struct sight *s, struct updater *u)
{
    struct object *o = flavor_dereference(u->current);

    s->stays_from = 0;
    s->object = o;
    s->id = atomic_load_explicit(&o->id, memory_order_relaxed);
    s->check = atomic_load_explicit(&o->check, memory_order_relaxed);
    s->first_age = atomic_load_explicit(&o->age, memory_order_relaxed);
}

static inline void see_again(struct sight *s)
{
    s->id_again = atomic_load_explicit(&s->object->id, memory_order_relaxed);
    s->age = atomic_load_explicit(&s->object->age, memory_order_relaxed);
}

/* A reader that has loaded its object is going to stay inside for a while, and has stayed. */
static inline void begin_stay(struct sight *s)
{
    if (!s->stays_from)
        s->stays_from = clock_ticks();
}

static inline void end_stay(struct sight *s, const struct torture_thread *t)
{
    const struct state *state = t->instance->state;

    s->gp_begun = atomic_load_explicit(&state->gp_begun, memory_order_relaxed);
}

/* A whole grace period passed while it stayed, of whichever updater. That it has ended is certain;
 * that it did not begin before the reader was inside only the clock says: a near miss. */
static inline bool spans_gp(const struct sight *s)
{
    return s->stays_from && s->gp_begun > s->stays_from + clock_ns_to_ticks(SURELY_LATER_NS);
}

/* The check by which a sight that is wrong is wrong. */
unsigned pipe_check_of(const struct sight *s);
/* Reports it. */
void pipe_accuse(struct torture_thread *t, const struct sight *s);

static inline bool is_wrong(const struct sight *s)
{
    return s->check != id_check(s->id) || s->id_again != s->id || s->age > 1;
}

/* After the section; from here on the harness may be slow. */
static inline void judge(struct torture_thread *t, const struct sight *s)
{
    unsigned age = s->age < PIPE_LENGTH ? s->age : PIPE_LENGTH;

    torture_count(t, AGE_0 + age, 1);
    torture_count(t, CHECKS, 3);
    if (__builtin_expect(is_wrong(s), 0))
        pipe_accuse(t, s);
    else if (__builtin_expect(spans_gp(s), 0))
        torture_count(t, ACROSS_GPS, 1);
}

static inline struct updater *any_updater(const struct state *state, struct random *random)
{
    return &state->updaters[state->updater_count == 1 ? 0
                                                      : random_below(random, state->updater_count)];
}

/* Plain stores to lines that readers and updaters fight for. Readers make them just before a
 * section: they keep the store buffer busy, so that the entry of the section, and what came before,
 * is seen late. A reader whose entry nobody sees yet is what a missing fence forgets. Nothing of
 * this happens inside a section or while a grace period is waited for. */
static inline void contend(const struct params *p, const struct state *state, unsigned value)
{
    for (int64_t i = 0; i < p->entry_stores; i++)
        atomic_store_explicit(&state->contended[i].value, value, memory_order_relaxed);
}

/* How long the next delay inside a section is; 0: none. */
static inline uint64_t next_delay_ns(const struct params *p, struct random *random)
{
    if (random_one_in(random, (uint64_t)p->long_delay_one_in))
        return random_below(random, (uint64_t)p->long_delay_ns + 1);
    if (random_one_in(random, (uint64_t)p->short_delay_one_in))
        return random_below(random, (uint64_t)p->short_delay_ns + 1);
    return 0;
}

/* Inside a section, now and then; `s`: what was found in it, or NULL. */
static inline void delay(struct torture_thread *t, const struct params *p, struct sight *s)
{
    uint64_t ns = next_delay_ns(p, &t->random);

    if (ns == 0)
        return;
    if (s && ns > SURELY_LATER_NS)
        begin_stay(s);
    torture_spin(ns);
    if (s && ns > SURELY_LATER_NS)
        end_stay(s, t);
    torture_count(t, DELAYED, 1);
}

#endif
