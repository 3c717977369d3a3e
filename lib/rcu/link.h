/* A ring of links: the head of an empty list leads to itself. All of it is here. */
#ifndef STILLPOINT_RCU_LINK_H
#define STILLPOINT_RCU_LINK_H

#include "stillpoint/rcu.h"

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void link_init(struct rcu_link *l)
{
    l->next = l->previous = l;
}

static inline bool link_alone(const struct rcu_link *l)
{
    return l->next == l;
}

static inline void link_remove(struct rcu_link *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    link_init(l);
}

static inline void link_insert(struct rcu_link *l, struct rcu_link *head)
{
    l->next = head;
    l->previous = head->previous;
    head->previous->next = l;
    head->previous = l;
}

static inline void link_move(struct rcu_link *l, struct rcu_link *head)
{
    link_remove(l);
    link_insert(l, head);
}

/* Safe against removal of `l` itself in the body. */
#define list_for_each(l, after, head) \
    for ((l) = (head)->next, (after) = (l)->next; (l) != (head); (l) = (after), (after) = (l)->next)

#endif
