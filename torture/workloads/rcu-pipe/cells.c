/* rcu-pipe: cells. An updater publishes objects in its cell, and ages what it retired. */
#include "sight.h"

#include <stdlib.h>
#include <sys/mman.h>

struct updater *pipe_own_cell(struct torture_thread *t)
{
    struct state *state = t->instance->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct torture_thread *none = NULL;

        if (atomic_compare_exchange_strong_explicit(&state->updaters[i].thread, &none, t,
                                                    memory_order_relaxed, memory_order_relaxed))
            return &state->updaters[i];
    }
    abort(); /* there are as many cells as updaters */
}

/* --- Objects come and go --- */

static struct object *new_heap(struct torture_thread *t, const struct params *p)
{
    struct object *o;

    if (random_one_in(&t->random, (uint64_t)p->unmap_one_in)) {
        o = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (o == MAP_FAILED)
            return NULL;
        o->kind = MAPPED;
        return o;
    }
    o = calloc(1, sizeof *o);
    if (o)
        o->kind = HEAP;
    return o;
}

static struct object *new_object(struct updater *u, struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct object *o = NULL;

    if (random_one_in(&t->random, (uint64_t)p->heap_one_in))
        o = new_heap(t, p);
    if (!o) {
        /* Orders: EXCHANGE u->returned -> LOAD u->idle->next, and the stores to the slots.
         * Pairs with: return_slot(), STORE o->next -> CAS u->returned (release).
         * Broken: the pool is a torn list, and a slot is filled beside the callback that scribbles
         * over it. */
        if (!u->idle)
            u->idle = atomic_exchange_explicit(&u->returned, NULL, memory_order_acquire);
        o = u->idle;
        if (!o)
            return NULL;
        u->idle = o->next;
    }
    o->updater = u;
    object_fill(o, u->next_id);
    pipe_open_mailbox(o);
    u->next_id += ((struct state *)t->instance->state)->updater_count;
    return o;
}

void pipe_free_heap(struct object *o)
{
    struct torture_thread *t = owner_of(o->updater);

    object_scribble(o);
    if (o->kind == MAPPED) {
        munmap(o, PAGE);
        torture_count(t, UNMAPPED, 1);
    } else {
        free(o);
        torture_count(t, HEAP_FREED, 1);
    }
}

/* --- Published, retired, older and older --- */

struct object *pipe_replace(struct updater *u, struct torture_thread *t)
{
    struct object *fresh = new_object(u, t), *old = u->current;

    if (!fresh)
        return NULL;
    contend(t->instance->params, t->instance->state, 0);
    flavor_assign_pointer(u->current, fresh);
    atomic_store_explicit(&old->age, 1, memory_order_relaxed);
    torture_note(t, NOTE_PUBLISHED, (unsigned long)fresh->id, (unsigned long)old->id);
    return old;
}

unsigned long pipe_retire(struct updater *u, struct torture_thread *t)
{
    struct object *old = pipe_replace(u, t); /* the pool is longer than the pipe */

    old->next = u->pipe;
    u->pipe = old;
    return (unsigned long)old->id;
}

unsigned pipe_older(struct object *o)
{
    unsigned age = atomic_fetch_add_explicit(&o->age, 1, memory_order_relaxed) + 1;

    if (age == 2)
        pipe_close_mailbox(o);
    return age;
}

void pipe_age(struct updater *u)
{
    struct object **link = &u->pipe;

    while (*link) {
        struct object *o = *link;
        unsigned age = pipe_older(o);

        if (o->kind != SLOT) {
            *link = o->next;
            pipe_free_heap(o);
        } else if (age >= PIPE_LENGTH) {
            *link = o->next;
            object_scribble(o);
            o->next = u->idle;
            u->idle = o;
        } else {
            link = &o->next;
        }
    }
}

void pipe_gp_ended(struct torture_thread *t, uint64_t begun)
{
    struct state *state = t->instance->state;

    atomic_store_explicit(&state->gp_begun, begun, memory_order_relaxed);
}

void pipe_progress(struct torture_thread *t)
{
    struct state *state = t->instance->state;

    torture_beat(t);
    atomic_fetch_add_explicit(&state->progress, 1, memory_order_relaxed);
}
