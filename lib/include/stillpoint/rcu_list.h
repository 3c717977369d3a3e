/* Lists that readers walk without a lock, in the four shapes of <sys/queue.h>.
 *
 *                                   LIST   SLIST   SIMPLEQ   TAILQ
 *     insert at head, after          x       x        x        x
 *     insert before                  x       -        -        x
 *     insert at tail                 -       -        x        x
 *     remove, replace                x     walks    walks      x
 *     remove head                    -       x        x        -
 *     splice, concat               walks   walks      x        x
 *     traverse, one direction        x       x        x        x
 *
 * Heads and entries are those of <sys/queue.h>, and so are its initialisers; the operations have
 * its names and arguments, and end in _RCU. They work with any RCU: nothing here needs
 * libstillpoint.
 *
 * => Readers: FIRST, NEXT, EMPTY, FOREACH and FOREACH_SAFE, inside a section. What they found is
 *    good until the section ends.
 * => Updaters: a lock of the caller's lets one at a time change a list; splice and concat take the
 *    locks of both. Readers know nothing of it.
 * => A node's memory need not be zeroed. A node that was removed or replaced keeps its forward
 *    link, for readers that stand on it; it is freed, or inserted again, after a grace period only.
 * => Misuse that the operation runs into is diagnosed always, the rest with -DSTILLPOINT_DEBUG: a
 *    message on stderr, and abort(). Debug builds walk the list at each insertion.
 *
 * Whatever is going on, a traversal ends, and meets no node twice. It meets each node that is in
 * the list from its beginning to its end. What each operation adds to that stands with it.
 *
 * Source of the method: McKenney and Slingwine, "Read-Copy Update" (1998). Names: BSD's queue(3).
 */
#ifndef STILLPOINT_RCU_LIST_H
#define STILLPOINT_RCU_LIST_H

#include <stillpoint/language.h>
#include <stillpoint/queue.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef STILLPOINT_DEBUG
#define RCU_LIST_DEBUG 1
#else
#define RCU_LIST_DEBUG 0
#endif

/* ---- What the shapes have in common; not for applications ---- */

/* An entry, whatever its shape and the type of its nodes, and the head of a shape with a tail,
 * whose `back` is the link that ends the list. Readers load `next` and nothing else. */
typedef void *rcu_list_link __attribute__((may_alias));
struct rcu_list_entry {
    rcu_list_link next;
    rcu_list_link *back; /* the link that leads here; NULL: in no list */
} __attribute__((may_alias));

enum {
    RCU_LIST_BACK = 1, /* entries have back links */
    RCU_LIST_TAIL = 2, /* the head knows the tail */
    RCU_LIST_LIST = RCU_LIST_BACK,
    RCU_LIST_SLIST = 0,
    RCU_LIST_SIMPLEQ = RCU_LIST_TAIL,
    RCU_LIST_TAILQ = RCU_LIST_BACK | RCU_LIST_TAIL,
};

/* That this <sys/queue.h> lays them out like that. */
struct rcu_list_layout {
    LIST_ENTRY(rcu_list_layout) list;
    TAILQ_ENTRY(rcu_list_layout) tailq;
    SIMPLEQ_HEAD(rcu_list_simpleq, rcu_list_layout) simpleq_head;
    TAILQ_HEAD(rcu_list_tailq, rcu_list_layout) tailq_head;
};
#define RCU_LIST_SAME_LAYOUT(which, first, second)                             \
    STILLPOINT_ASSERT(offsetof(struct rcu_list_layout, which.second) -         \
                              offsetof(struct rcu_list_layout, which.first) == \
                          offsetof(struct rcu_list_entry, back) -              \
                              offsetof(struct rcu_list_entry, next),           \
                      "stillpoint: <sys/queue.h> has another layout: " #which)
RCU_LIST_SAME_LAYOUT(list, le_next, le_prev);
RCU_LIST_SAME_LAYOUT(tailq, tqe_next, tqe_prev);
RCU_LIST_SAME_LAYOUT(simpleq_head, sqh_first, sqh_last);
RCU_LIST_SAME_LAYOUT(tailq_head, tqh_first, tqh_last);
#undef RCU_LIST_SAME_LAYOUT

static __attribute__((cold, noinline, noreturn, unused)) void
rcu_list_misuse(const char *operation, const char *how, const char *what, const char *instead)
{
    fprintf(stderr, "stillpoint: %s() %s %s; %s\n", operation, how, what, instead);
    abort();
}

static inline struct rcu_list_entry *rcu_list_entry_of(void *node, size_t offset)
{
    return (struct rcu_list_entry *)(void *)((char *)node + offset);
}

/* Orders: STORE *node, and what can be reached from it -> STORE *link (release).
 * Pairs with: RCU_LIST_LOAD(), LOAD link (acquire) -> LOAD *node.
 * Broken: a reader follows the link into a node as it was before, and loses the rest of the list or
 * runs into freed memory. Also where the node is not new: a reader that came by the old link has
 * loaded no link to this one, so removals and splices publish too. */
static inline void rcu_list_publish(rcu_list_link *link, void *node)
{
    __atomic_store_n(link, node, __ATOMIC_RELEASE);
}

/* The updaters' own: `link` leads to the node now or, when that is NULL, ends the list. */
static inline void rcu_list_lead(unsigned shape, void *head, void *node, size_t offset,
                                 rcu_list_link *link)
{
    if (!node) {
        if (shape & RCU_LIST_TAIL)
            ((struct rcu_list_entry *)head)->back = link;
    } else if (shape & RCU_LIST_BACK) {
        rcu_list_entry_of(node, offset)->back = link;
    }
}

/* The link from `link` on that leads to the node, which may be NULL. NULL: none does. */
static inline rcu_list_link *rcu_list_walk(rcu_list_link *link, const void *node, size_t offset)
{
    while (*link && *link != node)
        link = &rcu_list_entry_of(*link, offset)->next;
    return *link == node ? link : NULL;
}

static inline rcu_list_link *rcu_list_end(unsigned shape, void *head, size_t offset)
{
    if (shape & RCU_LIST_TAIL)
        return ((struct rcu_list_entry *)head)->back;
    return rcu_list_walk((rcu_list_link *)head, NULL, offset);
}

/* The link that leads to a node of the list; `head` is NULL where the operation does not have it.
 * `how` is for the message: the operation is "of" the node, or "beside" it. */
static inline rcu_list_link *rcu_list_find(const char *operation, const char *how, unsigned shape,
                                           void *head, void *node, size_t offset)
{
    struct rcu_list_entry *entry = rcu_list_entry_of(node, offset);
    rcu_list_link *link =
        shape & RCU_LIST_BACK ? entry->back : rcu_list_walk((rcu_list_link *)head, node, offset);

    if (RCU_LIST_DEBUG && link && *link != node)
        link = NULL;
    /* Only from the last node can its list be known. */
    if (RCU_LIST_DEBUG && link && (shape & RCU_LIST_TAIL) && !entry->next &&
        rcu_list_end(shape, head, offset) != &entry->next)
        link = NULL;
    if (__builtin_expect(!link, 0))
        rcu_list_misuse(operation, how,
                        shape == RCU_LIST_LIST ? "a node that is not in a list"
                                               : "a node that is not in this list",
                        "pass one that was inserted, and not removed or replaced since");
    return link;
}

/* Debug: the node is not in the list already. `from`: where the search begins, the head where the
 * operation has it. What the node's own links hold proves nothing: they may be garbage, or what is
 * left of a list that was given up as a whole. */
static inline void rcu_list_check_new(const char *operation, rcu_list_link *from, void *node,
                                      size_t offset)
{
    if (RCU_LIST_DEBUG && rcu_list_walk(from, node, offset))
        rcu_list_misuse(operation, "of", "a node that is in a list already",
                        "remove it and wait for a grace period first");
}

/* Where `at` leads to, the node comes before. */
static inline void rcu_list_insert(unsigned shape, void *head, rcu_list_link *at, void *node,
                                   size_t offset)
{
    struct rcu_list_entry *entry = rcu_list_entry_of(node, offset);
    void *next = *at;

    /* Relaxed: nobody can reach it until it is published below. */
    __atomic_store_n(&entry->next, next, __ATOMIC_RELAXED);
    if (shape & RCU_LIST_BACK)
        entry->back = at;
    rcu_list_publish(at, node);
    rcu_list_lead(shape, head, next, offset, &entry->next);
}

static inline void rcu_list_insert_head(const char *operation, unsigned shape, void *head,
                                        void *node, size_t offset)
{
    rcu_list_check_new(operation, (rcu_list_link *)head, node, offset);
    rcu_list_insert(shape, head, (rcu_list_link *)head, node, offset);
}

static inline void rcu_list_insert_tail(const char *operation, unsigned shape, void *head,
                                        void *node, size_t offset)
{
    rcu_list_check_new(operation, (rcu_list_link *)head, node, offset);
    rcu_list_insert(shape, head, rcu_list_end(shape, head, offset), node, offset);
}

/* Without the tail, which stays: the node is not the last. */
static inline void rcu_list_insert_before(const char *operation, void *before, void *node,
                                          size_t offset)
{
    rcu_list_link start = before,
                  *at = rcu_list_find(operation, "beside", RCU_LIST_BACK, &start, before, offset);

    rcu_list_check_new(operation, at, node, offset);
    rcu_list_insert(RCU_LIST_BACK, NULL, at, node, offset);
}

/* `head` is NULL for LIST and SLIST, whose operation does not have it. */
static inline void rcu_list_insert_after(const char *operation, unsigned shape, void *head,
                                         void *after, void *node, size_t offset)
{
    rcu_list_link start = after;

    if (RCU_LIST_DEBUG && shape != RCU_LIST_SLIST)
        rcu_list_find(operation, "beside", shape, head, after, offset);
    rcu_list_check_new(operation, head ? (rcu_list_link *)head : &start, node, offset);
    rcu_list_insert(shape, head, &rcu_list_entry_of(after, offset)->next, node, offset);
}

/* Takes out the node that `at` leads to. Its own forward link stays. */
static inline void rcu_list_take(unsigned shape, void *head, rcu_list_link *at, size_t offset)
{
    struct rcu_list_entry *entry = rcu_list_entry_of(*at, offset);
    void *next = entry->next;

    rcu_list_lead(shape, head, next, offset, at);
    rcu_list_publish(at, next);
    if (shape & RCU_LIST_BACK)
        entry->back = NULL;
}

static inline void rcu_list_remove(const char *operation, unsigned shape, void *head, void *node,
                                   size_t offset)
{
    rcu_list_take(shape, head, rcu_list_find(operation, "of", shape, head, node, offset), offset);
}

static inline void rcu_list_remove_head(const char *operation, unsigned shape, void *head,
                                        size_t offset)
{
    if (__builtin_expect(!*(rcu_list_link *)head, 0))
        rcu_list_misuse(operation, "of", "an empty list", "ask whether it is empty first");
    rcu_list_take(shape, head, (rcu_list_link *)head, offset);
}

static inline void rcu_list_replace(const char *operation, unsigned shape, void *head, void *old,
                                    void *node, size_t offset)
{
    struct rcu_list_entry *entry = rcu_list_entry_of(node, offset),
                          *old_entry = rcu_list_entry_of(old, offset);
    rcu_list_link *at = rcu_list_find(operation, "of", shape, head, old, offset);

    rcu_list_check_new(operation, head ? (rcu_list_link *)head : at, node, offset);
    /* Relaxed: nobody can reach it until it is published below. */
    __atomic_store_n(&entry->next, old_entry->next, __ATOMIC_RELAXED);
    if (shape & RCU_LIST_BACK)
        entry->back = at;
    rcu_list_lead(shape, head, entry->next, offset, &entry->next);
    rcu_list_publish(at, node);
    if (shape & RCU_LIST_BACK)
        old_entry->back = NULL;
}

/* The end of splice and concat: all nodes of `source` are in another list now.
 * Orders: STORE *link in that list -> STORE *link in `source`, NULL (release, in the callee).
 * Pairs with: RCU_LIST_LOAD(), LOAD link (acquire) of `source` -> LOAD link of the other list.
 * Broken: a reader that finds `source` empty and goes on to the other list does not find the nodes
 * there either. */
static inline void rcu_list_drained(unsigned shape, void *source)
{
    rcu_list_publish((rcu_list_link *)source, NULL);
    rcu_list_lead(shape, source, NULL, 0, (rcu_list_link *)source);
}

static inline void rcu_list_check_two(const char *operation, const void *head, const void *source)
{
    if (RCU_LIST_DEBUG && head == source)
        rcu_list_misuse(operation, "of", "a list and itself", "pass two lists");
}

static inline void rcu_list_splice(const char *operation, unsigned shape, void *head, void *source,
                                   size_t offset)
{
    void *first = *(rcu_list_link *)source, *next = *(rcu_list_link *)head;
    rcu_list_link *end = rcu_list_end(shape, source, offset);

    rcu_list_check_two(operation, head, source);
    if (!first)
        return;
    /* In this order. A reader that comes by the head must find a way out of the new nodes into the
     * old ones; the other way round it would lose the old ones. */
    rcu_list_publish(end, next);
    rcu_list_publish((rcu_list_link *)head, first);
    rcu_list_lead(shape, head, next, offset, end);
    rcu_list_lead(shape, head, first, offset, (rcu_list_link *)head);
    rcu_list_drained(shape, source);
}

static inline void rcu_list_concat(const char *operation, unsigned shape, void *head, void *source,
                                   size_t offset)
{
    void *first = *(rcu_list_link *)source;
    rcu_list_link *at = rcu_list_end(shape, head, offset);

    rcu_list_check_two(operation, head, source);
    if (!first)
        return;
    rcu_list_publish(at, first);
    rcu_list_lead(shape, head, first, offset, at);
    if (shape & RCU_LIST_TAIL)
        ((struct rcu_list_entry *)head)->back = ((struct rcu_list_entry *)source)->back;
    rcu_list_drained(shape, source);
}

/* Orders: LOAD link (acquire) -> LOAD *node.
 * Pairs with: rcu_list_publish(), STORE *node -> STORE *link (release).
 * Broken: the link leads into a node as it was before, to the loss of the rest of the list, or into
 * freed memory. */
#define RCU_LIST_LOAD(link) __atomic_load_n(&(link), __ATOMIC_ACQUIRE)

#define RCU_LIST_FOREACH(variable, first, next) \
    for ((variable) = (first); (variable); (variable) = (next))
#define RCU_LIST_FOREACH_SAFE(variable, first, following, next) \
    for ((variable) = (first); (variable) && ((following) = (next), 1); (variable) = (following))

/* A node, which must have the type that the list holds, evaluated once; the place of its entry. */
#define RCU_LIST_NODE(node, like)    STILLPOINT_AS(like, node)
#define RCU_LIST_OFFSET(node, field) offsetof(__typeof__(*(node)), field)

/* ---- Readers; updaters use them as well ---- */

/* The first node, or NULL when the list is empty. */
#define LIST_FIRST_RCU(head)    RCU_LIST_LOAD((head)->lh_first)
#define SLIST_FIRST_RCU(head)   RCU_LIST_LOAD((head)->slh_first)
#define SIMPLEQ_FIRST_RCU(head) RCU_LIST_LOAD((head)->sqh_first)
#define TAILQ_FIRST_RCU(head)   RCU_LIST_LOAD((head)->tqh_first)

/* A list found empty may have become so by a splice or concat: its nodes are found in the other
 * list afterwards. */
#define LIST_EMPTY_RCU(head)    (!LIST_FIRST_RCU(head))
#define SLIST_EMPTY_RCU(head)   (!SLIST_FIRST_RCU(head))
#define SIMPLEQ_EMPTY_RCU(head) (!SIMPLEQ_FIRST_RCU(head))
#define TAILQ_EMPTY_RCU(head)   (!TAILQ_FIRST_RCU(head))

/* The node after this one, or NULL. Of a node that was removed or replaced: the one that came after
 * it then. */
#define LIST_NEXT_RCU(node, field)    RCU_LIST_LOAD((node)->field.le_next)
#define SLIST_NEXT_RCU(node, field)   RCU_LIST_LOAD((node)->field.sle_next)
#define SIMPLEQ_NEXT_RCU(node, field) RCU_LIST_LOAD((node)->field.sqe_next)
#define TAILQ_NEXT_RCU(node, field)   RCU_LIST_LOAD((node)->field.tqe_next)

/* `variable` points to each node in turn, and is NULL after the last. */
#define LIST_FOREACH_RCU(variable, head, field) \
    RCU_LIST_FOREACH(variable, LIST_FIRST_RCU(head), LIST_NEXT_RCU(variable, field))
#define SLIST_FOREACH_RCU(variable, head, field) \
    RCU_LIST_FOREACH(variable, SLIST_FIRST_RCU(head), SLIST_NEXT_RCU(variable, field))
#define SIMPLEQ_FOREACH_RCU(variable, head, field) \
    RCU_LIST_FOREACH(variable, SIMPLEQ_FIRST_RCU(head), SIMPLEQ_NEXT_RCU(variable, field))
#define TAILQ_FOREACH_RCU(variable, head, field) \
    RCU_LIST_FOREACH(variable, TAILQ_FIRST_RCU(head), TAILQ_NEXT_RCU(variable, field))

/* The same; the link to the `following` node is loaded before the body runs, so an updater may
 * remove `variable` in it, and free it where no reader can have it. A reader gains nothing by
 * it. */
#define LIST_FOREACH_SAFE_RCU(variable, head, field, following) \
    RCU_LIST_FOREACH_SAFE(variable, LIST_FIRST_RCU(head), following, LIST_NEXT_RCU(variable, field))
#define SLIST_FOREACH_SAFE_RCU(variable, head, field, following)      \
    RCU_LIST_FOREACH_SAFE(variable, SLIST_FIRST_RCU(head), following, \
                          SLIST_NEXT_RCU(variable, field))
#define SIMPLEQ_FOREACH_SAFE_RCU(variable, head, field, following)      \
    RCU_LIST_FOREACH_SAFE(variable, SIMPLEQ_FIRST_RCU(head), following, \
                          SIMPLEQ_NEXT_RCU(variable, field))
#define TAILQ_FOREACH_SAFE_RCU(variable, head, field, following)      \
    RCU_LIST_FOREACH_SAFE(variable, TAILQ_FIRST_RCU(head), following, \
                          TAILQ_NEXT_RCU(variable, field))

/* ---- Updaters ---- */

/* Inserts the node as the first. A reader sees it, whole, or begins with the one that was first. */
#define LIST_INSERT_HEAD_RCU(head, node, field)                                    \
    rcu_list_insert_head("LIST_INSERT_HEAD_RCU", RCU_LIST_LIST, &(head)->lh_first, \
                         RCU_LIST_NODE(node, (head)->lh_first),                    \
                         RCU_LIST_OFFSET(node, field.le_next))
#define SLIST_INSERT_HEAD_RCU(head, node, field)                                      \
    rcu_list_insert_head("SLIST_INSERT_HEAD_RCU", RCU_LIST_SLIST, &(head)->slh_first, \
                         RCU_LIST_NODE(node, (head)->slh_first),                      \
                         RCU_LIST_OFFSET(node, field.sle_next))
#define SIMPLEQ_INSERT_HEAD_RCU(head, node, field)                                        \
    rcu_list_insert_head("SIMPLEQ_INSERT_HEAD_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                         RCU_LIST_NODE(node, (head)->sqh_first),                          \
                         RCU_LIST_OFFSET(node, field.sqe_next))
#define TAILQ_INSERT_HEAD_RCU(head, node, field)                                      \
    rcu_list_insert_head("TAILQ_INSERT_HEAD_RCU", RCU_LIST_TAILQ, &(head)->tqh_first, \
                         RCU_LIST_NODE(node, (head)->tqh_first),                      \
                         RCU_LIST_OFFSET(node, field.tqe_next))

/* Inserts the node behind `after`. A reader that comes by sees it, whole, or goes from `after` to
 * the one that followed. SLIST: that `after` is in the list is not checked. */
#define LIST_INSERT_AFTER_RCU(after, node, field)                              \
    rcu_list_insert_after("LIST_INSERT_AFTER_RCU", RCU_LIST_LIST, NULL, after, \
                          RCU_LIST_NODE(node, after), RCU_LIST_OFFSET(node, field.le_next))
#define SLIST_INSERT_AFTER_RCU(after, node, field)                               \
    rcu_list_insert_after("SLIST_INSERT_AFTER_RCU", RCU_LIST_SLIST, NULL, after, \
                          RCU_LIST_NODE(node, after), RCU_LIST_OFFSET(node, field.sle_next))
#define SIMPLEQ_INSERT_AFTER_RCU(head, after, node, field)                                         \
    rcu_list_insert_after("SIMPLEQ_INSERT_AFTER_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, after, \
                          RCU_LIST_NODE(node, after), RCU_LIST_OFFSET(node, field.sqe_next))
#define TAILQ_INSERT_AFTER_RCU(head, after, node, field)                                       \
    rcu_list_insert_after("TAILQ_INSERT_AFTER_RCU", RCU_LIST_TAILQ, &(head)->tqh_first, after, \
                          RCU_LIST_NODE(node, after), RCU_LIST_OFFSET(node, field.tqe_next))

/* Inserts the node in front of `before`. A reader sees both, or only `before`. */
#define LIST_INSERT_BEFORE_RCU(before, node, field)                                       \
    rcu_list_insert_before("LIST_INSERT_BEFORE_RCU", before, RCU_LIST_NODE(node, before), \
                           RCU_LIST_OFFSET(node, field.le_next))
#define TAILQ_INSERT_BEFORE_RCU(before, node, field)                                       \
    rcu_list_insert_before("TAILQ_INSERT_BEFORE_RCU", before, RCU_LIST_NODE(node, before), \
                           RCU_LIST_OFFSET(node, field.tqe_next))

/* Inserts the node as the last. A reader sees it, whole, or ends with the one that was last. */
#define SIMPLEQ_INSERT_TAIL_RCU(head, node, field)                                        \
    rcu_list_insert_tail("SIMPLEQ_INSERT_TAIL_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                         RCU_LIST_NODE(node, (head)->sqh_first),                          \
                         RCU_LIST_OFFSET(node, field.sqe_next))
#define TAILQ_INSERT_TAIL_RCU(head, node, field)                                      \
    rcu_list_insert_tail("TAILQ_INSERT_TAIL_RCU", RCU_LIST_TAILQ, &(head)->tqh_first, \
                         RCU_LIST_NODE(node, (head)->tqh_first),                      \
                         RCU_LIST_OFFSET(node, field.tqe_next))

/* Removes the node. A reader sees it or not, and all others in both cases; one that stands on it
 * goes on to what followed when it was removed. SLIST and SIMPLEQ walk to the node. */
#define LIST_REMOVE_RCU(node, field)                              \
    rcu_list_remove("LIST_REMOVE_RCU", RCU_LIST_LIST, NULL, node, \
                    RCU_LIST_OFFSET(node, field.le_next))
#define SLIST_REMOVE_RCU(head, node, type, field)                           \
    rcu_list_remove("SLIST_REMOVE_RCU", RCU_LIST_SLIST, &(head)->slh_first, \
                    RCU_LIST_NODE(node, (struct type *)NULL),               \
                    offsetof(struct type, field.sle_next))
#define SIMPLEQ_REMOVE_RCU(head, node, type, field)                             \
    rcu_list_remove("SIMPLEQ_REMOVE_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                    RCU_LIST_NODE(node, (struct type *)NULL),                   \
                    offsetof(struct type, field.sqe_next))
#define TAILQ_REMOVE_RCU(head, node, field)                                 \
    rcu_list_remove("TAILQ_REMOVE_RCU", RCU_LIST_TAILQ, &(head)->tqh_first, \
                    RCU_LIST_NODE(node, (head)->tqh_first), RCU_LIST_OFFSET(node, field.tqe_next))

/* Removes the first node; not of an empty list. Readers: as above. */
#define SLIST_REMOVE_HEAD_RCU(head, field)                                            \
    rcu_list_remove_head("SLIST_REMOVE_HEAD_RCU", RCU_LIST_SLIST, &(head)->slh_first, \
                         RCU_LIST_OFFSET((head)->slh_first, field.sle_next))
#define SIMPLEQ_REMOVE_HEAD_RCU(head, field)                                              \
    rcu_list_remove_head("SIMPLEQ_REMOVE_HEAD_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                         RCU_LIST_OFFSET((head)->sqh_first, field.sqe_next))

/* Puts the node where `old` is. A reader sees the old node or the new one: never both, never
 * neither. One that stands on `old` goes on to what followed when it was replaced. SLIST and
 * SIMPLEQ walk. */
#define LIST_REPLACE_RCU(old, node, field)                                                   \
    rcu_list_replace("LIST_REPLACE_RCU", RCU_LIST_LIST, NULL, old, RCU_LIST_NODE(node, old), \
                     RCU_LIST_OFFSET(node, field.le_next))
#define SLIST_REPLACE_RCU(head, old, node, field)                                     \
    rcu_list_replace("SLIST_REPLACE_RCU", RCU_LIST_SLIST, &(head)->slh_first,         \
                     RCU_LIST_NODE(old, (head)->slh_first), RCU_LIST_NODE(node, old), \
                     RCU_LIST_OFFSET(node, field.sle_next))
#define SIMPLEQ_REPLACE_RCU(head, old, node, field)                                   \
    rcu_list_replace("SIMPLEQ_REPLACE_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first,     \
                     RCU_LIST_NODE(old, (head)->sqh_first), RCU_LIST_NODE(node, old), \
                     RCU_LIST_OFFSET(node, field.sqe_next))
#define TAILQ_REPLACE_RCU(head, old, node, field)                                     \
    rcu_list_replace("TAILQ_REPLACE_RCU", RCU_LIST_TAILQ, &(head)->tqh_first,         \
                     RCU_LIST_NODE(old, (head)->tqh_first), RCU_LIST_NODE(node, old), \
                     RCU_LIST_OFFSET(node, field.tqe_next))

/* Moves all nodes of `source` in front of those of `head`, and leaves `source` empty.
 * => A reader of `head` sees all of them and then the old ones, or only the old ones.
 * => A reader of `source` sees all of them or none. If it sees them, it may run on into the nodes
 *    of `head`.
 * => For a moment they are in both lists, never in neither: a reader that walks `source` first and
 *    then `head` meets each at least once.
 * LIST and SLIST walk `source`. */
#define LIST_SPLICE_RCU(head, source, field)                               \
    rcu_list_splice("LIST_SPLICE_RCU", RCU_LIST_LIST, &(head)->lh_first,   \
                    RCU_LIST_NODE(&(source)->lh_first, &(head)->lh_first), \
                    RCU_LIST_OFFSET((head)->lh_first, field.le_next))
#define SLIST_SPLICE_RCU(head, source, field)                                \
    rcu_list_splice("SLIST_SPLICE_RCU", RCU_LIST_SLIST, &(head)->slh_first,  \
                    RCU_LIST_NODE(&(source)->slh_first, &(head)->slh_first), \
                    RCU_LIST_OFFSET((head)->slh_first, field.sle_next))
#define SIMPLEQ_SPLICE_RCU(head, source, field)                                 \
    rcu_list_splice("SIMPLEQ_SPLICE_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                    RCU_LIST_NODE(&(source)->sqh_first, &(head)->sqh_first),    \
                    RCU_LIST_OFFSET((head)->sqh_first, field.sqe_next))
#define TAILQ_SPLICE_RCU(head, source, field)                                \
    rcu_list_splice("TAILQ_SPLICE_RCU", RCU_LIST_TAILQ, &(head)->tqh_first,  \
                    RCU_LIST_NODE(&(source)->tqh_first, &(head)->tqh_first), \
                    RCU_LIST_OFFSET((head)->tqh_first, field.tqe_next))

/* Moves all nodes of `source` behind those of `head`, and leaves `source` empty.
 * => A reader of `head` sees the old ones, and then all of them or none. One that has found the end
 *    already does not see them.
 * => A reader of `source` sees all of them or none, and nothing else.
 * => First `source`, then `head`: as above.
 * LIST and SLIST walk `head`. */
#define LIST_CONCAT_RCU(head, source, field)                               \
    rcu_list_concat("LIST_CONCAT_RCU", RCU_LIST_LIST, &(head)->lh_first,   \
                    RCU_LIST_NODE(&(source)->lh_first, &(head)->lh_first), \
                    RCU_LIST_OFFSET((head)->lh_first, field.le_next))
#define SLIST_CONCAT_RCU(head, source, field)                                \
    rcu_list_concat("SLIST_CONCAT_RCU", RCU_LIST_SLIST, &(head)->slh_first,  \
                    RCU_LIST_NODE(&(source)->slh_first, &(head)->slh_first), \
                    RCU_LIST_OFFSET((head)->slh_first, field.sle_next))
#define SIMPLEQ_CONCAT_RCU(head, source, field)                                 \
    rcu_list_concat("SIMPLEQ_CONCAT_RCU", RCU_LIST_SIMPLEQ, &(head)->sqh_first, \
                    RCU_LIST_NODE(&(source)->sqh_first, &(head)->sqh_first),    \
                    RCU_LIST_OFFSET((head)->sqh_first, field.sqe_next))
#define TAILQ_CONCAT_RCU(head, source, field)                                \
    rcu_list_concat("TAILQ_CONCAT_RCU", RCU_LIST_TAILQ, &(head)->tqh_first,  \
                    RCU_LIST_NODE(&(source)->tqh_first, &(head)->tqh_first), \
                    RCU_LIST_OFFSET((head)->tqh_first, field.tqe_next))

#endif
