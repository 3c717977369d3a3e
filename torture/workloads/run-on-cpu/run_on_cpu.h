/* What the files of the workload run-on-cpu share: its options, its tables, its ledger. */
#ifndef STILLPOINT_RUN_ON_CPU_WORKLOAD_H
#define STILLPOINT_RUN_ON_CPU_WORKLOAD_H

#include "torture/workloads/fleet.h"

struct work_params {
    struct fleet_params fleet;
    int64_t callers, removers, vcpu_call_one_in, nested_calls, backlog;
    int64_t pause_ns, work_ns, no_memory_one_in;
};

/* The first of each group is by enum work_kind. */
enum {
    ACCEPTED_SYNC,
    ACCEPTED_ASYNC,
    ACCEPTED_SAFE,
    RAN_SYNC,
    RAN_ASYNC,
    RAN_SAFE,
    INLINE,
    NESTED,
    CYCLES,
    REFUSED,
    NO_MEMORY,
    RUN_AT_THE_END,
    BRIEF,
    GPS_AWAITED,
    BLOCKS,
    EVENTS,
    CHECKS,
    COUNTER_COUNT
};
enum { SYNC_LATENCY, QUEUE_TO_RUN, MEASURE_COUNT };
enum { WORK_LEDGER = VCPU_LEDGER_CHECKS, CHECK_COUNT };
enum { NOTE_CALL, NOTE_RETURN, NOTE_RUN, NOTE_REFUSED, NOTE_NO_MEMORY, NOTE_COUNT };

#if FLAVOR_CAN_VCPU

enum work_kind { WORK_SYNC, WORK_ASYNC, WORK_SAFE, WORK_KINDS };

/* What one thread, or all that hold the big lock, queue for one vCPU: numbers 1, 2, 3, which are to
 * run in this order. */
struct work_lane {
    unsigned long queued;  /* the queuing side's */
    unsigned long ran;     /* the vCPU's thread's */
    atomic_ulong accepted; /* the queuing side's: no more than have been taken for sure */
};

struct work_vcpu {
    struct fleet_vcpu base;
    bool in_block;        /* its thread's; plain, so that the thread that stops it must order it */
    bool idles;           /* its thread's */
    atomic_bool refused;  /* some caller was refused, as it has ended */
    atomic_ulong backlog; /* asynchronous items that have not run */
    struct work_lane lanes[]; /* by thread of the run; one more for those that hold the big lock */
};

struct work_state {
    struct fleet fleet;
    unsigned big_lock_lane;
    /* Changed together in safe work, compared by vCPUs that execute; plain. */
    _Alignas(64) unsigned long left, right;
};

/* The torture thread that the calling thread is; set by each role. */
extern __thread struct torture_thread *work_self;

/* Requests one item of work, of any kind, and sees to it that it runs as it should; false when it
 * is refused. `depth`: how many calls deep the item itself may call. => In a role's thread, not in
 * an exclusive section unless `kind` is asynchronous. */
bool work_call(struct torture_thread *t, struct work_vcpu *v, enum work_kind kind, int64_t depth);
/* The same, of a kind and for a vCPU taken by chance; false when there is none. */
bool work_call_any(struct torture_thread *t, int64_t depth);
/* The same in a thread that is no vCPU's: one that is to end, or has a brief life, is asked again
 * until it refuses. */
void work_call_from_outside(struct torture_thread *t, int64_t depth);
/* => The vCPU has been removed. */
void work_check_ended(struct vcpu *cpu);

/* The role `remover`, brief.c. */
void work_remover(struct torture_thread *t);

#endif
#endif
