/* The four shapes of stillpoint/rcu_list.h as one, for tests that are the same with each. */
#ifndef STILLPOINT_TESTS_LIST_SHAPES_H
#define STILLPOINT_TESTS_LIST_SHAPES_H

#include <stillpoint/rcu_list.h>

#include <stdbool.h>

enum shape { IS_LIST, IS_SLIST, IS_SIMPLEQ, IS_TAILQ, SHAPES };

struct node {
    char key;
    LIST_ENTRY(node) list;
    SLIST_ENTRY(node) slist;
    SIMPLEQ_ENTRY(node) simpleq;
    TAILQ_ENTRY(node) tailq;
    LIST_ENTRY(node) other;
};

LIST_HEAD(list, node);
SLIST_HEAD(slist, node);
SIMPLEQ_HEAD(simpleq, node);
TAILQ_HEAD(tailq, node);

struct lists {
    enum shape shape;
    struct list list;
    struct slist slist;
    struct simpleq simpleq;
    struct tailq tailq;
};

#define BY_SHAPE(of_list, of_slist, of_simpleq, of_tailq) \
    do {                                                  \
        switch (l->shape) {                               \
        case IS_LIST:                                     \
            of_list;                                      \
            break;                                        \
        case IS_SLIST:                                    \
            of_slist;                                     \
            break;                                        \
        case IS_SIMPLEQ:                                  \
            of_simpleq;                                   \
            break;                                        \
        default:                                          \
            of_tailq;                                     \
        }                                                 \
    } while (0)

static inline bool has_before(const struct lists *l)
{
    return l->shape == IS_LIST || l->shape == IS_TAILQ;
}

static inline bool has_tail(const struct lists *l)
{
    return l->shape == IS_SIMPLEQ || l->shape == IS_TAILQ;
}

static inline bool has_remove_head(const struct lists *l)
{
    return l->shape == IS_SLIST || l->shape == IS_SIMPLEQ;
}

static inline void lists_init(struct lists *l, int shape)
{
    l->shape = (enum shape)shape;
    LIST_INIT(&l->list);
    SLIST_INIT(&l->slist);
    SIMPLEQ_INIT(&l->simpleq);
    TAILQ_INIT(&l->tailq);
}

static inline void insert_head(struct lists *l, struct node *n)
{
    BY_SHAPE(LIST_INSERT_HEAD_RCU(&l->list, n, list), SLIST_INSERT_HEAD_RCU(&l->slist, n, slist),
             SIMPLEQ_INSERT_HEAD_RCU(&l->simpleq, n, simpleq),
             TAILQ_INSERT_HEAD_RCU(&l->tailq, n, tailq));
}

static inline void insert_after(struct lists *l, struct node *after, struct node *n)
{
    BY_SHAPE(LIST_INSERT_AFTER_RCU(after, n, list), SLIST_INSERT_AFTER_RCU(after, n, slist),
             SIMPLEQ_INSERT_AFTER_RCU(&l->simpleq, after, n, simpleq),
             TAILQ_INSERT_AFTER_RCU(&l->tailq, after, n, tailq));
}

static inline void insert_before(struct lists *l, struct node *before, struct node *n)
{
    BY_SHAPE(LIST_INSERT_BEFORE_RCU(before, n, list), abort(), abort(),
             TAILQ_INSERT_BEFORE_RCU(before, n, tailq));
}

static inline void insert_tail(struct lists *l, struct node *n)
{
    BY_SHAPE(abort(), abort(), SIMPLEQ_INSERT_TAIL_RCU(&l->simpleq, n, simpleq),
             TAILQ_INSERT_TAIL_RCU(&l->tailq, n, tailq));
}

static inline void remove_node(struct lists *l, struct node *n)
{
    BY_SHAPE(LIST_REMOVE_RCU(n, list), SLIST_REMOVE_RCU(&l->slist, n, node, slist),
             SIMPLEQ_REMOVE_RCU(&l->simpleq, n, node, simpleq),
             TAILQ_REMOVE_RCU(&l->tailq, n, tailq));
}

static inline void remove_head(struct lists *l)
{
    BY_SHAPE(abort(), SLIST_REMOVE_HEAD_RCU(&l->slist, slist),
             SIMPLEQ_REMOVE_HEAD_RCU(&l->simpleq, simpleq), abort());
}

static inline void replace(struct lists *l, struct node *old, struct node *n)
{
    BY_SHAPE(LIST_REPLACE_RCU(old, n, list), SLIST_REPLACE_RCU(&l->slist, old, n, slist),
             SIMPLEQ_REPLACE_RCU(&l->simpleq, old, n, simpleq),
             TAILQ_REPLACE_RCU(&l->tailq, old, n, tailq));
}

static inline void splice(struct lists *l, struct lists *source)
{
    BY_SHAPE(LIST_SPLICE_RCU(&l->list, &source->list, list),
             SLIST_SPLICE_RCU(&l->slist, &source->slist, slist),
             SIMPLEQ_SPLICE_RCU(&l->simpleq, &source->simpleq, simpleq),
             TAILQ_SPLICE_RCU(&l->tailq, &source->tailq, tailq));
}

static inline void concat(struct lists *l, struct lists *source)
{
    BY_SHAPE(LIST_CONCAT_RCU(&l->list, &source->list, list),
             SLIST_CONCAT_RCU(&l->slist, &source->slist, slist),
             SIMPLEQ_CONCAT_RCU(&l->simpleq, &source->simpleq, simpleq),
             TAILQ_CONCAT_RCU(&l->tailq, &source->tailq, tailq));
}

static inline struct node *first(const struct lists *l)
{
    struct node *n = NULL;

    BY_SHAPE(n = LIST_FIRST_RCU(&l->list), n = SLIST_FIRST_RCU(&l->slist),
             n = SIMPLEQ_FIRST_RCU(&l->simpleq), n = TAILQ_FIRST_RCU(&l->tailq));
    return n;
}

static inline bool is_empty(const struct lists *l)
{
    bool empty = false;

    BY_SHAPE(empty = LIST_EMPTY_RCU(&l->list), empty = SLIST_EMPTY_RCU(&l->slist),
             empty = SIMPLEQ_EMPTY_RCU(&l->simpleq), empty = TAILQ_EMPTY_RCU(&l->tailq));
    return empty;
}

static inline struct node *next(const struct lists *l, const struct node *n)
{
    struct node *following = NULL;

    BY_SHAPE(following = LIST_NEXT_RCU(n, list), following = SLIST_NEXT_RCU(n, slist),
             following = SIMPLEQ_NEXT_RCU(n, simpleq), following = TAILQ_NEXT_RCU(n, tailq));
    return following;
}

#endif
