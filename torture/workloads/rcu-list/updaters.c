/* rcu-list: updaters, which change their lists in every way there is, and wait for grace
 * periods. */
#include "rcu_list.h"
#include "torture/runner/violation.h"

/* In any of the ways that there are for its place. */
static void insert(const struct shape *s, struct keyed *k, struct random *random, struct node *n)
{
    int key = (int)key_of(n), low = key - 1, high = key + 1;
    bool heads = random_one_in(random, 2);

    while (low >= 0 && !k->nodes[low])
        low--;
    while (high < KEYS && !k->nodes[high])
        high++;
    if (high < KEYS && s->insert_before && heads)
        s->insert_before(k->nodes[high], n);
    else if (high == KEYS && s->insert_tail && heads)
        s->insert_tail(&k->head, n);
    else if (low >= 0)
        s->insert_after(&k->head, k->nodes[low], n);
    else
        s->insert_head(&k->head, n);
    k->nodes[key] = n;
}

static void remove_node(struct lists *l, struct torture_thread *t, struct keyed *k, unsigned key)
{
    struct node *n = k->nodes[key];
    bool is_first = true;

    for (unsigned i = 0; i < key; i++)
        is_first &= !k->nodes[i];
    if (is_first && l->shape->remove_head && random_one_in(&t->random, 2))
        l->shape->remove_head(&k->head);
    else
        l->shape->remove(&k->head, n);
    k->nodes[key] = NULL;
    lists_removed(l, t, n);
}

static void replace_node(struct lists *l, struct torture_thread *t, struct keyed *k, unsigned key)
{
    struct node *old = k->nodes[key], *n = lists_new_node(l, key);

    l->shape->replace(&k->head, old, n);
    k->nodes[key] = n;
    torture_note(t, NOTE_REPLACED, id_of(old), id_of(n));
    torture_count(t, REPLACES, 1);
    lists_retire(l, old);
}

/* One change of either list, at a random key. */
static void change(struct lists *l, struct torture_thread *t)
{
    unsigned key = (unsigned)random_below(&t->random, KEYS);
    bool in_side = l->side_region != NOTHING && key >= lists_regions[l->side_region].from &&
                   key < lists_regions[l->side_region].to;
    struct keyed *k = in_side ? &l->side : &l->main;

    if (!k->nodes[key]) {
        struct node *n = lists_new_node(l, key);

        insert(l->shape, k, &t->random, n);
        torture_note(t, NOTE_INSERTED, id_of(n), key);
        torture_count(t, INSERTS, 1);
    } else if (is_permanent(key) || random_one_in(&t->random, 2)) {
        replace_node(l, t, k, key);
    } else {
        remove_node(l, t, k, key);
    }
}

/* The nodes of `from` to the front or the end of `to`, in one of the ways that are right. */
static void join(struct lists *l, struct torture_thread *t, struct keyed *to, struct keyed *from,
                 bool in_front)
{
    (in_front ? l->shape->splice : l->shape->concat)(&to->head, &from->head);
    torture_count(t, in_front ? SPLICES : CONCATS, 1);
    for (unsigned key = 0; key < KEYS; key++) {
        if (from->nodes[key])
            to->nodes[key] = from->nodes[key];
        from->nodes[key] = NULL;
    }
}

/* A region appears in `side`, at once, and leaves `main` when every reader has had a chance to see
 * it there: one that found `side` empty must still find it in `main`. */
static void move_out(struct lists *l, struct torture_thread *t)
{
    int region = random_one_in(&t->random, 2) ? LOW : HIGH;
    const struct region *r = &lists_regions[region];
    struct keyed copy = {.nodes = {NULL}};
    unsigned long count = 0;

    l->shape->init(&copy.head);
    for (unsigned key = r->from; key < r->to; key++) {
        if (!is_permanent(key) && random_one_in(&t->random, 2))
            continue;
        insert(l->shape, &copy, &t->random, lists_new_node(l, key));
        count++;
    }
    torture_count(t, INSERTS, count);
    join(l, t, &l->side, &copy, random_one_in(&t->random, 2));
    l->side_region = region;
    torture_note(t, NOTE_MOVED, count, r->from);
    lists_reclaim(l, t);
    l->shape->take_region(l, r, t);
}

static void move_back(struct lists *l, struct torture_thread *t)
{
    unsigned long count = 0;

    for (unsigned key = 0; key < KEYS; key++)
        count += l->side.nodes[key] != NULL;
    join(l, t, &l->main, &l->side, l->side_region == LOW);
    torture_note(t, NOTE_SPLICED, count, lists_regions[l->side_region].from);
    l->side_region = NOTHING;
}

static void updater(struct torture_thread *t, size_t shape)
{
    const struct lists_params *p = t->instance->params;
    struct lists_state *state = t->instance->state;
    struct lists *l = state->lists;

    while (l->shape != &lists_shapes[shape])
        l++;
    l += t->index;
    l->thread = t;
    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t batch = 1 + random_below(&t->random, (uint64_t)p->batch_max);

        for (uint64_t i = 0; i < batch; i++)
            change(l, t);
        if (random_one_in(&t->random, (uint64_t)p->move_one_in))
            (l->side_region == NOTHING ? move_out : move_back)(l, t);
        lists_reclaim(l, t);
    }
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

void lists_list_updater(struct torture_thread *t)
{
    updater(t, IS_LIST);
}

void lists_slist_updater(struct torture_thread *t)
{
    updater(t, IS_SLIST);
}

void lists_simpleq_updater(struct torture_thread *t)
{
    updater(t, IS_SIMPLEQ);
}

void lists_tailq_updater(struct torture_thread *t)
{
    updater(t, IS_TAILQ);
}
