/* vCPUs: threads that run somebody else's code until they are requested to leave it.
 *
 *     struct vcpu cpu;
 *
 *     vcpu_init(&cpu, &config);
 *     vcpu_add(&cpu);         in any thread
 *     vcpu_run(&cpu);         in the vCPU's own: returns after vcpu_unplug()
 *     vcpu_remove(&cpu);
 *     ... a grace period ...
 *     vcpu_destroy(&cpu);
 *
 * An accelerator is how the code runs and how the vCPU is got out of it (accel.h). What others may
 * request of a vCPU: to leave (vcpu_kick.h), to stay out while something runs that no vCPU may see
 * half done (exclusive.h), to run a function, and to stop (vcpu_work.h).
 *
 * Sources: the semantics are those of QEMU's vCPU threads; the exclusive sections follow the
 * lock-free design of Paolo Bonzini and Emilio Cota there, with the asymmetric fence in place of
 * two full ones.
 */
#ifndef STILLPOINT_VCPU_H
#define STILLPOINT_VCPU_H

#include <stillpoint/event.h>
#include <stillpoint/language.h>
#include <stillpoint/queue.h>
#include <stillpoint/rcu.h>

#include <pthread.h>

STILLPOINT_BEGIN

struct vcpu;
struct vcpu_accel;
struct vcpu_kvm_machine;
struct vcpu_rr;
struct vcpu_work_item;

/* What a vCPU runs, and what it does when it is requested to leave. All but `block` may be NULL;
 * all are called in the vCPU's thread. */
struct vcpu_guest {
    /* Runs a little, and returns: a translated block. Called again and again in the inner loop,
     * inside cpu_exec_start() and a read section. `kvm` has a guest of its own and never calls it;
     * `signal` and `cancel` call it once each time they enter, and then wait. */
    void (*block)(struct vcpu *cpu);
    /* Reads what requesters wrote before they called cpu_exit(), and acts on it. Called outside of
     * cpu_exec_start() and read sections, with the big lock held but for the accelerator `user`.
     * A vCPU that finds vcpu_unplug() ends without another call. */
    void (*events)(struct vcpu *cpu);
    /* True when there is nothing to run until somebody calls cpu_exit(): halted, no interrupt.
     * Called after events(). */
    bool (*idle)(struct vcpu *cpu);
    /* kvm only: the guest wrote `value` to `port`, or reads it (`out` false; returns what it
     * gets). */
    unsigned (*io)(struct vcpu *cpu, unsigned port, bool out, unsigned value);
};

struct vcpu_config {
    const struct vcpu_accel *accel; /* NULL: none, for programs with loops of their own */
    const struct vcpu_guest *guest;
    void *data;         /* of the embedding program: cpu->data */
    struct vcpu_rr *rr; /* with the accelerator rr: whose thread runs it */
    bool guest_io;      /* kvm: the guest does port I/O now and then, instead of none */
    const struct vcpu_kvm_machine *machine; /* kvm: the program's own, or NULL; stays there */
};

/* => Embedded in what the program calls a vCPU. `data` and `index` are for reading; all else is the
 *    library's.
 * => At a multiple of RCU_CACHE_LINE, as static and automatic objects are; allocate it with
 *    aligned_alloc(). vcpu_init() aborts elsewhere.
 * => A pointer that VCPU_FOREACH() gives may be used until the read section ends. So after
 *    vcpu_remove() the memory is freed by way of a grace period. */
struct vcpu {
    /* Stored by its thread, loaded by starters of exclusive sections. */
    stillpoint_aligned(RCU_CACHE_LINE) stillpoint_atomic(bool) running; /* executes */
    unsigned quiet_executions; /* its thread's: with full fences, since it met a section */
    /* Under the list's lock. Of a vCPU that does not execute starters need this line only. */
    bool has_waiter; /* counted by start_exclusive(), and to count itself out */
    TAILQ_ENTRY(vcpu) link;
    const struct vcpu_accel *accel;
    const struct vcpu_guest *guest;
    void *data;
    void *accel_state;
    /* Written by requesters. */
    stillpoint_aligned(RCU_CACHE_LINE) stillpoint_atomic(unsigned) exit_request;
    struct manual_event wake;         /* set by each kick */
    struct manual_event cancel;       /* ends the blocking call of the accelerator `cancel` */
    stillpoint_atomic(int) thread_id; /* 0: no thread runs it */
    stillpoint_atomic(bool) waits;    /* in a call that a signal ends, or on its way there */
    stillpoint_atomic(bool) stop;     /* a pause is on */
    stillpoint_atomic(bool) unplug;
    stillpoint_atomic(unsigned long) kicks;        /* requests */
    stillpoint_atomic(unsigned long) kicks_merged; /* those that shared another's kick */
    /* Work queue. */
    pthread_mutex_t work_lock;
    struct vcpu_work_item *work_first, **work_last;
    bool work_closed;                  /* no more is taken */
    stillpoint_atomic(bool) work_here; /* something is queued */
    /* Under the list's lock. */
    unsigned index;
    bool listed;
    bool leaves;   /* vcpu_remove() runs what is left of its work */
    bool attached; /* a thread runs it; under the pauses' lock as well */
    /* Under the pauses' lock. */
    bool stopped;                     /* has reported that it stopped */
    bool awaited;                     /* by pause_all_vcpus(), which counts those that have not */
    stillpoint_atomic(int) paused_by; /* the thread of vcpu_pause(); 0: none; loaded without */
    /* Its thread's. */
    struct vcpu_rr *rr;
    TAILQ_ENTRY(vcpu) rr_link;
    bool in_rr, rr_ready;
    struct rcu_force_notifier notifier;
    bool guest_io;
    const struct vcpu_kvm_machine *machine;
};

#ifndef VCPU_LIMIT
#define VCPU_LIMIT 4096
#endif

/* `config` is copied; NULL: no accelerator. */
void vcpu_init(struct vcpu *cpu, const struct vcpu_config *config);
/* => Removed, and no pointer to it is left. */
void vcpu_destroy(struct vcpu *cpu);

/* Puts it into the list: from now on exclusive sections, pauses and VCPU_FOREACH() know it.
 * => Any thread, at any time, also while an exclusive section or a pause is on. One that was
 *    removed comes back after a grace period only.
 * => The lowest free index. That of a removed one is free at once: a walk of the list may meet
 *    both.
 * => -ENOSPC when VCPU_LIMIT are there. */
int vcpu_add(struct vcpu *cpu);
/* => Any thread; not while a thread has attached it, or it executes (aborts).
 * => Work that is queued for it is run, by the caller, before it is out of the list; later work is
 *    refused. As any work it does not run in another thread's pause: the caller waits for the
 *    resume, with the big lock let go of. So with work queued it aborts in read sections and in
 *    exclusive sections. */
void vcpu_remove(struct vcpu *cpu);

/* For threads with loops of their own, in place of vcpu_run() and vcpu_rr_run(): makes the calling
 * thread the vCPU's, until vcpu_detach().
 * => After vcpu_add(); registered with RCU. Between the two the thread calls process_cpu_events()
 *    soon after each cpu_exit_requested(); otherwise a pause and run_on_cpu() wait for it. */
void vcpu_attach(struct vcpu *cpu);
void vcpu_detach(struct vcpu *cpu);

/* The vCPU that the calling thread runs, or NULL. */
extern STILLPOINT_THREAD_LOCAL struct vcpu *current_cpu;
#ifdef STILLPOINT_COROUTINES
STILLPOINT_PLACE_NOW(struct vcpu *, current_cpu_now, current_cpu)
#define current_cpu (*current_cpu_now())
#endif

/* Grows with every vcpu_add() and vcpu_remove(): a walk of the list that finds the same number
 * before and after has met all. */
unsigned long vcpu_list_generation(void);
unsigned vcpu_count(void);

TAILQ_HEAD(vcpu_list, vcpu);
extern struct vcpu_list vcpu_list;

/* The vCPU in the list that has this index, or NULL. => Inside a read section. */
struct vcpu *vcpu_find(unsigned index);

/* => Inside a read section.
 * Orders: LOAD link (acquire; of the head: tqh_first) -> LOAD of the vCPU's fields.
 * Pairs with: rcu_list_publish(), STORE link (release), by TAILQ_INSERT_TAIL_RCU.
 * Broken: a walk meets a vCPU as its memory was before vcpu_init(). */
#define VCPU_FOREACH(cpu)                                                                \
    for ((cpu) = __atomic_load_n(&vcpu_list.tqh_first, __ATOMIC_ACQUIRE); (cpu) != NULL; \
         (cpu) = __atomic_load_n(&(cpu)->link.tqe_next, __ATOMIC_ACQUIRE))

/* Counts since the program started, each exact, together not of one moment. */
struct vcpu_stats {
    unsigned long exclusive_sections; /* outermost ones */
    unsigned long exclusive_handed; /* of these, taken over from the one before: vCPUs stayed out */
    unsigned long exclusive_opened; /* times that the next one had to let vCPUs in first */
    unsigned long exclusive_waited; /* whose starter had to wait for a vCPU */
    unsigned long exec_waits;       /* vCPUs that waited in cpu_exec_start() */
    unsigned long exec_overtaken;   /* times that one woke up there, and the next section was on */
    unsigned long exec_counted;     /* vCPUs that went on there, as they were counted already */
    unsigned long pauses;
    unsigned long work_run;      /* that was queued; not what run_on_cpu() runs at once */
    unsigned long safe_work_run; /* of these, in exclusive sections */
    unsigned long work_dropped;  /* in children of a fork: vcpu_fork.h */
    unsigned long signals;       /* kicks that took a signal */
    unsigned long rr_timer_kicks;
};
void vcpu_get_stats(struct vcpu_stats *stats);

/* As rcu_duties(): who holds the big lock, is in an exclusive section or on the way to one, and
 * has paused the vCPUs or is about to. */
struct rcu_duty;
unsigned vcpu_duties(struct rcu_duty *duties, unsigned room);

STILLPOINT_END

#include <stillpoint/accel.h>
#include <stillpoint/big_lock.h>
#include <stillpoint/exclusive.h>
#include <stillpoint/vcpu_fork.h>
#include <stillpoint/vcpu_kick.h>
#include <stillpoint/vcpu_work.h>

#endif
