/* What a workload is to the engine: names, options, roles and checks in one table.
 *
 * A workload file defines one `const struct workload`, compiled once for each flavor. It reaches
 * the code under test through flavor_* calls only (torture/flavors/flavor.h), and the engine
 * through torture_* calls (thread.h).
 */
#ifndef STILLPOINT_WORKLOAD_H
#define STILLPOINT_WORKLOAD_H

#include "diagnostics.h"
#include "options.h"

struct instance;
struct torture_thread;

/* What a flavor may be able to do, and a role may need. Names: flavor_capability_names[]. */
enum flavor_capability {
    CAN_SYNCHRONIZE = 1 << 0,   /* waits for a grace period */
    CAN_EXPEDITE = 1 << 1,      /* a faster variant of it */
    CAN_CALL = 1 << 2,          /* queues callbacks */
    CAN_BARRIER = 1 << 3,       /* waits for queued callbacks */
    CAN_CALLBACK_LOCK = 1 << 4, /* runs callbacks under a lock of the caller's */
    CAN_NEST = 1 << 5,          /* read sections nest */
    CAN_FORCE = 1 << 6,         /* force notifiers, force_rcu */
    CAN_GP_TIMES = 1 << 7,      /* tells when a grace period started and ended */
    CAN_PROTECT = 1 << 8,       /* grace periods really wait for readers (`null` does not) */
    CAN_QSBR = 1 << 9,          /* quiescent-state mode beside ordinary sections */
    CAN_POLL = 1 << 10,         /* polled grace periods */
    CAN_FORK = 1 << 11,         /* goes on in a forked child */
    CAN_EXIT = 1 << 12,         /* threads may end without unregistering */
    CAN_REPLAY = 1 << 13,       /* deterministic mode */
    CAN_EXCLUSIVE = 1 << 14,    /* exclusive sections: vCPUs stay out while one thing runs */
    CAN_VCPU = 1 << 15,         /* vCPUs, work, kicks, accelerators */
    CAN_KVM = 1 << 16,          /* runs guests under /dev/kvm here */
};
extern const char *const flavor_capability_names[]; /* by bit, NULL-ended */

/* One kind of thread. */
struct role {
    const char *name;         /* "reader"; threads are reader-0, reader-1, ... NULL ends the list */
    const char *count_option; /* the OPTION_INT that says how many; NULL: one */
    void (*run)(struct torture_thread *);
    unsigned needs; /* capabilities, when there is at least one such thread */
};

/* One latency that threads of the workload record. */
struct measure {
    const char *name; /* "gp.total"; NULL ends the list */
    const char *unit; /* "ns" or "ps" */
};

struct workload {
    const char *name;
    const char *summary; /* one sentence, no full stop */
    bool bench;          /* measures (bench/) rather than breaks (torture/workloads/) */
    unsigned needs;      /* capabilities, whatever the roles */
    /* Capabilities that the values of the options ask for, such as an accelerator; NULL: none.
     * `params` is filled from the completed options of one point. Called in the driver, before
     * anything runs. */
    unsigned (*needs_by_params)(const void *params);
    const struct option *options;
    size_t params_size; /* of the struct that the options fill */
    const struct role *roles;
    const char *const *counters; /* NULL-ended lists; an enum in the workload numbers each */
    const struct measure *measures;
    const char *const *checks;   /* kebab case, as in docs/results.md */
    const char *const *coverage; /* hard states that a scenario may require */
    const char *const *notes;    /* flight-recorder formats; each takes two unsigned long */
    /* Makes the instance's state from its params, before any thread exists. */
    bool (*setup)(struct instance *, struct diagnostics *);
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

#endif
