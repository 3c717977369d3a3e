/* What the files of io-handlers share: sources of events, their handlers, and the names of what is
 * counted, checked and noted. io_handlers.c describes the workload.
 *
 *     sources.c     descriptors: made, sent to, read, and closed
 *     loop.c        the event loop, and the handlers that it runs
 *     changes.c     who adds, changes and removes handlers, and who sends
 */
#ifndef STILLPOINT_IO_HANDLERS_WORKLOAD_H
#define STILLPOINT_IO_HANDLERS_WORKLOAD_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"
#include "torture/workloads/callback_lock.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <pthread.h>

#define POISON UINT64_C(0x5151515151515151)

struct io_params {
    int64_t senders, changers, lock_users, handlers, send_pause_ns, change_pause_ns, hold_ns;
};

enum {
    READS,
    CHECKS,
    SENT,
    HANDLED,
    FOUND_NONE,
    ADDED,
    CHANGED,
    REMOVED,
    UNREAD,
    LOCKED,
    COUNTER_COUNT
};
enum { LATE_HANDLER, LOST_EVENT, EARLY_REUSE, QUIESCENCE, CHECK_COUNT };
enum { NOTE_ADDED, NOTE_CHANGED, NOTE_REMOVED, NOTE_ENTERED, NOTE_COUNT };

enum source_kind { EVENTFD, PIPE, TIMERFD, SOURCE_KINDS };

/* What events come from. One handler at a time is for it. */
struct source {
    uint64_t number; /* what epoll gives back */
    enum source_kind kind;
    int fd, write_fd; /* a pipe has another end */
    /* Raised before an event is sent, and when one is handled. */
    _Alignas(64) _Atomic uint64_t sent;
    _Alignas(64) _Atomic uint64_t handled;
};

struct handler {
    LIST_ENTRY(handler) link;
    _Atomic uint64_t number; /* of the source; poisoned when it is freed */
    struct source *source;
    atomic_bool gone; /* it was removed, and a grace period has passed */
    bool with_source; /* which goes with it */
    flavor_retired retired;
    struct io *io;
};

struct io {
    LIST_HEAD(io_list, handler) handlers;
    _Alignas(64) pthread_mutex_t lock; /* of whoever changes the list */
    uint64_t count, next_number;       /* under the lock */
    int epoll_fd;
    struct big_lock *big_lock; /* handlers run under it */
    struct leaving leaving;
    struct quarantine quarantine;
    _Atomic uint64_t made, freed;  /* handlers */
    _Atomic uint64_t unread, lost; /* events in sources that were closed; sources with lost ones */
    atomic_uint at_work;           /* threads that may still send */
};

/* --- sources.c --- */

/* NULL: the machine has no descriptor left. */
struct source *source_make(struct io *io);
/* In a section. False: there is no room, and nothing was sent. */
bool source_send(struct source *s);
/* All that is there; how many events. */
uint64_t source_read(const struct source *s);
void source_close(struct source *s);

/* --- changes.c --- */

struct handler *io_new_handler(struct io *io, struct source *s);
void io_add(struct torture_thread *t, struct io *io, struct source *s);
void io_sender(struct torture_thread *t);
void io_changer(struct torture_thread *t);
void io_lock_user(struct torture_thread *t);

/* --- loop.c --- */

void io_loop(struct torture_thread *t);

#endif
