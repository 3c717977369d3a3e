/* io-handlers: an event loop whose handlers come, change and go.
 *
 * Sources of events are descriptors: eventfds, pipes, timers. The loop waits for them with epoll,
 * edge by edge, and runs the handler of each, which it finds in a list inside a section, under the
 * program's big lock. Others add handlers with their sources, put another handler in the place of
 * one, and remove them; the source is closed with its handler, a grace period later. Senders find a
 * handler in the list and send to its source. What must hold:
 *
 *     a handler does not run after it was removed and a grace period has passed
 *     each event is handled, or still in its source when that is closed, and by no other's handler
 *     nobody meets what was freed
 *
 * Here are the tables, the set-up and the checks of the end; io_handlers.h has where the rest is.
 */
#include "io_handlers.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --- Names, in the order of the enums in io_handlers.h --- */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [SENT] = {.name = "sent", .words = "events sent"},
    [HANDLED] = {.name = "handled", .words = "events handled"},
    [FOUND_NONE] = {.name = "without_handler", .words = "wake-ups for handlers that had gone"},
    [ADDED] = {.name = "handlers_added"},
    [CHANGED] = {.name = "handlers_changed"},
    [REMOVED] = {.name = "handlers_removed"},
    [UNREAD] = {.name = "unread", .words = "events in sources that were closed"},
    [LOCKED] = {.name = "locked"},
};

static const char *const checks[CHECK_COUNT] = {
    [LATE_HANDLER] = "late-handler",
    [LOST_EVENT] = "lost-event",
    [EARLY_REUSE] = "early-reuse",
    [QUIESCENCE] = "quiescence",
};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_ADDED] = {.format = "added the handler of source %lu, of kind %lu"},
    [NOTE_CHANGED] = {.format = "changed the handler of source %lu"},
    [NOTE_REMOVED] = {.format = "removed the handler of source %lu"},
    [NOTE_ENTERED] = {.format = "entered, runs the handler of source %lu", .enters = true},
};

/* --- Set-up and end --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct io_params *p = in->params;
    struct io *io = cache_lines(sizeof *io);

    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->epoll_fd < 0) {
        diagnose_refused(d, errno, "epoll_create1", "io-handlers: no descriptor");
        free(io);
        return false;
    }
    pthread_mutex_init(&io->lock, NULL);
    LIST_INIT(&io->handlers);
    io->big_lock = big_lock_open(false, NULL, 0);
    atomic_init(&io->at_work, (unsigned)(p->senders + p->changers));
    for (int64_t i = 0; i < p->handlers / 2; i++) {
        struct source *s = source_make(io);

        if (s)
            io_add(NULL, io, s);
    }
    in->state = io;
    return true;
}

static void judge_source(struct instance *in, const struct source *s)
{
    uint64_t sent = atomic_load(&s->sent), handled = atomic_load(&s->handled);

    /* A timer may run out later than anybody waits. */
    if (sent != handled && s->kind != TIMERFD)
        torture_violation(
            in, NULL, LOST_EVENT, "Of %lu events of source %lu, of kind %d, %lu were handled.",
            (unsigned long)sent, (unsigned long)s->number, (int)s->kind, (unsigned long)handled);
}

static void finish(struct instance *in)
{
    struct io *io = in->state;
    uint64_t there = 0, made = atomic_load(&io->made), freed = atomic_load(&io->freed);
    uint64_t lost = atomic_load(&io->lost);
    struct handler *h;

    while ((h = LIST_FIRST(&io->handlers))) {
        LIST_REMOVE(h, link);
        judge_source(in, h->source);
        source_close(h->source);
        free(h);
        there++;
    }
    if (lost > 0)
        torture_violation(in, NULL, LOST_EVENT,
                          "%lu sources were closed when not all that was sent to them had been "
                          "handled or was still there.",
                          (unsigned long)lost);
    if (made != there + freed)
        torture_violation(in, NULL, QUIESCENCE,
                          "%lu handlers were made, %lu are in the list, and %lu were freed.",
                          (unsigned long)made, (unsigned long)there, (unsigned long)freed);
    close(io->epoll_fd);
    quarantine_close(&io->quarantine);
    big_lock_close(io->big_lock, false);
    pthread_mutex_destroy(&io->lock);
    free(io);
}

/* --- Tables --- */

#define FIELD(name) offsetof(struct io_params, name)
static const struct option options[] = {
    {.name = "senders",
     .type = OPTION_INT,
     .offset = FIELD(senders),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that send events"},
    {.name = "changers",
     .type = OPTION_INT,
     .offset = FIELD(changers),
     .default_text = "1",
     .max = 64,
     .unit = "threads",
     .help = "threads that add, change and remove handlers"},
    {.name = "lock_users",
     .type = OPTION_INT,
     .offset = FIELD(lock_users),
     .default_text = "1",
     .max = 64,
     .unit = "threads",
     .help = "threads that hold the big lock now and then, under which handlers run"},
    {.name = "handlers",
     .type = OPTION_INT,
     .offset = FIELD(handlers),
     .default_text = "16",
     .min = 2,
     .max = 256,
     .unit = "handlers",
     .help = "most of them at a time"},
    {.name = "send_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(send_pause_ns),
     .default_text = "10us",
     .max = 60e9,
     .help = "mean time between two events of a sender"},
    {.name = "change_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(change_pause_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "mean time between two changes"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "100us",
     .max = 60e9,
     .help = "longest time that a handler takes, of which one in 64 takes any, or that others hold "
             "the big lock"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "loop", .run = io_loop},
    {.name = "sender", .count_option = "senders", .run = io_sender},
    {.name = "changer", .count_option = "changers", .run = io_changer},
    {.name = "lock-user", .count_option = "lock_users", .run = io_lock_user},
    {.name = NULL},
};

extern const struct workload io_handlers_workload;
const struct workload io_handlers_workload = {
    .name = "io-handlers",
    .summary = "an event loop whose handlers come, change and go while it runs them",
    .needs = CAN_PROTECT | CAN_SECTIONS | CAN_RETIRE,
    .options = options,
    .params_size = sizeof(struct io_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
