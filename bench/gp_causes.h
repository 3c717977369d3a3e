/* What a request for a grace period waited for: gp_causes.c.
 *
 * Readers log their sections, while they are outside. The logs, what the flavor tells of grace
 * periods, and the times of the request together say where each moment of its wait went.
 */
#ifndef STILLPOINT_GP_CAUSES_H
#define STILLPOINT_GP_CAUSES_H

#include "torture/record/gp_facts.h"
#include "torture/record/workload.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* docs/results.md has what each means. */
enum gp_cause {
    READER_RUNNING,
    READER_PREEMPTED,
    READER_BLOCKED,
    READER_INSIDE, /* of which is not known where it was */
    LEADER_NAPS,
    LEADER_WAITS_FOR_CPU,
    LEADER_WORKS,
    HEAVY_FENCE,
    CALLBACK_THREAD,
    WOKEN_LATE,
    ALL_BUSY,
    UNKNOWN,
    CAUSE_COUNT,
};
extern const struct cause gp_causes[CAUSE_COUNT];

/* --- Logs of readers --- */

#define STAYS_KEPT 1024

/* A section, from just before it was entered until just after it was left. */
struct stay {
    int64_t enter_ns, leave_ns;
    int64_t ran_ns, waited_ns; /* on a CPU, and for one; over what is left the thread blocked */
};

/* One reader's log. */
struct stays {
    pthread_mutex_t lock;    /* guards the fields up to kept; never held in a section */
    int thread_id;           /* 0: not open */
    int64_t inside_since_ns; /* 0: outside */
    unsigned long count;
    struct stay kept[STAYS_KEPT];
    /* The thread's own. */
    int account;               /* its waits for a CPU: cpu_wait_open() */
    int64_t ran_ns, waited_ns; /* when the section was entered, or a longer one was logged */
    int64_t mark_ns;
};

/* Before the readers start. */
void stays_init(struct stays *log);
/* => The reader's thread, outside of sections. All enter the kernel: about 2 us. */
void stays_open(struct stays *log);
void stays_close(struct stays *log);
void stays_enter(struct stays *log);
void stays_leave(struct stays *log);
/* For a reader that loops, which cannot log each section: when so much time has gone by since the
 * mark before that the thread cannot have been on its CPU, one that lasted as long. Otherwise it
 * does not enter the kernel. */
void stays_mark(struct stays *log);

/* --- Requests --- */

struct gp_request {
    int thread_id;
    int64_t due_ns, begun_ns, answered_ns;
    bool busy;                      /* begun late because its thread was not done with another */
    bool by_callback;               /* what answered it */
    struct gp_facts served, before; /* leader 0: not known */
};

/* In nanoseconds. */
struct gp_shares {
    int64_t own[CAUSE_COUNT];
    int64_t
        queued[CAUSE_COUNT]; /* what held up the grace period before, for which this one waited */
    int thread_id[CAUSE_COUNT]; /* the thread in which most of it was; 0: none is known */
    int64_t thread_ns[CAUSE_COUNT];
};

/* Whether the readers that were in its way have logged that they left. */
bool gp_causes_known(const struct gp_request *r, struct stays *logs, size_t log_count);
/* The shares add up to answered_ns - due_ns. */
void gp_causes_explain(const struct gp_request *r, struct stays *logs, size_t log_count,
                       struct gp_shares *shares);

#endif
