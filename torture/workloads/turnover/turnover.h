/* The workload `turnover`: what its files share. */
#ifndef STILLPOINT_TURNOVER_WORKLOAD_H
#define STILLPOINT_TURNOVER_WORKLOAD_H

#include "torture/workloads/caller_state.h"
#include "torture/workloads/fleet.h"

#include <pthread.h>

struct turnover_params {
    int accel; /* enum fleet_accel, but ACCEL_OWN */
    int64_t vcpus, steps;
};

enum turnover_counter {
    PLUGGED,
    UNPLUGGED_EARLY,
    LEFT_EMPTY,
    REFUSED_WORK,
    KICKED_REMOVED,
    CALLERS,
    ROUNDS,
    CHECKS,
    COUNTER_COUNT
};
enum turnover_check { FOOTPRINT = VCPU_LEDGER_CHECKS, CALLER_STATE, LATE_USE, CHECK_COUNT };
enum turnover_note { NOTE_PLUGS, NOTE_UNPLUGS, NOTE_GONE, NOTE_ROUND, NOTE_COUNT };

/* --- What the process uses, footprint.c --- */

/* X(name, how much more than at first is no leak, its words) */
#define FOOTPRINT_PARTS(X)                \
    X(descriptors, 8, "open descriptors") \
    X(threads, 4, "threads")              \
    X(mappings, 64, "mappings of memory") \
    X(heap, 8192, "bytes allocated on the heap")

struct footprint {
#define FOOTPRINT_FIELD(name, slack, words) long name;
    FOOTPRINT_PARTS(FOOTPRINT_FIELD)
#undef FOOTPRINT_FIELD
};

/* => Outside of everything: reads what the system shows of the process. */
struct footprint footprint(void);

#if FLAVOR_CAN_VCPU

/* --- vCPUs whose memory is gone, graves.c --- */

/* In a pool, so that what the workload allocates is the same all the time. */
struct graves {
    struct vcpu *memory;
    unsigned count, next;
    bool *taken;
};

/* Room for so many vCPUs at once. */
void graves_open(struct graves *g, size_t vcpus);
/* Memory of a vCPU that has been gone for longest. */
struct vcpu *graves_take(struct torture_thread *t, struct graves *g);
/* It is gone: nobody reads it, nor writes to it, until it is taken again. */
void graves_give(struct graves *g, struct vcpu *cpu);
void graves_close(struct instance *in, struct graves *g);

/* --- vCPUs that come and go, turnover.c --- */

struct slot {
    struct torture_thread *turner;
    struct vcpu *cpu; /* NULL: none is plugged */
    unsigned long serial;
    pthread_t thread;
    uint64_t seed;
    atomic_bool executed;
    atomic_int thread_id; /* 0: it has not begun */
    atomic_bool ended;
    /* Its thread's, when that has ended. */
    int error;
    const char *changed;
};

struct turnover_state {
    const struct vcpu_accel *accel;
    struct slot *slots;
    unsigned plugged;
    unsigned long serial;
    struct graves graves;
    struct vcpu_rr rr;
    pthread_t rr_thread;
    uint64_t rr_seed;
    const char *rr_changed; /* by its thread, when that has ended */
    struct footprint first;
    uint64_t rounds;
};

/* callers.c: a thread that makes the code under test start threads of its own, and has ended when
 * this returns. */
void turnover_call(struct torture_thread *t);

#endif
#endif
