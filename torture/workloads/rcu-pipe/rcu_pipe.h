/* What the files of rcu-pipe share: objects, the cells that they are published in, and the names of
 * what is counted, checked and noted. rcu_pipe.c describes the workload.
 *
 *     options.c     the options
 *     sight.h       the read side: what every reader does inside a section
 *     readers.c     readers with ordinary sections, judging what they saw
 *     visits.c      sections in signal handlers
 *     qsbr.c        readers in quiescent-state mode
 *     cells.c       publishing, ageing, freeing
 *     updaters.c    updaters that wait for grace periods, or queue callbacks
 *     poll.c        updaters that poll, and readers that hold a cookie
 *     mail.c        mailboxes: the order of what is read before and after a grace period
 *     churn.c       threads that live for a few sections
 */
#ifndef STILLPOINT_RCU_PIPE_H
#define STILLPOINT_RCU_PIPE_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#define PIPE_LENGTH 10
#define POOL_SIZE   (PIPE_LENGTH + 6)
#define POISON      UINT64_C(0x5151515151515151)
#define PAGE        4096

#define CHURN_BURST_MAX 64

struct params {
    int64_t readers, quiet_readers, long_readers, sleepers;
    int64_t qsbr_readers, cookie_readers, mail_readers, churners;
    int64_t sync_updaters, expedited_updaters, call_rcu_updaters, poll_updaters, fake_updaters;
    int64_t nest_max;
    int64_t short_delay_ns, short_delay_one_in, long_delay_ns, long_delay_one_in;
    int64_t long_section_ns, long_pause_ns, sleeper_pause_ns;
    int64_t qsbr_spell, qsbr_pause_ns, qsbr_synchronize_one_in;
    int64_t cookie_start_one_in;
    int64_t churn_burst, churn_pause_ns, exit_one_in;
    int64_t expedite_pause_ns, fake_pause_ns;
    int64_t poll_pause_ns, poll_wait_one_in, poll_expedite_one_in;
    int64_t heap_one_in, unmap_one_in;
    int64_t entry_stores, gap_ns, signals_ns;
};
extern const struct option pipe_options[];

enum {
    READS,
    CHECKS,
    GPS,
    NESTED,
    DELAYED,
    LONG_KICKED,
    QUIET_READS,
    HEAP_FREED,
    UNMAPPED,
    QSBR_INTERVALS,
    QSBR_NESTED,
    QSBR_OFFLINE,
    QSBR_SYNCHRONIZED,
    POLLED,
    POLLED_EXPEDITED,
    COOKIES_BORROWED,
    COOKIES_WAITED,
    COOKIE_SECTIONS,
    LETTERS_POSTED,
    LETTERS_CHECKED,
    LETTERS_HANDED_ON,
    THREADS_CHURNED,
    THREADS_EXITED,
    IDLE_READS,
    LATE_READS,
    SLEEPER_READS,
    SIGNAL_READS,
    OVERLAPPED,
    ACROSS_GPS,
    AGE_0,
    COUNTER_COUNT = AGE_0 + PIPE_LENGTH + 1
};

enum { GP, GP_REQUEST, GP_TOTAL, GP_END_TO_CALLBACK, GP_POLLED, MEASURE_COUNT };

enum { PIPE_AGE, EARLY_REUSE, PUBLISH_ORDER, POLLED_COOKIES, GP_ORDER, QUIESCENCE, CHECK_COUNT };

enum {
    NOTE_PUBLISHED,
    NOTE_GP_START,
    NOTE_GP_END,
    NOTE_ENTERED,
    NOTE_AGE,
    NOTE_LEFT,
    NOTE_QUEUED,
    NOTE_CALLBACK,
    NOTE_POLLS,
    NOTE_EXPIRED,
    NOTE_COOKIE,
    NOTE_CLOSED,
    NOTE_COUNT
};

/* What a reader finds. */
struct object {
    atomic_uint age; /* grace periods since it was retired, plus one; 0: current */
    _Atomic uint64_t id;
    _Atomic uint64_t check; /* id_check(id), written before it is published */
    flavor_head head;
    struct updater *updater;
    struct object *next; /* in a list of the updater's */
    enum { SLOT, HEAP, MAPPED } kind;
};

/* A letter for the updater that ends the grace period of a slot; see mail.c. */
struct mailbox {
    _Alignas(64) _Atomic uint64_t letter;
};

/* One cell and who updates it. Lines that readers touch are apart from those they do not. */
struct updater {
    _Alignas(64) struct object *current; /* published */
    struct mailbox *mailboxes;           /* one for each slot; NULL: nobody writes letters */
    _Alignas(64) struct object pool[POOL_SIZE];
    struct object *pipe; /* retired slots, newest first; the updater's, or the callbacks' */
    struct object *idle; /* slots to use; the updater's */
    _Atomic(struct object *) returned; /* slots back from callbacks */
    atomic_uint in_flight;             /* callbacks queued and not yet done */
    uint64_t next_id;
    _Atomic(struct torture_thread *) thread;
};

/* Who counts and reports what happens to the cell's objects. */
static inline struct torture_thread *owner_of(const struct updater *u)
{
    return atomic_load_explicit(&u->thread, memory_order_relaxed);
}

/* See contend(). */
struct line {
    _Alignas(64) atomic_uint value;
};

/* What a mail reader shows the others. */
struct correspondent {
    _Alignas(64) _Atomic uint64_t loops;     /* its sections so far; the reader's */
    _Alignas(64) _Atomic uint64_t handed_on; /* a letter to check; 0: none */
};

struct state {
    size_t updater_count;
    struct updater *updaters;
    struct mailbox *mailboxes; /* of all updaters */
    struct correspondent *correspondents;
    size_t correspondent_count;
    struct line *contended; /* entry_stores of them */
    atomic_ulong progress;  /* grace periods of all updaters: what quiet readers wait for */
    /* When the last one that ended had begun, in ticks. Stored after it has ended, and any updater
     * may be the last to do so. */
    _Atomic uint64_t gp_begun;
};

static inline uint64_t id_check(uint64_t id)
{
    return random_mix(id ^ POISON);
}

static inline void object_fill(struct object *o, uint64_t id)
{
    atomic_store_explicit(&o->age, 0, memory_order_relaxed);
    atomic_store_explicit(&o->id, id, memory_order_relaxed);
    atomic_store_explicit(&o->check, id_check(id), memory_order_relaxed);
}

static inline void object_scribble(struct object *o)
{
    atomic_store_explicit(&o->id, POISON, memory_order_relaxed);
    atomic_store_explicit(&o->check, POISON, memory_order_relaxed);
}

/* --- Cells --- */

/* A cell that no other updater has taken; once for each updater's thread, which is then the only
 * one to call what follows with it. */
struct updater *pipe_own_cell(struct torture_thread *t);
/* Publishes a new object and returns the one it replaces, or NULL when all slots are retired. */
struct object *pipe_replace(struct updater *u, struct torture_thread *t);
/* Publishes a new object and keeps the old one in the cell's pipe; returns the old one's id. */
unsigned long pipe_retire(struct updater *u, struct torture_thread *t);
/* A grace period has ended: everything in the pipe is one older. Heap objects go, the oldest slots
 * are used again. */
void pipe_age(struct updater *u);

/* For objects that are not in the pipe but have a callback, which calls both. A grace period has
 * ended: the object is one older; returns its age. */
unsigned pipe_older(struct object *o);
/* Its grace period has ended: nobody may hold it, so what it held may go. Counted by the owner of
 * its cell, which waits for its callbacks before it ends. */
void pipe_free_heap(struct object *o);

/* --- What roles have in common --- */

/* One ordinary section of the calling thread, judged. */
void pipe_read_once(struct torture_thread *t);
/* Outside sections: until an updater has got on, and beats. */
void pipe_wait_for_progress(struct torture_thread *t);
/* For that: an updater got on. Beats. */
void pipe_progress(struct torture_thread *t);
/* A grace period has ended that was requested at `begun`, in ticks. */
void pipe_gp_ended(struct torture_thread *t, uint64_t begun);
/* Outside sections: sleeps for ns, or until the run ends, and beats. */
void pipe_idle(struct torture_thread *t, uint64_t ns);
/* At a role's end: it must not be inside a section. */
void pipe_check_outside(struct torture_thread *t);

/* --- Mail --- */

/* Before a slot is published. */
void pipe_open_mailbox(struct object *o);
/* The object's first grace period has ended: nobody may write to it any more. */
void pipe_close_mailbox(struct object *o);

/* --- Roles --- */

void pipe_reader(struct torture_thread *t);
void pipe_quiet_reader(struct torture_thread *t);
void pipe_long_reader(struct torture_thread *t);
void pipe_sleeper(struct torture_thread *t);
void pipe_qsbr_reader(struct torture_thread *t);
void pipe_cookie_reader(struct torture_thread *t);
void pipe_mail_reader(struct torture_thread *t);
void pipe_churn(struct torture_thread *t);
void pipe_sync_updater(struct torture_thread *t);
void pipe_expedited_updater(struct torture_thread *t);
void pipe_call_rcu_updater(struct torture_thread *t);
void pipe_poll_updater(struct torture_thread *t);
void pipe_fake_updater(struct torture_thread *t);

#endif
