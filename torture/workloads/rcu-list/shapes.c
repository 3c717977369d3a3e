/* rcu-list: the shapes, as rows of a table. The walks are the read side: inlined into them, it adds
 * no fence, no shared write and no system call.
 */
#include "rcu_list.h"

/* False: the reader goes no further. */
static inline bool meet(struct walk *w, const struct node *n)
{
    uint64_t id = atomic_load_explicit(&n->id, memory_order_relaxed);
    uint64_t key = atomic_load_explicit(&n->key, memory_order_relaxed);
    uint64_t check = atomic_load_explicit(&n->check, memory_order_relaxed);

    if (__builtin_expect(check != node_check(id, key) || key >= KEYS || key < w->least, 0)) {
        w->end = check != node_check(id, key) || key >= KEYS ? FREED_NODE : NOT_RISING;
        w->wrong_id = id;
        w->wrong_key = key;
        return false;
    }
    w->id = id;
    w->key = key;
    w->least = key + 1;
    w->seen |= UINT64_C(1) << key;
    if (__builtin_expect(key >= w->hold_key, 0)) {
        w->hold_key = KEYS;
        torture_spin(w->hold_ns);
    }
    return true;
}

/* What is spelt alike in all four. `back`, `tail`: what its updater has as the link that leads to
 * n, and as the one that ends the list. */
#define SHAPE(SHAPE, name, first, next, back, tail)                         \
    static void name##_init(union head *h)                                  \
    {                                                                       \
        SHAPE##_INIT(&h->name);                                             \
    }                                                                       \
    static void name##_insert_head(union head *h, struct node *n)           \
    {                                                                       \
        SHAPE##_INSERT_HEAD_RCU(&h->name, n, in.name);                      \
    }                                                                       \
    static void name##_splice(union head *h, union head *source)            \
    {                                                                       \
        SHAPE##_SPLICE_RCU(&h->name, &source->name, in.name);               \
    }                                                                       \
    static void name##_concat(union head *h, union head *source)            \
    {                                                                       \
        SHAPE##_CONCAT_RCU(&h->name, &source->name, in.name);               \
    }                                                                       \
    static void name##_walk(union head *h, struct walk *w)                  \
    {                                                                       \
        struct node *n;                                                     \
                                                                            \
        SHAPE##_FOREACH_RCU(n, &h->name, in.name)                           \
        {                                                                   \
            if (!meet(w, n))                                                \
                break;                                                      \
        }                                                                   \
    }                                                                       \
    static void name##_walk_safe(union head *h, struct walk *w)             \
    {                                                                       \
        struct node *n, *following;                                         \
                                                                            \
        SHAPE##_FOREACH_SAFE_RCU(n, &h->name, in.name, following)           \
        {                                                                   \
            if (!meet(w, n))                                                \
                break;                                                      \
        }                                                                   \
    }                                                                       \
    static void name##_take_region(struct lists *l, const struct region *r, \
                                   struct torture_thread *t)                \
    {                                                                       \
        struct node *n, *following;                                         \
                                                                            \
        SHAPE##_FOREACH_SAFE_RCU(n, &l->main.head.name, in.name, following) \
        {                                                                   \
            if (key_of(n) < r->from || key_of(n) >= r->to)                  \
                continue;                                                   \
            name##_remove(&l->main.head, n);                                \
            l->main.nodes[key_of(n)] = NULL;                                \
            lists_removed(l, t, n);                                         \
        }                                                                   \
    }                                                                       \
    static bool name##_intact(union head *h, struct node *const *nodes)     \
    {                                                                       \
        struct node *n, **link = &h->name.first;                            \
        unsigned key = 0;                                                   \
                                                                            \
        SHAPE##_FOREACH_RCU(n, &h->name, in.name)                           \
        {                                                                   \
            while (key < KEYS && !nodes[key])                               \
                key++;                                                      \
            if (key == KEYS || nodes[key++] != n || (back) != link)         \
                return false;                                               \
            link = &n->in.name.next;                                        \
        }                                                                   \
        while (key < KEYS && !nodes[key])                                   \
            key++;                                                          \
        return key == KEYS && (tail) == link;                               \
    }

static void list_insert_after(union head *h, struct node *after, struct node *n)
{
    (void)h;
    LIST_INSERT_AFTER_RCU(after, n, in.list);
}

static void list_insert_before(struct node *before, struct node *n)
{
    LIST_INSERT_BEFORE_RCU(before, n, in.list);
}

static void list_remove(union head *h, struct node *n)
{
    (void)h;
    LIST_REMOVE_RCU(n, in.list);
}

static void list_replace(union head *h, struct node *old, struct node *n)
{
    (void)h;
    LIST_REPLACE_RCU(old, n, in.list);
}

static void slist_insert_after(union head *h, struct node *after, struct node *n)
{
    (void)h;
    SLIST_INSERT_AFTER_RCU(after, n, in.slist);
}

static void slist_remove(union head *h, struct node *n)
{
    SLIST_REMOVE_RCU(&h->slist, n, node, in.slist);
}

static void slist_remove_head(union head *h)
{
    SLIST_REMOVE_HEAD_RCU(&h->slist, in.slist);
}

static void slist_replace(union head *h, struct node *old, struct node *n)
{
    SLIST_REPLACE_RCU(&h->slist, old, n, in.slist);
}

static void simpleq_insert_after(union head *h, struct node *after, struct node *n)
{
    SIMPLEQ_INSERT_AFTER_RCU(&h->simpleq, after, n, in.simpleq);
}

static void simpleq_insert_tail(union head *h, struct node *n)
{
    SIMPLEQ_INSERT_TAIL_RCU(&h->simpleq, n, in.simpleq);
}

static void simpleq_remove(union head *h, struct node *n)
{
    SIMPLEQ_REMOVE_RCU(&h->simpleq, n, node, in.simpleq);
}

static void simpleq_remove_head(union head *h)
{
    SIMPLEQ_REMOVE_HEAD_RCU(&h->simpleq, in.simpleq);
}

static void simpleq_replace(union head *h, struct node *old, struct node *n)
{
    SIMPLEQ_REPLACE_RCU(&h->simpleq, old, n, in.simpleq);
}

static void tailq_insert_after(union head *h, struct node *after, struct node *n)
{
    TAILQ_INSERT_AFTER_RCU(&h->tailq, after, n, in.tailq);
}

static void tailq_insert_before(struct node *before, struct node *n)
{
    TAILQ_INSERT_BEFORE_RCU(before, n, in.tailq);
}

static void tailq_insert_tail(union head *h, struct node *n)
{
    TAILQ_INSERT_TAIL_RCU(&h->tailq, n, in.tailq);
}

static void tailq_remove(union head *h, struct node *n)
{
    TAILQ_REMOVE_RCU(&h->tailq, n, in.tailq);
}

static void tailq_replace(union head *h, struct node *old, struct node *n)
{
    TAILQ_REPLACE_RCU(&h->tailq, old, n, in.tailq);
}

SHAPE(LIST, list, lh_first, le_next, n->in.list.le_prev, link)
SHAPE(SLIST, slist, slh_first, sle_next, link, link)
SHAPE(SIMPLEQ, simpleq, sqh_first, sqe_next, link, h->simpleq.sqh_last)
SHAPE(TAILQ, tailq, tqh_first, tqe_next, n->in.tailq.tqe_prev, h->tailq.tqh_last)

#define ALIKE(shape)                                                                            \
    .name = #shape, .init = shape##_init, .insert_head = shape##_insert_head,                   \
    .insert_after = shape##_insert_after, .remove = shape##_remove, .replace = shape##_replace, \
    .splice = shape##_splice, .concat = shape##_concat, .walk = shape##_walk,                   \
    .walk_safe = shape##_walk_safe, .take_region = shape##_take_region, .intact = shape##_intact
const struct shape lists_shapes[SHAPES] = {
    [IS_LIST] = {ALIKE(list), .insert_before = list_insert_before},
    [IS_SLIST] = {ALIKE(slist), .remove_head = slist_remove_head},
    [IS_SIMPLEQ] = {ALIKE(simpleq), .remove_head = simpleq_remove_head,
                    .insert_tail = simpleq_insert_tail},
    [IS_TAILQ] = {ALIKE(tailq), .insert_before = tailq_insert_before,
                  .insert_tail = tailq_insert_tail},
};
