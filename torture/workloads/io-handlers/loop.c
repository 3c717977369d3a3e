/* io-handlers: the event loop, and the handlers that it runs.
 *
 * epoll tells which sources have something, by their numbers: the handler of one may have been
 * changed or removed since. So each is looked up in the list, in the section in which it then runs.
 */
#include "io_handlers.h"
#include "torture/runner/violation.h"

#include <sys/epoll.h>

#define AT_ONCE 64
#define WAIT_MS 20

/* What running a handler showed; told behind the section. */
struct outcome {
    bool found, gone, freed, stray, unlocked;
    uint64_t events;
};

/* In a section. */
static struct handler *find(struct io *io, uint64_t number)
{
    struct handler *h;

    LIST_FOREACH_RCU (h, &io->handlers, link)
        if (atomic_load_explicit(&h->number, memory_order_relaxed) == number)
            break;
    return h;
}

/* In the section in which it was found, under the big lock. */
static void run(struct io *io, struct handler *h, uint64_t number, uint64_t hold_ns,
                struct outcome *o)
{
    struct source *s = h->source;
    uint64_t handled;

    if (hold_ns)
        torture_spin(hold_ns);
    o->gone = atomic_load_explicit(&h->gone, memory_order_relaxed);
    o->freed = atomic_load_explicit(&h->number, memory_order_relaxed) != number;
    o->unlocked = !big_lock_held(io->big_lock);
    if (o->gone || o->freed)
        return; /* its descriptor is closed, or somebody else's */
    o->events = source_read(s);
    handled = atomic_fetch_add_explicit(&s->handled, o->events, memory_order_relaxed) + o->events;
    o->stray = handled > atomic_load_explicit(&s->sent, memory_order_relaxed);
}

static void judge(struct torture_thread *t, uint64_t number, const struct outcome *o,
                  uint64_t entered)
{
    if (__builtin_expect(!o->gone && !o->freed && !o->stray && !o->unlocked, 1))
        return;
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)number, 0);
    if (o->stray)
        torture_violation(t->instance, t, LOST_EVENT,
                          "The handler of source %lu got events that were sent to another one.",
                          (unsigned long)number);
    else if (o->unlocked)
        torture_violation(t->instance, t, LATE_HANDLER,
                          "The handler of source %lu ran without the big lock.",
                          (unsigned long)number);
    else if (o->gone)
        torture_violation(t->instance, t, LATE_HANDLER,
                          "The handler of source %lu ran after it had been removed and a grace "
                          "period had passed.",
                          (unsigned long)number);
    else
        torture_violation(t->instance, t, EARLY_REUSE,
                          "The handler of source %lu was freed while it ran.",
                          (unsigned long)number);
}

static void handle(struct torture_thread *t, struct io *io, uint64_t number)
{
    const struct io_params *p = t->instance->params;
    uint64_t hold_ns =
        random_one_in(&t->random, 64) ? random_below(&t->random, (uint64_t)p->hold_ns + 1) : 0;
    uint64_t entered = clock_ticks();
    struct outcome o = {.found = false};
    struct handler *h;

    big_lock_take(io->big_lock);
    torture_section(t, true);
    flavor_read_lock();
    h = find(io, number);
    o.found = h != NULL;
    if (h)
        run(io, h, number, hold_ns, &o);
    flavor_read_unlock();
    torture_section(t, false);
    big_lock_release(io->big_lock);
    torture_count(t, CHECKS, 1);
    torture_count(t, HANDLED, o.events);
    torture_count(t, FOUND_NONE, !o.found);
    judge(t, number, &o, entered);
}

void io_loop(struct torture_thread *t)
{
    struct io *io = t->instance->state;
    struct epoll_event events[AT_ONCE];
    bool idle = false;

    flavor_register_thread();
    /* Orders: LOAD at_work (acquire) -> epoll_wait(), for all that was sent.
     * Pairs with: end_work(), RMW at_work (release).
     * Broken: the loop ends with an event on its way. */
    while (atomic_load_explicit(&io->at_work, memory_order_acquire) > 0 || !idle) {
        bool last = atomic_load_explicit(&io->at_work, memory_order_relaxed) == 0;
        int count = epoll_wait(io->epoll_fd, events, AT_ONCE, WAIT_MS);

        for (int i = 0; i < count; i++)
            handle(t, io, events[i].data.u64);
        idle = last && count == 0;
        torture_beat(t);
    }
    flavor_unregister_thread();
}
