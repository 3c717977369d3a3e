/* io-handlers: who adds, changes and removes handlers, and who sends. */
#include "io_handlers.h"
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <sys/epoll.h>

/* --- Handlers --- */

struct handler *io_new_handler(struct io *io, struct source *s)
{
    struct handler *h = cache_lines(sizeof *h);

    atomic_init(&h->number, s->number);
    h->source = s;
    h->io = io;
    atomic_fetch_add_explicit(&io->made, 1, memory_order_relaxed);
    return h;
}

/* Nobody can run it, or send to its source: all that was sent was handled, or is still there. */
static void end_source(struct io *io, struct source *s)
{
    uint64_t unread = source_read(s), sent = atomic_load(&s->sent);
    uint64_t handled = atomic_load(&s->handled);

    atomic_fetch_add_explicit(&io->unread, unread, memory_order_relaxed);
    if (s->kind != TIMERFD && sent != handled + unread)
        atomic_fetch_add_explicit(&io->lost, 1, memory_order_relaxed);
    source_close(s);
}

static void reclaim(flavor_retired *retired)
{
    struct handler *h = (struct handler *)((char *)retired - offsetof(struct handler, retired));
    struct io *io = h->io;

    atomic_store_explicit(&h->gone, true, memory_order_relaxed);
    if (h->with_source)
        end_source(io, h->source);
    atomic_store_explicit(&h->number, POISON, memory_order_relaxed);
    quarantine_add(&io->quarantine, h);
    atomic_fetch_add_explicit(&io->freed, 1, memory_order_relaxed);
    leaving_end(&io->leaving);
}

static void retire(struct handler *h)
{
    leaving_begin(&h->io->leaving);
    flavor_retire(&h->retired, h, reclaim);
}

/* --- Changes; with the lock --- */

void io_add(struct torture_thread *t, struct io *io, struct source *s)
{
    struct handler *h = io_new_handler(io, s);

    io->count++;
    if (t)
        torture_note(t, NOTE_ADDED, (unsigned long)s->number, (unsigned long)s->kind);
    LIST_INSERT_HEAD_RCU(&io->handlers, h, link);
}

static struct handler *nth(struct io *io, uint64_t n)
{
    struct handler *h = LIST_FIRST(&io->handlers);

    while (h && n-- > 0)
        h = LIST_NEXT(h, link);
    return h;
}

/* Another handler for the same source. */
static struct handler *change(struct torture_thread *t, struct io *io, struct handler *old)
{
    struct handler *h = io_new_handler(io, old->source);

    torture_note(t, NOTE_CHANGED, (unsigned long)old->source->number, 0);
    LIST_REPLACE_RCU(old, h, link);
    return old;
}

static struct handler *take_out(struct torture_thread *t, struct io *io, struct handler *h)
{
    struct source *s = h->source;

    torture_note(t, NOTE_REMOVED, (unsigned long)s->number, 0);
    epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    h->with_source = true;
    LIST_REMOVE_RCU(h, link);
    io->count--;
    return h;
}

static void change_once(struct torture_thread *t, struct io *io)
{
    const struct io_params *p = t->instance->params;
    struct handler *old = NULL, *h;
    struct source *s;

    pthread_mutex_lock(&io->lock);
    h = nth(io, random_below(&t->random, (uint64_t)p->handlers));
    if (!h) {
        s = source_make(io);
        if (s)
            io_add(t, io, s);
        torture_count(t, ADDED, s != NULL);
    } else if (random_one_in(&t->random, 2)) {
        old = change(t, io, h);
        torture_count(t, CHANGED, 1);
    } else {
        old = take_out(t, io, h);
        torture_count(t, REMOVED, 1);
    }
    pthread_mutex_unlock(&io->lock);
    if (old)
        retire(old);
}

/* The loop goes on until nobody sends any more. */
static void end_work(struct io *io)
{
    /* Orders: STORE sent -> RMW at_work (release).
     * Pairs with: io_loop(), LOAD at_work (acquire).
     * Broken: the loop ends with an event on its way. */
    atomic_fetch_sub_explicit(&io->at_work, 1, memory_order_release);
}

void io_changer(struct torture_thread *t)
{
    const struct io_params *p = t->instance->params;
    struct io *io = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        change_once(t, io);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->change_pause_ns + 1));
        torture_beat(t);
    }
    while (!leaving_wait(t, &io->leaving, 0))
        ;
    if (t->index == 0)
        torture_count(t, UNREAD, atomic_load_explicit(&io->unread, memory_order_relaxed));
    end_work(io);
    flavor_unregister_thread();
}

/* --- Sending --- */

void io_sender(struct torture_thread *t)
{
    const struct io_params *p = t->instance->params;
    struct io *io = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t n = random_below(&t->random, (uint64_t)p->handlers);
        struct handler *h;
        bool sent = false;

        torture_section(t, true);
        flavor_read_lock();
        h = LIST_FIRST_RCU(&io->handlers);
        while (h && n-- > 0)
            h = LIST_NEXT_RCU(h, link);
        if (h)
            sent = source_send(h->source);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, READS, 1);
        torture_count(t, SENT, sent);
        torture_beat(t);
        if (p->send_pause_ns)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->send_pause_ns + 1));
    }
    end_work(io);
    flavor_unregister_thread();
}

/* The rest of the program, for which the loop waits between an event and its handler. */
void io_lock_user(struct torture_thread *t)
{
    const struct io_params *p = t->instance->params;
    struct io *io = t->instance->state;

    big_lock_use(t, io->big_lock, (uint64_t)p->hold_ns, 2 * (uint64_t)p->hold_ns, LOCKED);
}
