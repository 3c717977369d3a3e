#include "items.h"
#include "torture/runner/violation.h"

#include <stdlib.h>

struct item *items_make(struct items *items, size_t size)
{
    struct item *item = calloc(1, size);

    item->items = items;
    return item;
}

void items_open(struct items *items, struct instance *in, struct torture_thread *thread,
                size_t count, size_t size)
{
    items->instance = in;
    items->thread = thread;
    for (size_t i = 0; i <= count; i++) {
        struct item *item = items_make(items, size);

        item->next = items->idle;
        items->idle = item;
    }
    items->current = items_take(items);
}

static size_t free_list(struct item *item)
{
    size_t n = 0;

    while (item) {
        struct item *next = item->next;

        free(item);
        item = next;
        n++;
    }
    return n;
}

size_t items_close(struct items *items)
{
    size_t back = free_list(items->idle) + free_list(atomic_load(&items->returned));

    free(items->current);
    return back;
}

/* Orders: LOAD items->returned -> STORE item->done, item->sequence.
 * Pairs with: item_end(), STORE item->next -> CAS items->returned (release).
 * Broken: the pool is a torn list, and a callback that still runs sees its item as fresh. */
static struct item *returned_items(struct items *items)
{
    return atomic_exchange_explicit(&items->returned, NULL, memory_order_acquire);
}

struct item *items_take(struct items *items)
{
    struct item *item;

    if (!items->idle)
        items->idle = returned_items(items);
    item = items->idle;
    if (item)
        items->idle = item->next;
    return item;
}

void items_recover(struct items *items)
{
    struct item *item = returned_items(items);

    while (item) {
        struct item *next = item->next;

        item->next = items->idle;
        items->idle = item;
        item = next;
    }
}

struct item *items_publish(struct items *items, struct item *fresh)
{
    struct item *old = items->current;
    uint64_t sequence = atomic_load_explicit(&items->queued, memory_order_relaxed);

    atomic_store_explicit(&fresh->done, 0, memory_order_relaxed);
    atomic_store_explicit(&fresh->sequence, sequence + 1, memory_order_relaxed);
    flavor_assign_pointer(items->current, fresh);
    return old;
}

void items_count_queued(struct items *items)
{
    uint64_t queued = atomic_load_explicit(&items->queued, memory_order_relaxed);

    /* Orders: flavor_call() -> STORE items->queued.
     * Pairs with: barrier_once(), LOAD items->queued (acquire) -> flavor_barrier().
     * Broken: a barrier is blamed for a callback that was not queued before it. */
    atomic_store_explicit(&items->queued, queued + 1, memory_order_release);
}

void items_wait(struct torture_thread *t, struct items *items, uint64_t most)
{
    uint64_t queued = atomic_load_explicit(&items->queued, memory_order_relaxed), last = 0;

    for (;;) {
        /* Orders: LOAD items->invoked -> what the thread does when its callbacks have run.
         * Pairs with: item_count_run(), STORE item->items->invoked (release).
         * Broken: the thread ends, and its counters are read while a callback adds to them. */
        uint64_t now = atomic_load_explicit(&items->invoked, memory_order_acquire);

        if (queued - now <= most)
            return;
        if (now != last)
            torture_beat(t);
        last = now;
        shared_wait(&t->header->stop, torture_running(t) ? 0 : 1, 200 * 1000);
    }
}

/* --- In a callback --- */

struct item_turn item_begin(struct item *item)
{
    return (struct item_turn){
        .sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed),
        .expected = atomic_load_explicit(&item->items->invoked, memory_order_relaxed),
        .again = atomic_exchange_explicit(&item->done, 1, memory_order_relaxed) != 0,
    };
}

void item_count_run(struct item *item, uint64_t sequence)
{
    /* Orders: what the callback did -> STORE items->invoked.
     * Pairs with: barrier_once(), items_wait() and have_run(), LOAD items->invoked (acquire).
     * Broken: a barrier is blamed wrongly, or a trace of a play has holes. */
    atomic_store_explicit(&item->items->invoked, sequence + 1, memory_order_release);
}

void item_end(struct item *item, uint64_t sequence)
{
    struct items *items = item->items;

    /* Orders: STORE item->next, and the loads of the callback -> CAS items->returned.
     * Pairs with: returned_items(), EXCHANGE items->returned (acquire).
     * Broken: the pool is a torn list, and a callback that still runs sees its item as fresh. */
    item->next = atomic_load_explicit(&items->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&items->returned, &item->next, item,
                                                  memory_order_release, memory_order_relaxed))
        ;
    item_count_run(item, sequence);
}

/* --- Readers --- */

/* Nothing in the section fences or stores to what others use: it would hide the bugs. */
static void read_once(struct torture_thread *t, const struct items_reading *reading)
{
    struct items *items = &reading->items[random_below(&t->random, reading->count)];
    uint64_t ns = random_one_in(&t->random, 64)
                      ? random_below(&t->random, (uint64_t)reading->section_ns + 1)
                      : 0;
    uint64_t entered = clock_ticks(), sequence;
    struct item *item;
    unsigned done;

    torture_section(t, true);
    flavor_read_lock();
    item = flavor_dereference(items->current);
    sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);
    if (ns)
        torture_spin(ns);
    done = atomic_load_explicit(&item->done, memory_order_relaxed);
    flavor_read_unlock();
    torture_section(t, false);
    if (__builtin_expect(done != 0, 0)) {
        torture_note_at(t, entered, reading->entered, (unsigned long)sequence, 0);
        torture_violation(t->instance, t, reading->check,
                          "The callback of item %lu ran while a reader that had loaded the item "
                          "was still inside its section.",
                          (unsigned long)sequence);
    }
}

void items_read(struct torture_thread *t, const struct items_reading *reading)
{
    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 32; i++)
            read_once(t, reading);
        torture_count(t, reading->reads, 32);
        torture_count(t, reading->checks, 32);
        torture_beat(t);
    }
    flavor_unregister_thread();
}
