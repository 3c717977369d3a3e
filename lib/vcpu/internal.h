/* What the files of lib/vcpu/ share. */
#ifndef STILLPOINT_VCPU_INTERNAL_H
#define STILLPOINT_VCPU_INTERNAL_H

#include "rcu/parked.h"
#include "stillpoint/vcpu.h"
#include "sync/platform.h"

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* The list of vCPUs, and what exclusive sections know of each. Held for microseconds, never while
 * somebody waits for a vCPU. Comes after the lock of pauses. */
extern platform_mutex vcpu_lock;

/* Counters of vcpu_get_stats(): several writers. */
struct vcpu_counts {
    atomic_ulong exclusive_sections, exclusive_handed, exclusive_waited, exec_waits, exec_counted,
        pauses, work_run, safe_work_run, signals, rr_timer_kicks;
};
extern struct vcpu_counts vcpu_counts;

static inline void vcpu_count_up(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- Sleeping, run.c --- */

/* Sleeps until the event is set, with the big lock let go of, and as one that is blocked to RCU. */
void vcpu_sleep(struct event *e);

/* Takes the big lock when the vCPU's work runs with it, and the calling thread does not hold it;
 * true when it did. */
bool vcpu_lock_for_work(struct vcpu *cpu);

/* How much of what others ask of a vCPU is done. */
enum vcpu_service {
    SERVE_ALL,
    SERVE_WORK,  /* in the middle of the guest's own: not the guest */
    SERVE_PAUSE, /* in the middle of a pause of its own: no other's work, which might pause too */
};

/* One thread waits for what another does. A vCPU's thread serves its vCPUs meanwhile. */
struct vcpu_wait {
    enum vcpu_service service;
    struct vcpu *cpu; /* NULL: the thread runs none */
    atomic_bool done; /* with a vCPU */
    struct event event;
};
void vcpu_wait_init(struct vcpu_wait *w, enum vcpu_service service);
void vcpu_wait_for(struct vcpu_wait *w);
/* => vcpu_lock not held. The wait may be gone when it returns. */
void vcpu_wait_done(struct vcpu_wait *w);

/* process_cpu_events(), or, within a wait, less of it. */
enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service);
/* Enters, runs the inner loop once, leaves. */
void vcpu_execute(struct vcpu *cpu);
/* An inner loop: block() of the guest, until a request. */
void vcpu_run_blocks(struct vcpu *cpu);
/* True when the calling thread is the one that runs it. */
bool vcpu_is_mine(struct vcpu *cpu);
/* For the loops of vCPUs, whose sections are ordinary ones: an online thread would hold up grace
 * periods between them. True when it was online. */
bool vcpu_go_offline(void);
/* True between cpu_exec_start() and cpu_exec_end() of the calling thread. */
bool vcpu_executes(void);
/* Aborts where the caller must not wait for a vCPU. The three words are whole messages. */
void vcpu_check_may_wait(const char *executing, const char *exclusive, const char *in_section);

/* --- Kicks, kick.c --- */

/* Leaves a request for the vCPU's thread, which is on its way to look, so without a kick. */
static inline void vcpu_leave_request(struct vcpu *cpu)
{
    /* An exchange, not a store: that would stand between a requester's release and the acquire in
     * vcpu_serve().
     * Relaxed: it says nothing itself.
     * Pairs with: the exchange in vcpu_serve(). Broken: the vCPU takes our 1, without the reason of
     * a requester that found it there. */
    atomic_exchange_explicit(&cpu->exit_request, 1, memory_order_relaxed);
}

/* What the vCPU's thread sleeps on in its loop. */
static inline struct event *vcpu_wake_event(struct vcpu *cpu)
{
    return cpu->rr ? &cpu->rr->wake : &cpu->wake;
}

/* Wakes the vCPU's thread if it sleeps in its loop; true when it did, so that it will look for
 * requests before it enters. False may be wrong. */
bool vcpu_wake(struct vcpu *cpu);
/* A kick for such an inner loop, which has seen the request already: for one that sleeps. */
void vcpu_kick_sleeper(struct vcpu *cpu);
/* Sends the kick signal to the vCPU's thread, if that waits for it. */
void vcpu_signal(struct vcpu *cpu);
/* The vCPU's thread is about to make calls that the signal ends, and looks at the request before
 * each; and no longer is. In between alone it gets signals: they would pile up, and interrupt the
 * program's calls. */
void vcpu_signal_begin(struct vcpu *cpu);
void vcpu_signal_end(struct vcpu *cpu);
/* Installs the handler, once, and blocks the signal in the calling thread, or lets it in. 0, or
 * -EBUSY when the program has a handler of its own for that signal. */
int vcpu_kick_signal_prepare(bool blocked);
int vcpu_kick_signal(void);
/* What the handler sets to 1 in the thread that it interrupts; NULL: nothing. */
extern STILLPOINT_THREAD_LOCAL volatile uint8_t *vcpu_immediate_exit;

/* --- Work, work.c --- */

void vcpu_work_init(struct vcpu *cpu);
void vcpu_work_destroy(struct vcpu *cpu);
void vcpu_open_work(struct vcpu *cpu);
/* Runs what is queued, in order, until a pause is asked for; during a pause, or when asked for no
 * more, until nothing is left that the pausing thread waits for. */
void vcpu_run_work(struct vcpu *cpu, bool urgent_only);
/* Runs all of it, whatever is asked for, and refuses more. */
void vcpu_close_work(struct vcpu *cpu);
/* The vCPU whose work the calling thread runs so, in its place. */
extern STILLPOINT_THREAD_LOCAL struct vcpu *vcpu_closing;

/* --- Pauses, pause.c --- */

/* Whether the vCPU has to stop, or to stay so. */
static inline bool vcpu_told_to_stop(struct vcpu *cpu)
{
    /* Acquire: with a false comes what was done during the pause. (A true comes with the request
     * that has been taken before.)
     * Pairs with: the release in let_go(). Broken: a vCPU that something else woke goes on, on what
     * the pausing thread has replaced. */
    return atomic_load_explicit(&cpu->stop, memory_order_acquire);
}

/* Counts the vCPU as stopped if a pause is on; true when it is. */
bool vcpu_report_stopped(struct vcpu *cpu);
void vcpu_pause_attach(struct vcpu *cpu);
void vcpu_pause_detach(struct vcpu *cpu);
/* True when it is the calling thread that has paused. */
bool vcpu_paused_by_me(void);

/* --- The big lock, big_lock.c --- */

/* Lets go of the lock if the calling thread holds it; bql_regain() takes what this returns. */
struct bql_place {
    const char *file; /* NULL: it was not held */
    int line;
};
struct bql_place bql_drop(void);
void bql_regain(struct bql_place place);
/* Aborts with both places when the calling thread holds it. */
void bql_check_not_held(const char *doing, const char *file, int line);

/* --- rr, accel/rr.c --- */

/* Serves all vCPUs of the thread that `cpu` belongs to. */
void vcpu_rr_serve(struct vcpu_rr *rr, enum vcpu_service service);
/* Makes the thread look at all of them again. */
void vcpu_rr_rearm(struct vcpu_rr *rr);
bool vcpu_rr_kicked(struct vcpu_rr *rr);

/* Says what the program did wrong, in the way of printf(), and aborts. */
void vcpu_misuse(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
