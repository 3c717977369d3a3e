/* An object that readers look at until it is retired; a reader that finds it dead has not been
 * waited for. */
#ifndef STILLPOINT_TESTS_LIFE_H
#define STILLPOINT_TESTS_LIFE_H

#include <stillpoint/rcu.h>

#include <stdatomic.h>
#include <stdbool.h>

#define OBJECTS 64

static struct {
    struct object {
        _Alignas(64) volatile int alive; /* plain: ThreadSanitizer checks the order as well */
    } objects[OBJECTS], *current;
    atomic_bool stop;
    atomic_uint dead_seen;
} life;

static inline bool life_goes_on(void)
{
    return !atomic_load_explicit(&life.stop, memory_order_relaxed);
}

static inline void life_begin(void)
{
    life.objects[0].alive = 1;
    life.current = &life.objects[0];
}

/* In a section: what is current stays alive for so many looks more. */
static inline void life_look(unsigned looks)
{
    const struct object *o = rcu_dereference(life.current);
    unsigned dead = 0;

    for (; looks > 0; looks--)
        dead += !o->alive;
    dead += !o->alive;
    if (dead != 0)
        atomic_fetch_add_explicit(&life.dead_seen, 1, memory_order_relaxed);
}

/* Publishes another; returns what it replaced. */
static inline struct object *life_publish(unsigned i)
{
    struct object *old = life.current, *new = &life.objects[i % OBJECTS];

    new->alive = 1;
    rcu_assign_pointer(life.current, new);
    return old;
}

static inline void life_replace(unsigned i, void (*synchronize)(void))
{
    struct object *old = life_publish(i);

    synchronize();
    old->alive = 0;
}

#endif
