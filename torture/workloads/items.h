/* Items that are published, replaced and queued as callbacks, and the account of which callback is
 * next.
 *
 * Each `struct items` belongs to one thread. It publishes an item, replaces it by a fresh one of
 * its pool and queues a callback for the old one; callbacks are numbered in that order. When one
 * has run, its item goes back to the pool. Readers hold an item inside a section and find whether
 * its callback has run meanwhile.
 */
#ifndef STILLPOINT_ITEMS_H
#define STILLPOINT_ITEMS_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

/* First in a workload's own struct, when that has more. */
struct item {
    flavor_head head;
    struct items *items;
    struct item *next;         /* in the pool */
    atomic_uint done;          /* its callback has run */
    _Atomic uint64_t sequence; /* of its callback */
};

struct items {
    _Alignas(64) struct item *current;     /* published */
    _Alignas(64) _Atomic uint64_t queued;  /* callbacks; also the sequence of the next one */
    _Alignas(64) _Atomic uint64_t invoked; /* by callbacks; the sequence of the next one to run */
    _Atomic(struct item *) returned;       /* items whose callback has run */
    struct item *idle;                     /* the thread's, or before it starts */
    struct torture_thread *thread;
    struct instance *instance;
};

/* Makes a pool of so many items of that size, besides the one that is published. */
void items_open(struct items *items, struct instance *in, struct torture_thread *thread,
                size_t count, size_t size);
/* Frees all. Returns how many were in the pool. => No callback is pending. */
size_t items_close(struct items *items);

/* One more, of nobody's pool yet. */
struct item *items_make(struct items *items, size_t size);
/* An item that nobody uses; NULL when all are on their way. => The thread's. */
struct item *items_take(struct items *items);
/* All whose callback has run are idle again. => The thread's. */
void items_recover(struct items *items);
/* Publishes it as the one whose callback comes after those that are queued. Returns the one that it
 * replaces, whose callback is to be queued now. => The thread's. */
struct item *items_publish(struct items *items, struct item *fresh);
/* The callback of the item that was replaced is queued. => The thread's, after flavor_call(). */
void items_count_queued(struct items *items);
/* Returns when at most so many callbacks have still to run; beats whenever one has. => The
 * thread's. */
void items_wait(struct torture_thread *t, struct items *items, uint64_t most);

/* --- In a callback --- */

static inline struct item *item_of(flavor_head *head)
{
    return (struct item *)((char *)head - offsetof(struct item, head));
}

/* Which callback runs, which was next, and whether this one has run before. */
struct item_turn {
    uint64_t sequence, expected;
    bool again;
};

/* First in a callback: the item is done. */
struct item_turn item_begin(struct item *item);
/* Last in a callback: the item goes back to the pool, and `sequence` is counted as run. */
void item_end(struct item *item, uint64_t sequence);
/* The same of an item that its callback has queued again. */
void item_count_run(struct item *item, uint64_t sequence);

/* --- Readers --- */

/* How a workload has its items read, and the rows of its tables for that. */
struct items_reading {
    struct items *items; /* `count` of them: a reader takes any for each section */
    size_t count;
    int64_t section_ns;      /* longest section; most have no length */
    unsigned reads, checks;  /* counters */
    unsigned check, entered; /* the check that is violated, the note of the section */
};

/* A reader's whole life: it comes and goes without a pause. */
void items_read(struct torture_thread *t, const struct items_reading *reading);

#endif
