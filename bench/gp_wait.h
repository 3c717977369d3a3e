/* What the threads of gp-wait share: gp_wait.c requests, gp_wait_readers.c reads. */
#ifndef STILLPOINT_GP_WAIT_H
#define STILLPOINT_GP_WAIT_H

#include "gp_causes.h"

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <pthread.h>

/* A thread that waits checks so often whether the run ends. */
#define STEP_NS INT64_C(100000000)

enum { READS, REQUESTS, LATE_BUSY, LATE_WOKEN, COUNTER_COUNT };

struct params {
    int64_t requesters, interval_ns, look_ns;
    int64_t hogs, readers;
    int64_t blocking_readers, blocking_section_ns, blocking_pause_ns;
    int64_t long_readers, long_section_ns;
    double long_gap;
    int via, arrivals, long_stay;
    bool long_leave, explain;
};
enum { VIA_SYNCHRONIZE, VIA_EXPEDITED, VIA_CALL_RCU, VIA_POLL };
enum { LONG_ASLEEP, LONG_BUSY };
enum { ARRIVALS_POISSON, ARRIVALS_FIXED };

/* One request's callback; of `via` call_rcu. */
struct call {
    flavor_head head;
    atomic_uint done;
    int64_t invoked_ns;
    bool facts_known; /* by the callback */
    struct gp_facts served, before;
};

struct state {
    pthread_mutex_t lock; /* of the schedule, which is drawn from before a request is due */
    struct random random;
    int64_t due_ns; /* of the last request that was taken; 0: none was */
    unsigned long taken;
    struct call *calls;  /* one per requester */
    atomic_uint asking;  /* requesters that may still wait */
    atomic_uint nothing; /* stays 0: to wait for the clock only */
    struct stays *logs;  /* of the readers, role after role; NULL: nothing is explained */
    size_t log_count;
};

/* Roles. */
void gp_wait_looping_reader(struct torture_thread *t);
void gp_wait_blocking_reader(struct torture_thread *t);
void gp_wait_long_reader(struct torture_thread *t);
/* Keeps its CPU from others. */
void gp_wait_hog(struct torture_thread *t);

#endif
