/* Callbacks that show when they ran, and readers that hold them up. */
#ifndef STILLPOINT_TESTS_ITEMS_H
#define STILLPOINT_TESTS_ITEMS_H

#include <stillpoint/event.h>
#include <stillpoint/rcu.h>

#include "actor.h"

#include <stddef.h>

#define CALLBACKS 1000
#define PRODUCERS 4

/* A thread that waits in a section until it is told to leave. */
struct reader {
    pthread_t thread;
    struct manual_event inside, leave;
};

static inline void *reader_main(void *argument)
{
    struct reader *r = argument;

    rcu_register_thread();
    rcu_read_lock();
    manual_event_set(&r->inside);
    manual_event_wait(&r->leave);
    rcu_read_unlock();
    rcu_unregister_thread();
    return NULL;
}

static inline void reader_enters(struct reader *r)
{
    manual_event_init(&r->inside, false);
    manual_event_init(&r->leave, false);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, reader_main, r), 0);
    manual_event_wait(&r->inside);
}

static inline void reader_leaves(struct reader *r)
{
    manual_event_set(&r->leave);
    pthread_join(r->thread, NULL);
    manual_event_destroy(&r->inside);
    manual_event_destroy(&r->leave);
}

/* Under which callbacks do not pile up. */
static inline void use_policy(int policy)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)policy, MS_NS);

    settings.force_naps = 0;
    use(settings);
}

/* The leader has looked at the readers, and naps or sleeps: otherwise it holds the registry
 * lock. */
static inline bool leader_waits(void)
{
    return rcu_holdouts(NULL, 0) > 0;
}

/* A callback that says when it ran: the first of all is 1. */
struct item {
    int before; /* the head need not come first */
    struct rcu_head head;
    atomic_uint ran;
    int producer;
    unsigned number;
};

static struct item items[PRODUCERS * CALLBACKS];
static atomic_uint ran_count;

static struct item *item_of(struct rcu_head *head)
{
    return (struct item *)((char *)head - offsetof(struct item, head));
}

static inline void run_item(struct rcu_head *head)
{
    atomic_store(&item_of(head)->ran, atomic_fetch_add(&ran_count, 1) + 1);
}

static inline void queue(unsigned first, unsigned last)
{
    for (unsigned i = first; i < last; i++)
        call_rcu(&items[i].head, run_item);
}

static inline bool has_run(unsigned i)
{
    return atomic_load(&items[i].ran) != 0;
}

#endif
