/* rcu-pipe: readers with ordinary sections. */
#include "torture/runner/violation.h"
#include "torture/workloads/long_reader.h"
#include "visits.h"

/* A silent thread is a stall, so nobody sleeps for longer at once. */
#define LONGEST_SLEEP_NS (100 * 1000 * 1000)

/* Ids count up from 0, and 2^48 take years; ages end at PIPE_LENGTH. Anything else no updater has
 * written, early or late: the memory was freed, and is the heap's again, or somebody else's. */
static bool was_an_object(const struct sight *s)
{
    return s->id >> 48 == 0 && s->first_age <= PIPE_LENGTH && s->age <= PIPE_LENGTH;
}

static bool is_published(const struct sight *s)
{
    return (uintptr_t)s->object % _Alignof(struct object) == 0;
}

unsigned pipe_check_of(const struct sight *s)
{
    if (!is_published(s))
        return PUBLISH_ORDER;
    if (s->id == POISON || s->id_again != s->id || !was_an_object(s))
        return EARLY_REUSE;
    return s->check != id_check(s->id) ? PUBLISH_ORDER : PIPE_AGE;
}

void pipe_accuse(struct torture_thread *t, const struct sight *s)
{
    unsigned check = pipe_check_of(s);

    torture_note_at(t, s->entered, NOTE_ENTERED, s->id, s->first_age);
    torture_note(t, NOTE_AGE, s->id, s->age);
    if (check == EARLY_REUSE && s->id != POISON && !was_an_object(s))
        torture_violation(t->instance, t, check,
                          "A reader held an object that was freed before the section ended: its "
                          "memory is no object's any more.");
    else if (check == EARLY_REUSE)
        torture_violation(
            t->instance, t, check,
            "A reader held object %lu, and its memory was %s before the section ended.",
            (unsigned long)s->id,
            s->id_again == POISON || s->id == POISON ? "freed" : "used again");
    else if (!is_published(s))
        torture_violation(t->instance, t, check,
                          "A reader loaded a pointer that no updater had published: it leads into "
                          "the middle of an object.");
    else if (check == PUBLISH_ORDER)
        torture_violation(t->instance, t, check,
                          "A reader reached object %lu before what was written to it: its check "
                          "value is stale.",
                          (unsigned long)s->id);
    else
        torture_violation(t->instance, t, check,
                          "A reader saw object %lu at age %u: a grace period that began after the "
                          "reader had entered ended before it left.",
                          (unsigned long)s->id, s->age);
}

void pipe_check_outside(struct torture_thread *t)
{
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
}

/* One section of a reader that comes and goes. */
static inline __attribute__((always_inline)) void
read_once(struct torture_thread *t, const struct params *p, const struct state *state)
{
    unsigned nested = FLAVOR_CAN_NEST && p->nest_max > 0 && random_one_in(&t->random, 8)
                          ? 1 + (unsigned)random_below(&t->random, (uint64_t)p->nest_max)
                          : 0;
    struct updater *u = any_updater(state, &t->random);
    struct sight sight;

    if (p->gap_ns > 0)
        torture_spin(random_below(&t->random, (uint64_t)p->gap_ns + 1));
    sight.entered = clock_ticks();
    contend(p, state, (unsigned)sight.entered);
    torture_section(t, true);
    flavor_read_lock();
    see(&sight, u);
    for (unsigned i = 0; i < nested; i++)
        flavor_read_lock();
    for (unsigned i = nested; i > nested / 2; i--)
        flavor_read_unlock();
    delay(t, p, &sight); /* some levels deep, and from below */
    for (unsigned i = 0; i < nested / 2; i++)
        flavor_read_unlock();
    see_again(&sight);
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, READS, 1);
    if (nested)
        torture_count(t, NESTED, 1);
    judge(t, &sight);
}

void pipe_read_once(struct torture_thread *t)
{
    read_once(t, t->instance->params, t->instance->state);
}

void pipe_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;

    if (p->signals_ns > 0) {
        pipe_visited_reader(t);
        return;
    }
    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 64; i++)
            read_once(t, p, state);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

void pipe_wait_for_progress(struct torture_thread *t)
{
    struct state *state = t->instance->state;
    unsigned long before = atomic_load_explicit(&state->progress, memory_order_relaxed);

    while (torture_running(t) &&
           atomic_load_explicit(&state->progress, memory_order_relaxed) == before) {
        torture_sleep(t, 200 * 1000);
        torture_beat(t);
    }
}

void pipe_idle(struct torture_thread *t, uint64_t ns)
{
    while (ns > 0 && torture_running(t)) {
        uint64_t piece = ns < LONGEST_SLEEP_NS ? ns : LONGEST_SLEEP_NS;

        torture_sleep(t, piece);
        torture_beat(t);
        ns -= piece;
    }
}

/* Where all threads share a CPU, nobody waits for a reader that keeps it: one delay in four is a
 * sleep. */
static void quiet_delay(struct torture_thread *t, uint64_t ns)
{
    if (random_one_in(&t->random, 4))
        torture_sleep(t, ns);
    else
        torture_spin(ns);
}

/* Enters once, leaves, and then stays out until the updaters have got somewhere: a wake-up that its
 * unlock owes and forgets is healed by nobody. */
void pipe_quiet_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        struct sight sight = {.entered = clock_ticks()};

        torture_section(t, true);
        flavor_read_lock();
        see(&sight, any_updater(state, &t->random));
        begin_stay(&sight);
        quiet_delay(t, random_below(&t->random, (uint64_t)p->long_delay_ns + 1));
        end_stay(&sight, t);
        see_again(&sight);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, QUIET_READS, 1);
        torture_count(t, READS, 1);
        judge(t, &sight);
        torture_note_at(t, sight.entered, NOTE_ENTERED, sight.id, sight.first_age);
        torture_note(t, NOTE_LEFT, sight.id, sight.age);
        pipe_wait_for_progress(t);
        torture_sleep(t, random_below(&t->random, 500 * 1000));
        torture_beat(t);
    }
    flavor_unregister_thread();
}

void pipe_long_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;
    struct long_reader stay;

    flavor_register_thread();
    long_reader_open(&stay);
    while (torture_running(t)) {
        struct sight sight = {.entered = clock_ticks()};
        bool kicked;

        torture_section(t, true);
        flavor_read_lock();
        see(&sight, any_updater(state, &t->random));
        begin_stay(&sight);
        kicked =
            long_reader_stay(&stay, t, random_below(&t->random, (uint64_t)p->long_section_ns + 1));
        end_stay(&sight, t);
        see_again(&sight);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, LONG_KICKED, kicked);
        torture_count(t, READS, 1);
        torture_note_at(t, sight.entered, NOTE_ENTERED, sight.id, sight.first_age);
        torture_note(t, NOTE_LEFT, sight.id, sight.age);
        judge(t, &sight);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->long_pause_ns + 1));
        torture_beat(t);
    }
    long_reader_close(&stay);
    flavor_unregister_thread();
}

/* One of very many that are registered and hardly ever read: it must cost grace periods nothing
 * while it sleeps, and be waited for when it reads. */
void pipe_sleeper(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        pipe_idle(t, random_below(&t->random, (uint64_t)p->sleeper_pause_ns + 1));
        pipe_read_once(t);
        torture_count(t, SLEEPER_READS, 1);
        torture_beat(t);
    }
    flavor_unregister_thread();
}
