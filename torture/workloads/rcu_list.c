/* rcu-list: readers walk lists of four shapes while updaters insert, remove, replace and splice.
 *
 * Each updater owns two lists of nodes with rising keys: `main`, and `side`, which holds either nothing
 * or a region of the keys, the low ones or the high ones. Every fourth key is permanent: its node is
 * replaced but never removed. A region moves to `side` as a copy, which appears at once, and leaves
 * `main` a grace period later; it comes back by a splice (low) or a concat (high). So this holds for
 * every traversal, whenever it begins and however long it takes:
 *
 *     keys rise, so each node is met once, a replaced one or its successor but not both
 *     `main` has all permanent keys of the middle region
 *     `side` has all permanent keys of a region or none
 *     `side` and then `main` have all permanent keys between them
 *
 * A removed node is poisoned after its grace period, and is freed when many more were.
 */
#include "torture/engine/thread.h"
#include "torture/flavors/flavor.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define KEYS       40
#define QUARANTINE 1024
#define POISON     UINT64_C(0x5151515151515151)

struct params {
    int64_t readers, updaters[4]; /* by shape */
    int64_t hold_ns, hold_one_in, batch_max, move_one_in;
};

enum {
    READS,
    CHECKS,
    GPS,
    INSERTS,
    REMOVES,
    REPLACES,
    SPLICES,
    CONCATS,
    SAFE_TRAVERSALS,
    HELD,
    FREED
};
static const char *const counter_names[] = {
    "reads",   "checks",          "gps",           "inserts", "removes", "replaces", "splices",
    "concats", "safe_traversals", "held_sections", "freed",   NULL};

enum { GP_TOTAL };
static const struct measure measure_list[] = {{"gp.total", "ns"}, {NULL, NULL}};

enum { EARLY_REUSE, LIST_ORDER, QUIESCENCE };
static const char *const check_names[] = {"early-reuse", "list-order", "quiescence", NULL};

enum {
    NOTE_INSERTED,
    NOTE_REMOVED,
    NOTE_REPLACED,
    NOTE_MOVED,
    NOTE_SPLICED,
    NOTE_GP_START,
    NOTE_GP_END,
    NOTE_ENTERED,
    NOTE_SAW
};
static const char *const note_formats[] = {"inserted node %lu with key %lu",
                                           "removed node %lu with key %lu",
                                           "replaced node %lu by %lu",
                                           "copied %lu nodes to the side list, keys from %lu",
                                           "spliced the side list, %lu nodes, keys from %lu",
                                           "waits for a grace period, last retired %lu",
                                           "its grace period ended, last retired %lu",
                                           "entered, then met node %lu with key %lu",
                                           "was last on node %lu with key %lu",
                                           NULL};

static const char *const coverage_names[] = {"inserts", "removes",         "replaces", "splices",
                                             "concats", "safe_traversals", "freed",    NULL};

static const struct region {
    unsigned from, to; /* keys, without the last */
    uint64_t permanent;
} regions[] = {
    {0, 10, UINT64_C(0x44)}, {10, 30, UINT64_C(0x4444400)}, {30, KEYS, UINT64_C(0x4440000000)}};
enum { LOW, MIDDLE, HIGH, NOTHING };
#define PERMANENT UINT64_C(0x4444444444) /* every fourth key: 2, 6, ... 38 */

struct node {
    union {
        LIST_ENTRY(node) list;
        SLIST_ENTRY(node) slist;
        SIMPLEQ_ENTRY(node) simpleq;
        TAILQ_ENTRY(node) tailq;
    } in;
    _Atomic uint64_t id, key;
    _Atomic uint64_t check; /* node_check(id, key), written before it is published */
    struct node *retired;   /* the updater's: the one before it */
};

union head {
    LIST_HEAD(list_head, node) list;
    SLIST_HEAD(slist_head, node) slist;
    SIMPLEQ_HEAD(simpleq_head, node) simpleq;
    TAILQ_HEAD(tailq_head, node) tailq;
};

/* What a reader found in one list. */
struct walk {
    uint64_t seen; /* a bit for each key */
    uint64_t id, key, least;
    uint64_t hold_ns, hold_key; /* a pause on the first node from this key on */
    enum { WENT_WELL, NOT_RISING, FREED_NODE } end;
    uint64_t wrong_id, wrong_key;
};

/* A list as its updater knows it. */
struct keyed {
    _Alignas(64) union head head;
    struct node *nodes[KEYS];
};

struct lists {
    struct keyed main, side;
    const struct shape *shape;
    int side_region;
    uint64_t next_id;
    struct node *retired;
    struct node *quarantine[QUARANTINE]; /* poisoned, not yet freed */
    uint64_t made, poisoned;
    struct torture_thread *thread;
};

struct state {
    size_t count;
    struct lists *lists;
};

/* --- Nodes --- */

static uint64_t node_check(uint64_t id, uint64_t key)
{
    return random_mix(id ^ (key << 48) ^ POISON);
}

static struct node *new_node(struct lists *l, unsigned key)
{
    struct node *n = calloc(1, sizeof *n);
    uint64_t id = l->next_id++;

    if (!n)
        abort();
    atomic_store_explicit(&n->id, id, memory_order_relaxed);
    atomic_store_explicit(&n->key, key, memory_order_relaxed);
    atomic_store_explicit(&n->check, node_check(id, key), memory_order_relaxed);
    l->made++;
    return n;
}

static unsigned long id_of(const struct node *n)
{
    return (unsigned long)atomic_load_explicit(&n->id, memory_order_relaxed);
}

static unsigned key_of(const struct node *n)
{
    return (unsigned)atomic_load_explicit(&n->key, memory_order_relaxed);
}

static void retire(struct lists *l, struct node *n)
{
    n->retired = l->retired;
    l->retired = n;
}

/* Waits until no reader can hold what was retired, and poisons it. Its links are poisoned too: who
 * follows one of them crashes inside a section. */
static void reclaim(struct lists *l, struct torture_thread *t)
{
    unsigned long last = l->retired ? id_of(l->retired) : 0;
    int64_t requested;

    torture_note(t, NOTE_GP_START, last, 0);
    requested = clock_monotonic_ns();
    flavor_synchronize();
    torture_measure(t, GP_TOTAL, (uint64_t)(clock_monotonic_ns() - requested));
    torture_note(t, NOTE_GP_END, last, 0);
    torture_count(t, GPS, 1);
    while (l->retired) {
        struct node *n = l->retired, **place = &l->quarantine[l->poisoned++ % QUARANTINE];

        l->retired = n->retired;
        memset((void *)n, (int)(POISON & 0xff), sizeof *n);
        free(*place);
        torture_count(t, FREED, *place != NULL);
        *place = n;
    }
    torture_beat(t);
}

/* --- The shapes, as rows of a table --- */

struct shape {
    const char *name;
    void (*init)(union head *);
    void (*insert_head)(union head *, struct node *);
    void (*insert_after)(union head *, struct node *after, struct node *);
    void (*insert_before)(struct node *before, struct node *); /* NULL: it has none, as below */
    void (*insert_tail)(union head *, struct node *);
    void (*remove)(union head *, struct node *);
    void (*remove_head)(union head *);
    void (*replace)(union head *, struct node *old, struct node *);
    void (*splice)(union head *, union head *source);
    void (*concat)(union head *, union head *source);
    void (*walk)(union head *, struct walk *);
    void (*walk_safe)(union head *, struct walk *);
    void (*take_region)(struct lists *, const struct region *, struct torture_thread *);
    bool (*intact)(union head *, struct node *const *nodes);
};

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

static void removed(struct lists *l, struct torture_thread *t, struct node *n);

/* What is spelt alike in all four. `back`, `tail`: what its updater has as the link that leads to n, and
 * as the one that ends the list. */
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
            removed(l, t, n);                                               \
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
static const struct shape shapes[] = {
    {ALIKE(list), .insert_before = list_insert_before},
    {ALIKE(slist), .remove_head = slist_remove_head},
    {ALIKE(simpleq), .remove_head = simpleq_remove_head, .insert_tail = simpleq_insert_tail},
    {ALIKE(tailq), .insert_before = tailq_insert_before, .insert_tail = tailq_insert_tail},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* --- Readers --- */

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
    absent = regions[MIDDLE].permanent & ~main->seen;
    if (__builtin_expect(absent != 0, 0)) {
        missing(t, l, main, entered, absent, "in its main list");
        return;
    }
    for (unsigned i = LOW; i <= HIGH; i++) {
        absent = regions[i].permanent & ~side->seen;
        if (__builtin_expect(absent != 0 && absent != regions[i].permanent, 0)) {
            missing(t, l, side, entered, absent, "where others are that it met in the side list");
            return;
        }
    }
    absent = PERMANENT & ~(side->seen | main->seen);
    if (__builtin_expect(absent != 0, 0))
        missing(t, l, main, entered, absent, "in the side list, and later in the main list");
}

static void prepare(struct torture_thread *t, const struct params *p, struct walk *w)
{
    *w = (struct walk){.hold_key = KEYS};
    if (random_one_in(&t->random, (uint64_t)p->hold_one_in)) {
        w->hold_ns = random_below(&t->random, (uint64_t)p->hold_ns + 1);
        w->hold_key = random_below(&t->random, KEYS);
        torture_count(t, HELD, 1);
    }
}

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

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

/* --- Updaters --- */

static void removed(struct lists *l, struct torture_thread *t, struct node *n)
{
    torture_note(t, NOTE_REMOVED, id_of(n), key_of(n));
    torture_count(t, REMOVES, 1);
    retire(l, n);
}

static bool is_permanent(unsigned key)
{
    return PERMANENT >> key & 1;
}

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
    removed(l, t, n);
}

static void replace_node(struct lists *l, struct torture_thread *t, struct keyed *k, unsigned key)
{
    struct node *old = k->nodes[key], *n = new_node(l, key);

    l->shape->replace(&k->head, old, n);
    k->nodes[key] = n;
    torture_note(t, NOTE_REPLACED, id_of(old), id_of(n));
    torture_count(t, REPLACES, 1);
    retire(l, old);
}

/* One change of either list, at a random key. */
static void change(struct lists *l, struct torture_thread *t)
{
    unsigned key = (unsigned)random_below(&t->random, KEYS);
    bool in_side = l->side_region != NOTHING && key >= regions[l->side_region].from &&
                   key < regions[l->side_region].to;
    struct keyed *k = in_side ? &l->side : &l->main;

    if (!k->nodes[key]) {
        struct node *n = new_node(l, key);

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

/* A region appears in `side`, at once, and leaves `main` when every reader has had a chance to see it
 * there: one that found `side` empty must still find it in `main`. */
static void move_out(struct lists *l, struct torture_thread *t)
{
    int region = random_one_in(&t->random, 2) ? LOW : HIGH;
    const struct region *r = &regions[region];
    struct keyed copy = {.nodes = {NULL}};
    unsigned long count = 0;

    l->shape->init(&copy.head);
    for (unsigned key = r->from; key < r->to; key++) {
        if (!is_permanent(key) && random_one_in(&t->random, 2))
            continue;
        insert(l->shape, &copy, &t->random, new_node(l, key));
        count++;
    }
    torture_count(t, INSERTS, count);
    join(l, t, &l->side, &copy, random_one_in(&t->random, 2));
    l->side_region = region;
    torture_note(t, NOTE_MOVED, count, r->from);
    reclaim(l, t);
    l->shape->take_region(l, r, t);
}

static void move_back(struct lists *l, struct torture_thread *t)
{
    unsigned long count = 0;

    for (unsigned key = 0; key < KEYS; key++)
        count += l->side.nodes[key] != NULL;
    join(l, t, &l->main, &l->side, l->side_region == LOW);
    torture_note(t, NOTE_SPLICED, count, regions[l->side_region].from);
    l->side_region = NOTHING;
}

static void updater(struct torture_thread *t, size_t shape)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct lists *l = state->lists;

    while (l->shape != &shapes[shape])
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
        reclaim(l, t);
    }
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

static void list_updater(struct torture_thread *t)
{
    updater(t, 0);
}

static void slist_updater(struct torture_thread *t)
{
    updater(t, 1);
}

static void simpleq_updater(struct torture_thread *t)
{
    updater(t, 2);
}

static void tailq_updater(struct torture_thread *t)
{
    updater(t, 3);
}

/* --- Set-up --- */

static void lists_open(struct lists *l, const struct shape *shape)
{
    l->shape = shape;
    l->side_region = NOTHING;
    shape->init(&l->main.head);
    shape->init(&l->side.head);
    for (unsigned key = KEYS; key-- > 0;) {
        if (!is_permanent(key))
            continue;
        l->main.nodes[key] = new_node(l, key);
        shape->insert_head(&l->main.head, l->main.nodes[key]);
    }
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);

    for (size_t i = 0; i < SHAPES; i++)
        state->count += (size_t)p->updaters[i];
    if (state->count == 0) {
        diagnose(d, "rcu-list: needs at least one updater (list_updaters, slist_updaters, "
                    "simpleq_updaters, tailq_updaters)");
        free(state);
        return false;
    }
    state->lists = aligned_alloc(64, state->count * sizeof *state->lists);
    memset((void *)state->lists, 0, state->count * sizeof *state->lists);
    for (size_t i = 0, n = 0; i < SHAPES; i++) {
        for (int64_t j = 0; j < p->updaters[i]; j++)
            lists_open(&state->lists[n++], &shapes[i]);
    }
    in->state = state;
    return true;
}

/* How many. */
static uint64_t free_all(struct node **nodes, size_t room)
{
    uint64_t count = 0;

    for (size_t i = 0; i < room; i++) {
        count += nodes[i] != NULL;
        free(nodes[i]);
    }
    return count;
}

/* After the run the lists are what their updater believes, and all other nodes are back. */
static void finish(struct instance *in)
{
    struct state *state = in->state;

    for (size_t i = 0; i < state->count; i++) {
        struct lists *l = &state->lists[i];
        uint64_t left;

        if (!l->shape->intact(&l->main.head, l->main.nodes) ||
            !l->shape->intact(&l->side.head, l->side.nodes))
            torture_violation(in, l->thread, QUIESCENCE,
                              "The links of a %s are not what its updater made of them.",
                              l->shape->name);
        left = free_all(l->main.nodes, KEYS) + free_all(l->side.nodes, KEYS);
        free_all(l->quarantine, QUARANTINE);
        if (l->made != left + l->poisoned || l->retired)
            torture_violation(in, l->thread, QUIESCENCE,
                              "Of %lu nodes of a %s %lu were freed and %lu are left.",
                              (unsigned long)l->made, l->shape->name, (unsigned long)l->poisoned,
                              (unsigned long)left);
    }
    free(state->lists);
    free(state);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "2", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"list_updaters", OPTION_INT, FIELD(updaters[0]), "1", 0, 4096, "threads", NULL,
     "updaters that own a pair of LISTs each"},
    {"slist_updaters", OPTION_INT, FIELD(updaters[1]), "1", 0, 4096, "threads", NULL,
     "the same with SLISTs"},
    {"simpleq_updaters", OPTION_INT, FIELD(updaters[2]), "1", 0, 4096, "threads", NULL,
     "the same with SIMPLEQs"},
    {"tailq_updaters", OPTION_INT, FIELD(updaters[3]), "1", 0, 4096, "threads", NULL,
     "the same with TAILQs"},
    {"hold", OPTION_DURATION, FIELD(hold_ns), "5us", 0, 60e9, NULL, NULL,
     "longest time that a reader stays on one node"},
    {"hold_one_in", OPTION_INT, FIELD(hold_one_in), "8", 0, 1e12, "traversals", NULL,
     "one traversal in so many stays on a node for a while; 0: none"},
    {"batch_max", OPTION_INT, FIELD(batch_max), "32", 1, 1e6, "changes", NULL,
     "up to so many changes before an updater waits for a grace period"},
    {"move_one_in", OPTION_INT, FIELD(move_one_in), "4", 0, 1e12, "batches", NULL,
     "after one batch in so many a region goes to the other list, or comes back; 0: none"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", reader, 0},
    {"list-updater", "list_updaters", list_updater, CAN_SYNCHRONIZE},
    {"slist-updater", "slist_updaters", slist_updater, CAN_SYNCHRONIZE},
    {"simpleq-updater", "simpleq_updaters", simpleq_updater, CAN_SYNCHRONIZE},
    {"tailq-updater", "tailq_updaters", tailq_updater, CAN_SYNCHRONIZE},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_list_workload;
const struct workload rcu_list_workload = {
    .name = "rcu-list",
    .summary =
        "lists of four shapes that change under readers, who must lose no node and meet none "
        "twice",
    .needs = CAN_PROTECT,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    .setup = setup,
    .finish = finish,
};
