/* What a workload is to the harness: names, options, roles and checks in one table.
 *
 * A workload file defines one `const struct workload`, compiled once for each flavor. It reaches
 * the code under test through flavor_* calls only (torture/flavors/flavor.h), and the harness
 * through torture_* calls (torture/runner/thread.h).
 *
 * Tables are written with designators. Those that an enum of the workload numbers are sized by it,
 * so that no row can be at the wrong place; a test finds a row that is missing:
 *
 *     enum { READS, CHECKS, COUNTER_COUNT };
 *     static const struct counter counters[COUNTER_COUNT] = {
 *         [READS] = {.name = "reads"},
 *         [CHECKS] = {.name = "checks"},
 *     };
 */
#ifndef STILLPOINT_WORKLOAD_H
#define STILLPOINT_WORKLOAD_H

#include "diagnostics.h"
#include "options.h"

#include <stdint.h>

struct instance;
struct torture_thread;

/* What a flavor may be able to do, and a role may need: X(NAME, "name") for the bit CAN_NAME, which
 * FLAVOR_CAN_NAME of an adaptor claims. */
#define CAPABILITIES(X)                                                                          \
    X(SYNCHRONIZE, "synchronize")     /* waits for a grace period */                             \
    X(EXPEDITE, "expedite")           /* a faster variant of it */                               \
    X(CALL, "call")                   /* queues callbacks */                                     \
    X(BARRIER, "barrier")             /* waits for queued callbacks */                           \
    X(CALLBACK_LOCK, "callback-lock") /* runs callbacks under a lock of the caller's */          \
    X(NEST, "nest")                   /* read sections nest */                                   \
    X(FORCE, "force")                 /* force notifiers, force_rcu */                           \
    X(GP_TIMES, "gp-times")           /* knows when a grace period started and ended */          \
    X(GP_FACTS, "gp-facts")           /* and what its leader did meanwhile */                    \
    X(PROMISE, "promise")             /* promises what forces them, and when none naps */        \
    X(CHANGE, "change")               /* takes other settings at any time */                     \
    X(JUMP, "jump")                   /* counts from just before its counts wrap */              \
    X(PROTECT, "protect")             /* grace periods really wait for readers; not of `null` */ \
    X(SECTIONS, "sections")           /* a section protects whatever is read in it */            \
    X(RETIRE, "retire")               /* hands what readers may still hold to a reclaimer */     \
    X(QSBR, "qsbr")                   /* quiescent-state mode beside ordinary sections */        \
    X(POLL, "poll")                   /* polled grace periods */                                 \
    X(FORK, "fork")                   /* goes on in a forked child */                            \
    X(INHERIT, "inherit")             /* and runs there what was pending in the parent */        \
    X(EXIT, "exit")                   /* threads may end without unregistering */                \
    X(SIGNAL, "signal")               /* sections in signal handlers */                          \
    X(REPLAY, "replay")               /* deterministic mode */                                   \
    X(EXCLUSIVE, "exclusive")         /* exclusive sections: vCPUs stay out while one is held */ \
    X(FIFO, "fifo")                   /* these begin in the order of their requests */           \
    X(VCPU, "vcpu")                   /* vCPUs, work, kicks, accelerators */                     \
    X(KVM, "kvm")                     /* runs guests under /dev/kvm here */

enum flavor_capability_bit {
#define CAPABILITY_BIT(name, text) CAN_##name##_BIT,
    CAPABILITIES(CAPABILITY_BIT)
#undef CAPABILITY_BIT
};

enum flavor_capability {
#define CAPABILITY(name, text) CAN_##name = 1 << CAN_##name##_BIT,
    CAPABILITIES(CAPABILITY)
#undef CAPABILITY
};
extern const char *const flavor_capability_names[]; /* by bit, NULL-ended */

/* One kind of thread. */
struct role {
    const char *name;         /* "reader"; threads are reader-0, reader-1, ... NULL ends the list */
    const char *count_option; /* the OPTION_INT of how many; NULL: one */
    void (*run)(struct torture_thread *);
    unsigned needs; /* capabilities, when there is at least one such thread */
    /* What is measured presupposes that each has a CPU for itself, on which it stays; a run in
     * which one had not is left out of medians and budgets. */
    bool loops;
};

/* What threads of the workload count. */
struct counter {
    const char *name;
    /* How the line "Reached" puts it: "objects freed"; NULL: the name with spaces. */
    const char *words;
    /* Of the counter `share_of` it may be share_max at most, or the run is inconclusive: "34 of 980
     * requests" and `too_many`. NULL: there is no limit. */
    const char *share_of;
    double share_max;
    const char *too_many;
    /* It counts near misses: what looks like a broken promise by the clock alone. The words of the
     * line "Near misses"; NULL: it counts something else. They are part of no verdict. */
    const char *near_miss;
    unsigned needs; /* capabilities of a flavor without which it stays 0 */
};

/* What may be waited for: numbered by an enum of the workload. */
struct cause {
    const char *name;  /* "reader_blocked" */
    const char *words; /* after a percentage: "a reader inside, blocked" */
    bool scheduler;    /* a thread could run, and had no CPU */
};

/* One latency that threads of the workload record. */
struct measure {
    const char *name; /* "gp.total" */
    const char *unit; /* "ns" or "ps"; "bytes": it is a size, and called a latency all the same */
    /* 1: first choice of what stands for a result, 2: second, ...; 0: only when nothing else is
     * there. */
    unsigned headline;
    const char *words;   /* "Read-side pair": its medians get a line of their own; NULL: none */
    const char *picture; /* the script in plots/ that draws it, beside the headline's; NULL: none */
    const char *axis;    /* the option, also of placement, that is its x axis; NULL: none */
    const char *called;  /* on the axis of a picture; NULL: its name */
    const char *files; /* "gp-wait": begins the names of pictures of it; of those with a heading */
    const char *samples; /* over the column of how many there are; of those with a heading */
    const char *heading; /* over a table of it, one sentence without a full stop; NULL: its name */
    /* What it may have waited for, where torture_slow() is called for it; NULL: that is not known.
     * At most one of a workload's, and SLOW_CAUSES causes. */
    const struct cause *causes;
    size_t cause_count;
};

/* Rows that several workloads have. */
#define COUNTER_GPS                             \
    {                                           \
        .name = "gps", .words = "grace periods" \
    }
#define MEASURE_GP                                                       \
    {                                                                    \
        .name = "gp", .unit = "ns", .headline = 2,                       \
        .called = "the grace period's latency from its start to its end" \
    }
#define MEASURE_GP_TOTAL                                                                    \
    {                                                                                       \
        .name = "gp.total", .unit = "ns", .headline = 3, .picture = "gp-placement",         \
        .axis = "policy", .called = "the grace period's latency from request to completion" \
    }
#define MEASURE_EXCLUSIVE_ENTER                                                                  \
    {                                                                                            \
        .name = "exclusive.enter", .unit = "ns", .picture = "exclusive-latency", .axis = "vcpus" \
    }

/* Counters that are one distribution, which a table of its own shows: PREFIX0, PREFIX1, ... */
struct distribution {
    const char *file;   /* of the table, in the directory of results */
    const char *text;   /* above it, whole lines */
    const char *prefix; /* of the counters' names: "age_" */
    const char *column; /* over each column, before its number: "age" */
    unsigned expected;  /* so many columns are wide: the figures that are expected */
};

/* What the flight recorder keeps of one thing that happened, with two numbers. */
struct note_format {
    const char *format; /* takes up to two unsigned long; a report groups by the first */
    bool enters; /* opens a section that lasts until the violation which the thread reports next */
};

struct workload {
    const char *name;
    const char *summary; /* one sentence, no full stop */
    bool bench;          /* measures (bench/) rather than breaks (torture/workloads/) */
    bool alone;          /* in its process: what others ask for, it would take for its own */
    unsigned needs;      /* capabilities, whatever the roles */
    /* Capabilities that the values of the options require, such as an accelerator; NULL: none.
     * `params` is filled from the completed options of one point. Called in the driver, before
     * anything runs. */
    unsigned (*needs_by_params)(const void *params);
    /* Why these values of the options make no run, whatever the flavor and the machine: a sentence
     * without a full stop, or NULL. NULL: any do. As needs_by_params. */
    const char *(*refuse)(const void *params);
    const struct option *options;
    size_t params_size; /* of the struct that the options fill */
    const struct role *roles;
    /* Each is numbered by an enum of the workload, which is also its length. */
    const struct counter *counters;
    size_t counter_count;
    const struct measure *measures;
    size_t measure_count;
    const char *const *checks; /* kebab case, as in docs/results.md */
    size_t check_count;
    const struct note_format *notes;
    size_t note_count;
    const struct distribution *distribution; /* NULL: none */
    const char *const *coverage; /* hard states that a scenario may require; NULL-ended, or NULL */
    /* Makes the instance's state from its params, before any thread exists. */
    bool (*setup)(struct instance *, struct diagnostics *);
    /* In the signal handler of one of its threads, which touched what is not there: true when it
     * may go on, and finds out itself. NULL: it never may. */
    bool (*fault)(struct torture_thread *, uintptr_t address);
    /* After all threads have ended: the checks of the end, then frees the state. */
    void (*finish)(struct instance *);
};

/* NULL-ended; defined in torture/workloads/workloads.c. */
extern const struct workload *const workloads[];

/* The workload of that name, or NULL. */
const struct workload *workload_named(const char *name);
/* The type of element `index` of the workloads of a scenario or run config, or NULL when that is
 * none. */
const struct workload *workload_at(json_t *root, size_t index);
/* Whether any of them tries to break the code under test. */
bool workloads_torture(json_t *root);
/* The first row of that name in any workload, or NULL. */
const struct counter *counter_named(const char *name);
const struct measure *measure_named(const char *name);
bool measure_is_of_bytes(const struct measure *measure);
/* The latency of the workload whose causes are known, or NULL. */
const struct measure *measure_explained(const struct workload *workload);
/* The first latency that this picture draws, or NULL. */
const struct measure *measure_pictured(const char *picture);

#endif
