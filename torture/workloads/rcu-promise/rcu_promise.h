/* rcu-promise: what a flavor promises beside safety: nothing naps without a reason, a request to
 * force is heard, and the end of a grace period wakes everybody at once.
 *
 * One thread, the holder, stages one scene after the other. It stays in a section, has others wait
 * for a grace period behind it, has another ask for force, and leaves when a notifier wants it to,
 * or when the scene is over. Scenes are judged by steps and not by the clock: by how often a thread
 * has gone to sleep since, as the kernel counts it, and by whether a sleep lasts that a request
 * should have ended. What is found depends neither on how fast the machine is nor on what the
 * flavor counts itself.
 *
 * Scenes are in scenes.c, those of requests in requests.c, and those of delays in slowed.c; what
 * the holder does in all of them is in stage.c, the threads that act in them are in actors.c, names
 * and set-up in rcu_promise.c.
 */
#ifndef STILLPOINT_RCU_PROMISE_H
#define STILLPOINT_RCU_PROMISE_H

#include "torture/flavors/flavor.h"
#include "torture/record/cpu_wait.h"
#include "torture/runner/thread.h"
#include "torture/runner/violation.h"
#include "torture/workloads/callback_lock.h"

struct promise_params {
    int64_t followers, stay_ns;
};

enum promise_counter {
    ROUNDS,
    CHECKS,
    QUIET_GPS,
    LATELY_GPS,
    LEFT_GPS,
    REQUESTS,
    BY_ITSELF,
    UNDISTURBED,
    STAYED_ON,
    SHARED_GPS,
    HELD_CALLBACKS,
    BEYOND,
    SWAPPED,
    ABANDONED,
    UNANSWERED,
    COUNTER_COUNT
};
enum promise_measure { ANSWER, END, MEASURE_COUNT };
enum promise_check { PROMISE, CHECK_COUNT };

/* What an actor does before it rests again. */
enum act {
    REST,
    WAIT,
    WAIT_OFTEN, /* QUIET_WAITS times */
    EXPEDITE,
    FORCE,
    BARRIER,
    START_POLL, /* an expedited one */
    CALL_ONE,
    CALL_SLOW,     /* one that runs until it is let go */
    CALL_SOME,     /* SOME_CALLBACKS */
    CALL_ENOUGH,   /* as many callbacks as promise to force */
    CHANGE,        /* settings that force at once */
    FILL,          /* as many callbacks as slow down who queues more */
    QUEUE_OUTSIDE, /* FEW_CALLBACKS beyond these; and MORE_CALLBACKS where nothing delays: */
    QUEUE_INSIDE,
    QUEUE_ONLINE,
    QUEUE_LOCKED,
    QUEUE_IN_CALLBACK, /* which first runs until it is let go */
    ACT_COUNT
};
enum promise_note {
    NOTE_ENTERED,
    NOTE_LEFT,
    NOTE_NOTIFIED,
    NOTE_ACTS,
    NOTE_COUNT = NOTE_ACTS + ACT_COUNT
};
#define QUIET_WAITS    32
#define SOME_CALLBACKS 20
#define MORE_CALLBACKS 20
#define FEW_CALLBACKS  4 /* where each delays */
#define MOST_CALLBACKS 1000

struct actor {
    _Alignas(64) atomic_uint act; /* set by the holder, reset by the actor; a futex word */
    atomic_int thread_id;         /* 0: it is not there yet */
    atomic_ulong base;            /* sleeps that it had begun before the holder left */
    /* The actor's; the holder's when it rests. */
    unsigned long sleeps_before, sleeps_after; /* that it had begun, before and after the act */
    int64_t returned_ns;
};

struct promised_callback {
    flavor_head head;
    struct promise_state *state;
};

struct promised_notifier {
    flavor_notifier base;
    struct promise_state *state;
    unsigned index;
    atomic_bool removed; /* and its removal has returned */
};
#define NOTIFIERS    3
#define ALL_NOTIFIED ((1u << NOTIFIERS) - 1)

/* Steps are added up over some rounds, where a single one can have a reason of its own. */
enum sum_kind { AFTER_READING, AFTER_LEAVING, WOKEN_LATE, HOLDS, SUM_COUNT };
struct step_sum {
    unsigned rounds;
    unsigned long found, possible;
};

struct promise_state {
    struct gp_promises promises;
    flavor_kept_settings settings; /* with which it makes them */
    struct actor leader, asker, *followers;
    atomic_uint returned;      /* followers in this round */
    atomic_uint asleep;        /* that the first of these found asleep */
    pthread_mutex_t set_lock;  /* the callback lock is not set beside a barrier of an actor's */
    struct big_lock *big_lock; /* that callbacks run under; the flavor may have no use for it */
    struct promised_notifier notifiers[NOTIFIERS]; /* of the holder's */
    atomic_uint notified;        /* by which of them to leave, in this round: bits; a futex word */
    _Atomic int64_t notified_ns; /* when by the last of them */
    unsigned excused; /* the holder's: bits of those that were away when others were called */
    atomic_bool called_late;    /* one of them, after its removal */
    atomic_int callback_thread; /* its id, once a callback has run */
    /* The first one is CALL_ONE's. None is pending between rounds. */
    struct promised_callback *callbacks;
    size_t callback_room;
    atomic_ulong queued, run;
    atomic_bool slow_runs, let_go;   /* of CALL_SLOW and QUEUE_IN_CALLBACK */
    unsigned long slept_in_callback; /* the callback thread's; the holder's when it has settled */
    /* The holder's. */
    unsigned long round;
    struct step_sum sums[SUM_COUNT];
};

/* --- Actors --- */

void promise_leader(struct torture_thread *t);
void promise_asker(struct torture_thread *t);
void promise_follower(struct torture_thread *t);

/* => The holder; it rests. */
void actor_begin(struct actor *a, enum act act);
bool actor_rests(struct actor *a);
struct cpu_sleep actor_sleep(struct actor *a);

/* --- The holder's means --- */

#define MS      INT64_C(1000000)
#define LOOK_NS 50000 /* between two looks at a thread */

struct cpu_sleep promise_sleep_of(int thread_id);
bool promise_notified(struct promise_state *s);
/* Some notifiers of the reader were called and others were not, though the thread of that id, which
 * is to call them, has gone to sleep: reported. */
bool promise_partly_notified(struct torture_thread *t, struct promise_state *s, int thread_id);
/* In the section: takes a notifier away and gives it back, while somebody may call it. */
void promise_swap_notifier(struct torture_thread *t, struct promise_state *s);
void promise_add_notifiers(struct promise_state *s);
void promise_remove_notifiers(struct promise_state *s);
void promise_enter(struct torture_thread *t, struct promise_state *s);
void promise_leave(struct torture_thread *t, struct promise_state *s);
/* Until it sleeps, and not in the sleep from before; false when it has not after 20 ms. */
bool promise_await_sleep(struct torture_thread *t, int thread_id, struct cpu_sleep before,
                         struct cpu_sleep *now);
/* False: the run has ended. => Outside sections, or an act that does not wait for the holder. */
bool promise_await_rest(struct torture_thread *t, struct actor *a);
/* Nobody is under way any more, and no request is left over for the next grace period. => Outside
 * sections. */
void promise_settle(struct torture_thread *t, struct promise_state *s);
/* One in two stays on when it is to leave: the thread that forces then naps no more. */
void promise_stay_on(struct torture_thread *t, struct promise_state *s, int thread_id);
/* Adds a round; whether it is the last of some, in which more has happened of what was possible
 * than can have reasons of its own. */
bool promise_sum(struct promise_state *s, enum sum_kind kind, unsigned long found,
                 unsigned long possible, struct step_sum *sum);

/* --- Scenes --- */

/* Whose sleep the request is to end. */
enum subject {
    OF_LEADER,    /* of a grace period that another waits for */
    OF_CALLBACKS, /* the callback thread: it leads, or lets them pile up */
    OF_ASKER,     /* which leads itself: it is not to nap */
};

struct scene {
    void (*play)(struct torture_thread *, struct promise_state *, const struct scene *);
    /* NULL: all promise it. */
    bool (*promised)(const struct promise_params *, const struct gp_promises *);
    unsigned needs;      /* capabilities */
    const char *request; /* or where the act is, as a message names it; NULL: nobody asks */
    enum act act;        /* of the asker */
    enum subject subject;
};
extern const struct scene promise_scenes[];
extern const size_t promise_scene_count;

void promise_holder(struct torture_thread *t);
void promise_play_request(struct torture_thread *t, struct promise_state *s,
                          const struct scene *scene);
void promise_play_change(struct torture_thread *t, struct promise_state *s,
                         const struct scene *scene);
bool promise_slows(const struct promise_params *p, const struct gp_promises *promises);
void promise_play_slowed(struct torture_thread *t, struct promise_state *s,
                         const struct scene *scene);
void promise_play_slowed_callback(struct torture_thread *t, struct promise_state *s,
                                  const struct scene *scene);
void promise_play_beside_callback(struct torture_thread *t, struct promise_state *s,
                                  const struct scene *scene);

#endif
