/* What the files of the workload pause share: its options, its tables, its state. */
#ifndef STILLPOINT_PAUSE_WORKLOAD_H
#define STILLPOINT_PAUSE_WORKLOAD_H

#include "torture/workloads/fleet.h"
#include "torture/workloads/overtaken.h"

struct pause_params {
    struct fleet_params fleet;
    int64_t pausers, resumers, removers, vcpu_pause_one_in, hand_one_in, own_work_one_in,
        await_one_in, order_one_in;
    int64_t unplug_one_in, vcpu_call_one_in;
    int64_t pause_ns, stay_ns, noise_ns;
};

enum {
    PAUSES,
    HANDED,
    BLOCKS,
    EVENTS,
    WORK,
    CHECKS,
    WAITED,
    PLUGGED,
    UNPLUGGED,
    IDLE,
    BY_VCPU,
    OWN_WORK,
    REMOVED_WORK,
    JOINED,
    PLUGGED_BY_PAUSER,
    TURN_CHECKS,
    COUNTER_COUNT
};
enum { PAUSE_ENTER, PAUSE_STAY, MEASURE_COUNT };
enum { PAUSE_CHECK = VCPU_LEDGER_CHECKS, FAIRNESS, CHECK_COUNT };
enum { NOTE_PAUSE, NOTE_PAUSED, NOTE_HAND, NOTE_RESUME, NOTE_WORK, NOTE_COUNT };

#if FLAVOR_CAN_VCPU

struct pause_vcpu {
    struct fleet_vcpu base;
    /* Its thread's; one writer each. */
    atomic_ulong blocks, events, work;
    atomic_ulong last_work; /* the number of the newest item of the pauser's that it has run */
    atomic_bool is_idle;
    unsigned long trail;      /* blocks + events; plain, so that a pause must order it */
    unsigned long queued_ran; /* asynchronous items that it has run */
    bool idles;
    /* Written under a pause. */
    unsigned long seen;    /* the newest pause that has read it */
    unsigned long asked;   /* items of pausers, counted */
    atomic_bool serves;    /* it runs what the pauser requests */
    atomic_ulong backlog;  /* items that it has not run */
    atomic_ulong accepted; /* asynchronous items: counted when the call has returned */
};

struct reading {
    struct pause_vcpu *vcpu; /* with a reference */
    unsigned long blocks, events, work;
    bool unplug; /* it was about to end */
};

/* A pause: the pauser's, and then of the resumer that it is handed to. */
struct hold {
    struct hold *next;
    struct torture_thread *pauser;
    struct pause_vcpu *exempt; /* the vCPU that has paused the others, and goes on itself */
    unsigned long number;
    int64_t paused_ns;
    struct reading *readings;
    unsigned count;
    bool on;  /* paused, and neither resumed nor handed over; its thread's */
    bool out; /* handed over, not yet resumed; under the lock of the queue */
};

struct pause_state {
    struct fleet fleet;
    /* What pauses protect: changed under them only. Plain but for what vCPUs load to find out. */
    _Alignas(64) unsigned long left, right, number;
    unsigned owner;               /* 0, or 1 + the pauser's thread */
    _Alignas(64) atomic_ulong on; /* the pause that is on; 0: none */
    struct pause_vcpu *_Atomic exempt;
    struct overtaken turns; /* to pause; notes are of pauses */
    /* Handed over. */
    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t resumed;
    struct hold *first, **last;
    int64_t resumers_left;
};

/* One writer: no locked instruction. */
static inline void pause_bump(atomic_ulong *word)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* --- work.c --- */

/* => v's thread, which is about to do or has just done `what`: no pause is on, or v has paused. */
void pause_check_may_move(struct pause_vcpu *v, const char *what);
/* => v's thread, which executes: it has run what it accepted, or is requested to leave. */
void pause_check_work(struct pause_vcpu *v);
/* Queues an item that frees itself; `number`: among those of pausers, 0 for others. */
void pause_queue_async(struct pause_vcpu *v, unsigned long number);
/* run_on_cpu() from a vCPU's events or work. */
void pause_call(struct torture_thread *t, struct pause_vcpu *caller, struct pause_vcpu *target);
/* => Under the calling thread's pause: its own work runs at once, behind what it has queued. */
void pause_own_work(struct torture_thread *t, struct hold *hold);

/* --- removal.c --- */

/* Adds a vCPU with work, and removes it; `in_own_pause`: in the calling thread's pause. */
void pause_remove_one(struct torture_thread *t, bool in_own_pause);
/* The role `remover`. */
void pause_remover(struct torture_thread *t);

/* --- own.c --- */

struct own;
/* Plugs vCPUs of the calling thread's own, and starts the thread that runs them. `calls`: they may
 * ask others for work. */
struct own *pause_own_start(struct torture_thread *t, bool calls);
/* For a moment, until it runs. */
void pause_own_await(struct torture_thread *t, struct own *own);
/* => Under the calling thread's pause. Reads what must not move in it. */
void pause_own_read(struct own *own);
/* => Under the calling thread's pause. Unplugs them, and waits until their thread has ended; false
 *    when that has to wait for the resume. */
bool pause_own_end(struct torture_thread *t, struct own *own, unsigned long pause);
/* => After the resume, or before another thread resumes. */
void pause_own_end_later(struct torture_thread *t, struct own *own, unsigned long pause);

/* --- pause.c --- */

/* True while the calling vCPU's thread has paused the others: its requests count as the pauser's
 * own. */
bool pause_is_own(void);

/* --- hold.c --- */

void pause_hold_init(struct hold *hold, struct torture_thread *t);
/* => Not handed over. */
void pause_hold_destroy(struct hold *hold);
bool pause_is_out(struct hold *hold);
/* Waits until it has been resumed. */
void pause_await_back(struct hold *hold);
/* Pauses, reads, stays, reads again, and resumes or hands over. `v`: the vCPU whose events these
 * are, or NULL. */
void pause_once(struct torture_thread *t, struct hold *hold, struct pause_vcpu *v);
/* The next that was handed over, or NULL. */
struct hold *pause_take_over(struct pause_state *state);
/* What is left of a pause that was handed over. */
void pause_end(struct torture_thread *t, struct hold *hold);

#endif
#endif
