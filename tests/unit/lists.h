/* What the tests of lists have in common: lists to try operations on, and what is in them.
 *
 * => Comes before any other that includes stillpoint/rcu_list.h: every access to a link is an
 *    atomic one, which this file puts itself into.
 */
#ifndef STILLPOINT_TESTS_LISTS_H
#define STILLPOINT_TESTS_LISTS_H

#include <stddef.h>

static inline void link_stored(const void *link, int order);
static unsigned wrong_loads;

/* A macro does not expand itself: these end in the compiler's own. */
#define __atomic_store_n(link, value, order) \
    (__atomic_store_n(link, value, order), link_stored(link, order))
#define __atomic_load_n(link, order) \
    (wrong_loads += (order) != __ATOMIC_ACQUIRE, __atomic_load_n(link, order))

#include "library.h"
#include "list_shapes.h"

/* ---- every store of a link ---- */

static void (*after_each_store)(void); /* NULL: nothing */
static const struct node *fresh;       /* that no reader can reach yet */
static unsigned stores;
static char wrong[256];

static inline void link_stored(const void *link, int order)
{
    stores++;
    if (order != __ATOMIC_RELEASE && !((const char *)link >= (const char *)fresh &&
                                       (const char *)link < (const char *)(fresh + 1)))
        snprintf(wrong, sizeof wrong, "store %u is no release", stores);
    if (after_each_store != NULL)
        after_each_store();
}

/* ---- what is in a list, as keys ---- */

#define MOST 24

struct keys {
    char text[MOST + 2];
    size_t length;
};

static inline void add_key(struct keys *k, char key)
{
    /* A circle shows as what is too long for any list here. */
    if (k->length <= MOST)
        k->text[k->length++] = key;
}

/* From a node that a reader stands on; the node itself is not among them. */
static inline struct keys keys_after(const struct lists *l, const struct node *n)
{
    struct keys k = {"", 0};

    while (k.length <= MOST && (n = next(l, n)) != NULL)
        add_key(&k, n->key);
    return k;
}

static inline struct keys keys_of(const struct lists *l)
{
    struct node *n = first(l);
    struct keys k = {"", 0}, rest;

    if (n != NULL) {
        add_key(&k, n->key);
        rest = keys_after(l, n);
        for (size_t i = 0; i < rest.length; i++)
            add_key(&k, rest.text[i]);
    }
    return k;
}

/* The node is there, and the link that leads to it is where updaters believe it to be. */
#define CHECK_NODE(n, back_link)                  \
    do {                                          \
        ck_assert_int_eq((n)->key, keys[i++]);    \
        ck_assert(!known || (back_link) == back); \
    } while (0)

/* The list holds these, by every way to look at it, and what updaters alone use is right, too. */
static inline void is(const struct lists *l, const char *keys)
{
    bool known = has_before(l);
    struct node *n = NULL, *following, *const *back = NULL;
    size_t i = 0, safe = 0;

    ck_assert_str_eq(keys_of(l).text, keys);
    ck_assert_int_eq(is_empty(l), keys[0] == '\0');
    switch (l->shape) {
    case IS_LIST:
        back = &l->list.lh_first;
        LIST_FOREACH_RCU (n, &l->list, list) {
            CHECK_NODE(n, n->list.le_prev);
            back = &n->list.le_next;
        }
        LIST_FOREACH_SAFE_RCU (n, &l->list, list, following)
            ck_assert_int_eq(n->key, keys[safe++]);
        break;
    case IS_SLIST:
        SLIST_FOREACH_RCU (n, &l->slist, slist)
            CHECK_NODE(n, back);
        SLIST_FOREACH_SAFE_RCU (n, &l->slist, slist, following)
            ck_assert_int_eq(n->key, keys[safe++]);
        break;
    case IS_SIMPLEQ:
        back = &l->simpleq.sqh_first;
        SIMPLEQ_FOREACH_RCU (n, &l->simpleq, simpleq) {
            CHECK_NODE(n, back);
            back = &n->simpleq.sqe_next;
        }
        ck_assert_ptr_eq(l->simpleq.sqh_last, back);
        SIMPLEQ_FOREACH_SAFE_RCU (n, &l->simpleq, simpleq, following)
            ck_assert_int_eq(n->key, keys[safe++]);
        break;
    default:
        back = &l->tailq.tqh_first;
        TAILQ_FOREACH_RCU (n, &l->tailq, tailq) {
            CHECK_NODE(n, n->tailq.tqe_prev);
            back = &n->tailq.tqe_next;
        }
        ck_assert_ptr_eq(l->tailq.tqh_last, back);
        TAILQ_FOREACH_SAFE_RCU (n, &l->tailq, tailq, following)
            ck_assert_int_eq(n->key, keys[safe++]);
    }
    ck_assert_ptr_null(n);
    ck_assert_uint_eq(i, strlen(keys));
    ck_assert_uint_eq(safe, strlen(keys));
    ck_assert_uint_eq(wrong_loads, 0);
}

/* ---- lists to begin with ---- */

/* Nodes a, b, c, ... of which the first so many are in the list; `x` is not. */
#define LONGEST 4

static const char *const prefixes[LONGEST + 1] = {"", "a", "ab", "abc", "abcd"};

static struct {
    struct lists l, source;
    struct node nodes[LONGEST], more[LONGEST], x;
} it;

static inline void make(int shape, int length)
{
    memset(&it, 0, sizeof it);
    lists_init(&it.l, shape);
    lists_init(&it.source, shape);
    it.x.key = 'x';
    for (int i = 0; i < LONGEST; i++) {
        it.nodes[i].key = (char)('a' + i);
        it.more[i].key = (char)('p' + i);
    }
    for (int i = length; i > 0; i--)
        insert_head(&it.l, &it.nodes[i - 1]);
    stores = 0;
    wrong[0] = '\0';
    fresh = &it.x;
    is(&it.l, prefixes[length]);
}

#endif
