/* <sys/queue.h>; or, where the C library has none, as musl, what the library and its tests need of
 * it, by the same names. A program that brings a queue.h of its own includes that first.
 *
 * Source of the names: BSD's queue(3).
 */
#ifndef STILLPOINT_QUEUE_H
#define STILLPOINT_QUEUE_H

#if __has_include(<sys/queue.h>)
#include <sys/queue.h>
#elif !defined(TAILQ_HEAD)

/* ---- Singly linked, without a tail and with one ---- */

/* clang-format off */
#define SLIST_HEAD(name, type) struct name { struct type *slh_first; }
#define SLIST_ENTRY(type) struct { struct type *sle_next; }
/* clang-format on */
#define SLIST_HEAD_INITIALIZER(head) \
    {                                \
        NULL                         \
    }
#define SLIST_INIT(head)        ((void)((head)->slh_first = NULL))
#define SLIST_FIRST(head)       ((head)->slh_first)
#define SLIST_EMPTY(head)       (SLIST_FIRST(head) == NULL)
#define SLIST_NEXT(node, field) ((node)->field.sle_next)
#define SLIST_INSERT_HEAD(head, node, field) \
    ((void)(SLIST_NEXT(node, field) = SLIST_FIRST(head), SLIST_FIRST(head) = (node)))
#define SLIST_REMOVE_HEAD(head, field) \
    ((void)(SLIST_FIRST(head) = SLIST_NEXT(SLIST_FIRST(head), field)))

/* clang-format off */
#define SIMPLEQ_HEAD(name, type) struct name { struct type *sqh_first, **sqh_last; }
#define SIMPLEQ_ENTRY(type) struct { struct type *sqe_next; }
/* clang-format on */
#define SIMPLEQ_HEAD_INITIALIZER(head) \
    {                                  \
        NULL, &(head).sqh_first        \
    }
#define SIMPLEQ_INIT(head) ((void)((head)->sqh_first = NULL, (head)->sqh_last = &(head)->sqh_first))

/* ---- Doubly linked, without a tail ---- */

/* clang-format off */
#define LIST_HEAD(name, type) struct name { struct type *lh_first; }
#define LIST_ENTRY(type) struct { struct type *le_next, **le_prev; }
/* clang-format on */
#define LIST_HEAD_INITIALIZER(head) \
    {                               \
        NULL                        \
    }
#define LIST_INIT(head) ((void)((head)->lh_first = NULL))
#define LIST_REMOVE(node, field)                                          \
    do {                                                                  \
        if ((node)->field.le_next)                                        \
            (node)->field.le_next->field.le_prev = (node)->field.le_prev; \
        *(node)->field.le_prev = (node)->field.le_next;                   \
    } while (0)

/* ---- Doubly linked, with a tail ---- */

/* clang-format off */
#define TAILQ_HEAD(name, type) struct name { struct type *tqh_first, **tqh_last; }
#define TAILQ_ENTRY(type) struct { struct type *tqe_next, **tqe_prev; }
/* clang-format on */
#define TAILQ_HEAD_INITIALIZER(head) \
    {                                \
        NULL, &(head).tqh_first      \
    }
#define TAILQ_INIT(head)                       \
    do {                                       \
        (head)->tqh_first = NULL;              \
        (head)->tqh_last = &(head)->tqh_first; \
    } while (0)
#define TAILQ_FIRST(head)             ((head)->tqh_first)
#define TAILQ_EMPTY(head)             (TAILQ_FIRST(head) == NULL)
#define TAILQ_NEXT(node, field)       ((node)->field.tqe_next)
/* A head and a link are alike: the second pointer of either leads to the link of the node before,
 * and from there to the one that leads to it. */
#define TAILQ_LAST(head, name)        (*((struct name *)(void *)(head)->tqh_last)->tqh_last)
#define TAILQ_PREV(node, name, field) (*((struct name *)(void *)(node)->field.tqe_prev)->tqh_last)
#define TAILQ_FOREACH(node, head, field) \
    for ((node) = TAILQ_FIRST(head); (node); (node) = TAILQ_NEXT(node, field))
/* Where it stands now: the link that leads to it, and the one that is to lead behind it. */
#define STILLPOINT_TAILQ_LINK(head, node, field, link, following)             \
    do {                                                                      \
        (node)->field.tqe_next = (following);                                 \
        (node)->field.tqe_prev = (link);                                      \
        *(node)->field.tqe_prev = (node);                                     \
        if ((node)->field.tqe_next)                                           \
            (node)->field.tqe_next->field.tqe_prev = &(node)->field.tqe_next; \
        else                                                                  \
            (head)->tqh_last = &(node)->field.tqe_next;                       \
    } while (0)
#define TAILQ_INSERT_HEAD(head, node, field) \
    STILLPOINT_TAILQ_LINK(head, node, field, &(head)->tqh_first, (head)->tqh_first)
#define TAILQ_INSERT_TAIL(head, node, field) \
    STILLPOINT_TAILQ_LINK(head, node, field, (head)->tqh_last, NULL)
#define TAILQ_INSERT_AFTER(head, after, node, field) \
    STILLPOINT_TAILQ_LINK(head, node, field, &(after)->field.tqe_next, (after)->field.tqe_next)
#define TAILQ_REMOVE(head, node, field)                                      \
    do {                                                                     \
        if ((node)->field.tqe_next)                                          \
            (node)->field.tqe_next->field.tqe_prev = (node)->field.tqe_prev; \
        else                                                                 \
            (head)->tqh_last = (node)->field.tqe_prev;                       \
        *(node)->field.tqe_prev = (node)->field.tqe_next;                    \
    } while (0)

#endif
#endif
