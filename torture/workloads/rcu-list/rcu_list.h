/* What the files of rcu-list share: nodes, the lists that they are in, and the names of what is
 * counted, checked and noted. rcu_list.c describes the workload.
 *
 *     shapes.c      the shapes: each operation of each, and the walk of a reader
 *     readers.c     readers, judging what they met
 *     nodes.c       nodes from their making to their freeing
 *     updaters.c    updaters: what changes, and in what order
 */
#ifndef STILLPOINT_RCU_LIST_WORKLOAD_H
#define STILLPOINT_RCU_LIST_WORKLOAD_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#define KEYS       40
#define QUARANTINE 1024
#define POISON     UINT64_C(0x5151515151515151)

enum { IS_LIST, IS_SLIST, IS_SIMPLEQ, IS_TAILQ, SHAPES };

struct lists_params {
    int64_t readers, updaters[SHAPES];
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
    FREED,
    COUNTER_COUNT
};

enum { GP_TOTAL, MEASURE_COUNT };

enum { EARLY_REUSE, LIST_ORDER, QUIESCENCE, CHECK_COUNT };

enum {
    NOTE_INSERTED,
    NOTE_REMOVED,
    NOTE_REPLACED,
    NOTE_MOVED,
    NOTE_SPLICED,
    NOTE_GP_START,
    NOTE_GP_END,
    NOTE_ENTERED,
    NOTE_SAW,
    NOTE_COUNT
};

/* A region of the keys, of which every fourth is permanent: 2, 6, ... 38. */
struct region {
    unsigned from, to; /* without the last */
    uint64_t permanent;
};
enum { LOW, MIDDLE, HIGH, NOTHING };
extern const struct region lists_regions[NOTHING];
#define PERMANENT UINT64_C(0x4444444444)

static inline bool is_permanent(unsigned key)
{
    return PERMANENT >> key & 1;
}

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

struct lists_state {
    size_t count;
    struct lists *lists;
};

static inline uint64_t node_check(uint64_t id, uint64_t key)
{
    return random_mix(id ^ (key << 48) ^ POISON);
}

static inline unsigned long id_of(const struct node *n)
{
    return (unsigned long)atomic_load_explicit(&n->id, memory_order_relaxed);
}

static inline unsigned key_of(const struct node *n)
{
    return (unsigned)atomic_load_explicit(&n->key, memory_order_relaxed);
}

/* --- The shapes --- */

/* One of the kinds of list. Operations are the updater's; walks are a reader's, inside a
 * section. */
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

extern const struct shape lists_shapes[SHAPES];

/* --- Nodes; called by the updater that owns the lists, or before it starts --- */

/* Not in a list yet. */
struct node *lists_new_node(struct lists *l, unsigned key);
/* The node was taken out of its list: lists_reclaim() frees it. */
void lists_retire(struct lists *l, struct node *n);
/* The same, for one that was removed and has no successor: noted and counted. */
void lists_removed(struct lists *l, struct torture_thread *t, struct node *n);
/* Waits until no reader can hold what was retired, and poisons it. Beats. */
void lists_reclaim(struct lists *l, struct torture_thread *t);

/* --- Roles --- */

void lists_reader(struct torture_thread *t);
void lists_list_updater(struct torture_thread *t);
void lists_slist_updater(struct torture_thread *t);
void lists_simpleq_updater(struct torture_thread *t);
void lists_tailq_updater(struct torture_thread *t);

#endif
