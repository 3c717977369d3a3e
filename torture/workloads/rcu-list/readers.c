/* rcu-list: readers, and what they make of what they met. */
#include "rcu_list.h"
#include "torture/runner/violation.h"

/* After the section; from here on the harness may be slow. True when the walk itself went well. */
static bool judge_walk(struct torture_thread *t, const struct lists *l, const struct walk *w,
                       uint64_t entered)
{
    if (__builtin_expect(w->end == WENT_WELL, 1))
        return true;
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)w->wrong_id,
                    (unsigned long)w->wrong_key);
    torture_note(t, NOTE_SAW, (unsigned long)w->id, (unsigned long)w->key);
    if (w->end == FREED_NODE)
        torture_violation(t->instance, t, EARLY_REUSE,
                          "A reader of a %s came from node %lu with key %lu to one that had been "
                          "freed, or was not written yet.",
                          l->shape->name, (unsigned long)w->id, (unsigned long)w->key);
    else
        torture_violation(t->instance, t, LIST_ORDER,
                          "A reader of a %s came from node %lu with key %lu to node %lu with key "
                          "%lu; keys rise.",
                          l->shape->name, (unsigned long)w->id, (unsigned long)w->key,
                          (unsigned long)w->wrong_id, (unsigned long)w->wrong_key);
    return false;
}

static void missing(struct torture_thread *t, const struct lists *l, const struct walk *w,
                    uint64_t entered, uint64_t absent, const char *where)
{
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)w->id, (unsigned long)w->key);
    torture_violation(t->instance, t, LIST_ORDER,
                      "A reader of a %s did not meet key %u, which is always %s; its last node was "
                      "%lu with key %lu.",
                      l->shape->name, (unsigned)__builtin_ctzll(absent), where,
                      (unsigned long)w->id, (unsigned long)w->key);
}

static void judge(struct torture_thread *t, const struct lists *l, const struct walk *side,
                  const struct walk *main, uint64_t entered)
{
    uint64_t absent;

    if (!judge_walk(t, l, side, entered) || !judge_walk(t, l, main, entered))
        return;
    absent = lists_regions[MIDDLE].permanent & ~main->seen;
    if (__builtin_expect(absent != 0, 0)) {
        missing(t, l, main, entered, absent, "in its main list");
        return;
    }
    for (unsigned i = LOW; i <= HIGH; i++) {
        absent = lists_regions[i].permanent & ~side->seen;
        if (__builtin_expect(absent != 0 && absent != lists_regions[i].permanent, 0)) {
            missing(t, l, side, entered, absent, "where others are that it met in the side list");
            return;
        }
    }
    absent = PERMANENT & ~(side->seen | main->seen);
    if (__builtin_expect(absent != 0, 0))
        missing(t, l, main, entered, absent, "in the side list, and later in the main list");
}

static void prepare(struct torture_thread *t, const struct lists_params *p, struct walk *w)
{
    *w = (struct walk){.hold_key = KEYS};
    if (random_one_in(&t->random, (uint64_t)p->hold_one_in)) {
        w->hold_ns = random_below(&t->random, (uint64_t)p->hold_ns + 1);
        w->hold_key = random_below(&t->random, KEYS);
        torture_count(t, HELD, 1);
    }
}

void lists_reader(struct torture_thread *t)
{
    const struct lists_params *p = t->instance->params;
    struct lists_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++) {
            struct lists *l = &state->lists[random_below(&t->random, state->count)];
            bool safe = random_one_in(&t->random, 4);
            void (*walk)(union head *, struct walk *) = safe ? l->shape->walk_safe : l->shape->walk;
            struct walk side, main;
            uint64_t entered;

            prepare(t, p, &side);
            prepare(t, p, &main);
            entered = clock_ticks();
            torture_section(t, true);
            flavor_read_lock();
            walk(&l->side.head, &side);
            walk(&l->main.head, &main);
            flavor_read_unlock();
            torture_section(t, false);
            torture_count(t, SAFE_TRAVERSALS, safe);
            judge(t, l, &side, &main, entered);
        }
        torture_count(t, READS, 16);
        torture_count(t, CHECKS, 16 * 4);
        torture_beat(t);
    }
    flavor_unregister_thread();
}
