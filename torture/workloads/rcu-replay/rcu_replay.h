/* What the files of the workload rcu-replay share: its options, its tables, its state. */
#ifndef STILLPOINT_RCU_REPLAY_WORKLOAD_H
#define STILLPOINT_RCU_REPLAY_WORKLOAD_H

#include "torture/workloads/callback_lock.h"
#include "torture/workloads/items.h"

#include "torture/flavors/flavor.h"

struct replay_params {
    int64_t readers, waiters, expedited_waiters;
    int64_t steps, calls_max, chain_max, barrier_one_in;
    int64_t section_ns, pause_ns, expedite_pause_ns;
    bool big_lock;
};

enum { READS, CHECKS, GPS, QUEUED, INVOKED, CHAINED, BARRIERS, BLOCKED, REPLAYS, COUNTER_COUNT };
enum { ASKED_TO_RUN, MEASURE_COUNT };
enum { REPLAY, CALLBACK_LEDGER, CHECK_COUNT };
enum { NOTE_ENTERED, NOTE_PLAY, NOTE_LET_RUN, NOTE_BARRIER, NOTE_RAN, NOTE_COUNT };

/* What is published, replaced and queued. The sequence is the callback's in the order of queueing,
 * from 0 in each play. */
struct replay_item {
    struct item base;
    uint64_t chain; /* how often its callback queues it again */
};

/* One play of a seed: the virtual time at which each callback ran, in this order. */
struct replay_trace {
    uint64_t *times;
    uint64_t length;
};

struct replay_state {
    /* The driver's. Callbacks queue as well, never both at once, unless the flavor is broken. */
    struct items items;
    /* What decide() goes by, the driver's. */
    _Alignas(64) atomic_uint asked; /* a futex word: changes with what follows */
    atomic_uint draining;           /* a barrier is on its way */
    atomic_uint blocks;             /* decide() waits for permission rather than return: not yet */
    _Atomic uint64_t permitted;     /* so many are to run in one batch; 0: none yet */
    _Atomic uint64_t time;
    /* The callback thread's. */
    _Alignas(64) atomic_uint ran; /* a futex word: changes when a batch is over */
    struct replay_trace trace;    /* of the play under way; the driver's between plays */
    uint64_t batch, batch_ran; /* size of what decide() let run, and how many of these have run */
    uint64_t batch_hold;       /* of the lock, when it began */
    int64_t batch_start_ns;    /* of its grace period */
    unsigned refusals;         /* how often it decided: not yet */
    /* The driver's. */
    _Alignas(64) struct replay_trace first;
    uint64_t room; /* in a trace */
    struct big_lock *big_lock;
    struct torture_thread *thread;
    struct instance *instance;
};

/* Roles beside the driver. */
void replay_reader(struct torture_thread *t);
void replay_waiter(struct torture_thread *t);
void replay_expedited_waiter(struct torture_thread *t);

#endif
