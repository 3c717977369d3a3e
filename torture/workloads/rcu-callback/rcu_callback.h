/* What the files of the workload rcu-callback share: its options, its tables, its state. */
#ifndef STILLPOINT_RCU_CALLBACK_WORKLOAD_H
#define STILLPOINT_RCU_CALLBACK_WORKLOAD_H

#include "torture/workloads/callback_lock.h"
#include "torture/workloads/items.h"

#include "torture/flavors/flavor.h"

struct callback_params {
    int64_t readers, busy_readers, callers, barriers, lock_users, flooders, samplers;
    int64_t burst_max, pending_max, burst_pause_ns;
    int64_t flood_max, flood_calls, flood_pause_ns;
    int64_t section_ns, busy_section_ns;
    int64_t barrier_pause_ns, signals_ns;
    bool big_lock;
};

enum {
    READS,
    CHECKS,
    QUEUED,
    INVOKED,
    BARRIERS,
    BARRIERS_LOCKED,
    BUSY_KICKED,
    LOCKED,
    FLOODED,
    FLOODS_DRAINED,
    COUNTER_COUNT
};
enum {
    QUEUE_TO_INVOKE,
    END_TO_CALLBACK,
    BARRIER_TIME,
    QUEUE_TIME,
    DRAIN_TIME,
    LOCK_HELD,
    HELD_BACK,
    RSS,
    MEASURE_COUNT
};
enum { CALLBACK_LEDGER, QUIESCENCE, CHECK_COUNT };
enum {
    NOTE_QUEUED,
    NOTE_INVOKED,
    NOTE_ENTERED,
    NOTE_LEFT,
    NOTE_BARRIER,
    NOTE_BARRIER_END,
    NOTE_FLOOD,
    NOTE_FLOOD_END,
    NOTE_COUNT
};

/* What is queued. */
struct callback_item {
    struct item base;
    int64_t queued_ns;
};

/* What a flooder queues. */
struct drop {
    flavor_head head;
    struct flooder *flooder;
    uint64_t sequence;
};

struct flooder {
    _Alignas(64) _Atomic uint64_t queued;  /* by the flooder */
    _Alignas(64) _Atomic uint64_t invoked; /* by callbacks; the next one's sequence */
    struct torture_thread *thread;
};

struct callback_state {
    size_t caller_count, flooder_count;
    struct items *callers; /* those of each */
    struct flooder *flooders;
    struct big_lock *big_lock;
};

/* Roles. */
void callback_reader(struct torture_thread *t);
void callback_busy_reader(struct torture_thread *t);
void callback_caller(struct torture_thread *t);
void callback_barrier(struct torture_thread *t);
void callback_lock_user(struct torture_thread *t);
void callback_flooder(struct torture_thread *t);
void callback_sampler(struct torture_thread *t);

#endif
