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
};

static inline void see(struct sight *s, struct updater *u)
{
    struct object *o = flavor_dereference(u->current);

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

/* Reports what is wrong with a sight. */
void pipe_accuse(struct torture_thread *t, const struct sight *s);

/* After the section; from here on the harness may be slow. */
static inline void judge(struct torture_thread *t, const struct sight *s)
{
    unsigned age = s->age < PIPE_LENGTH ? s->age : PIPE_LENGTH;

    torture_count(t, AGE_0 + age, 1);
    torture_count(t, CHECKS, 3);
    if (__builtin_expect(s->check != id_check(s->id) || s->id_again != s->id || age > 1, 0))
        pipe_accuse(t, s);
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

/* Inside a section, now and then. */
static inline void delay(struct torture_thread *t, const struct params *p)
{
    uint64_t ns = next_delay_ns(p, &t->random);

    if (ns > 0) {
        torture_spin(ns);
        torture_count(t, DELAYED, 1);
    }
}

#endif
