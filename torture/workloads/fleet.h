/* What the vCPU workloads share: vCPUs of one accelerator that come and go.
 *
 * The role `vcpu` is fleet_vcpus(): each thread plugs a vCPU (with rr: several), runs it until it
 * is unplugged, and plugs another one. The role `plugger` is fleet_plugger(): it unplugs them, one
 * now and then, and all at the end of the run. Other threads take a vCPU, request something of it,
 * and give it back.
 *
 * First in a workload's params stands a struct fleet_params, first in its state a struct fleet, and
 * first in its own vCPU, which is what cpu->data points to, a struct fleet_vcpu: what is here finds
 * them there. All but its tables stands in #if FLAVOR_CAN_VCPU; its roles are NEEDS_VCPU(function),
 * and FLEET_LIFE() names its setup() and finish().
 */
#ifndef STILLPOINT_FLEET_H
#define STILLPOINT_FLEET_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"
#include "torture/workloads/accelerators.h"
#include "torture/workloads/vcpu_ledger.h"

#include <stddef.h>

struct fleet_params {
    int accel;
    int64_t vcpus, per_thread, hotplug_ns;
};
enum fleet_accel {
    ACCEL_AUTO,
#define ACCEL(NAME, name, waits) ACCEL_##NAME,
    ACCELERATORS(ACCEL)
#undef ACCEL
        ACCEL_OWN,
};

/* Rows for the options of a workload; `threads` is the default of how many run vCPUs. */
#define FLEET_FIELD(name) offsetof(struct fleet_params, name)
#define FLEET_OPTIONS(threads)                                                              \
    {.name = "accel",                                                                       \
     .type = OPTION_CHOICE,                                                                 \
     .offset = FLEET_FIELD(accel),                                                          \
     .default_text = "auto",                                                                \
     .choices = "auto" ACCELERATORS(ACCELERATOR_CHOICE) " own",                             \
     .help = "how vCPUs run; auto: kvm where it is available, else threads; own: without "  \
             "one, in a loop that detaches them now and then, and attaches them again"},    \
        {.name = "vcpus",                                                                   \
         .type = OPTION_INT,                                                                \
         .offset = FLEET_FIELD(vcpus),                                                      \
         .default_text = threads,                                                           \
         .max = 4096,                                                                       \
         .unit = "threads",                                                                 \
         .help = "threads that run vCPUs"},                                                 \
        {.name = "per_thread",                                                              \
         .type = OPTION_INT,                                                                \
         .offset = FLEET_FIELD(per_thread),                                                 \
         .default_text = "3",                                                               \
         .min = 1,                                                                          \
         .max = 64,                                                                         \
         .unit = "vCPUs",                                                                   \
         .help = "rr: vCPUs that one thread runs in turn; the others run one"},             \
    {                                                                                       \
        .name = "hotplug", .type = OPTION_DURATION, .offset = FLEET_FIELD(hotplug_ns),      \
        .default_text = "20ms", .max = 60e9,                                                \
        .help = "mean time until a vCPU is unplugged and another one plugged; 0: they stay" \
    }

/* The struct workload.needs_by_params. */
unsigned fleet_needs(const void *params);

/* The role `plugger`. Ends at once when there are to be no vCPUs. */
void fleet_plugger(struct torture_thread *t);

/* Takes the place of a role that a flavor without vCPUs cannot run. */
void fleet_missing_role(struct torture_thread *t);

#if FLAVOR_CAN_VCPU
#define NEEDS_VCPU(function)    function
#define FLEET_LIFE(open, close) .setup = (open), .finish = (close)

struct fleet;
struct fleet_rr;

struct fleet_vcpu {
    struct vcpu cpu;
    struct fleet *fleet;
    struct torture_thread *thread;
    struct fleet_rr *rr;  /* NULL: a thread of its own */
    bool is_brief;        /* fleet_plug_brief() has plugged it */
    unsigned long serial; /* counts the vCPUs of the fleet */
    atomic_uint references;
    atomic_bool is_to_end;
    atomic_bool executes; /* a block; relaxed, and its thread's */
    TAILQ_ENTRY(fleet_vcpu) live;
    flavor_head head;
};

/* The workload's: called in the thread that plugs, before the vCPU can be taken, and after it has
 * ended and been removed, when others may still hold it. NULL: nothing. */
struct fleet_hooks {
    void (*plugged)(struct vcpu *cpu);
    void (*unplugged)(struct vcpu *cpu);
};

struct fleet {
    struct instance *instance;
    const struct fleet_params *params;
    const struct vcpu_accel *accel; /* NULL: loops of its own */
    const struct vcpu_guest *guest;
    struct vcpu_guest marked; /* the same; what executes a block is marked */
    const struct fleet_hooks *hooks;
    size_t vcpu_size; /* of the workload's struct */
    /* Set before the threads start, if at all. */
    bool guest_io;   /* kvm */
    int64_t turn_ns; /* rr */
    pthread_mutex_t lock;
    TAILQ_HEAD(fleet_live, fleet_vcpu) live;
    unsigned live_count;
    unsigned long plugged;
    bool closing; /* no more are plugged */
};

static inline struct fleet_vcpu *fleet_vcpu_of(struct vcpu *cpu)
{
    return cpu->data;
}

/* The vCPUs of this fleet; other workloads may have some in the list. => Inside a read
 * section. */
#define FLEET_FOREACH(cpu, f) \
    VCPU_FOREACH(cpu)         \
    if ((cpu)->guest == &(f)->marked)

/* One that executes a block, of all workloads of the process, but for `except`; NULL: none does.
 * => While they are stopped, by an exclusive section or a pause; inside a read section. */
struct fleet_vcpu *fleet_executing(const struct fleet_vcpu *except);
/* The same, outside of sections; what executes violates the check: "vCPU 3 of the workload pause
 * executes " and the rest. */
void fleet_expect_stopped(struct torture_thread *t, unsigned check, const struct fleet_vcpu *except,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* In setup(): makes the instance's state, zeroed, and the fleet in it; returns the state, or NULL
 * with nothing made. The guest and the hooks stay the caller's. */
void *fleet_open(struct instance *in, size_t state_size, size_t vcpu_size,
                 const struct vcpu_guest *guest, const struct fleet_hooks *hooks,
                 struct diagnostics *d);
/* In finish(): waits until all vCPUs have been freed. The state is the caller's to free. */
void fleet_close(struct fleet *f);

/* One thread runs several. */
static inline bool fleet_shares(const struct fleet *f)
{
    return f->accel && f->accel->shares;
}

/* The role `vcpu`. */
void fleet_vcpus(struct torture_thread *t);

/* A vCPU without accelerator, of a life that its thread makes up: it is plugged, and may be taken;
 * NULL when the run is over. And removed; the calling thread runs what is left of its work. */
struct fleet_vcpu *fleet_plug_brief(struct torture_thread *t);
void fleet_remove_brief(struct fleet_vcpu *v);

/* Runs a vCPU until it is unplugged: with the accelerator of the fleet, which shares no thread; or
 * one without, in a loop that detaches it now and then. => Its thread, registered. */
void fleet_run(struct fleet *f, struct vcpu *cpu);
void fleet_run_in_own_loop(struct torture_thread *t, struct random *random, struct vcpu *cpu);

/* The workload's own struct of one of those that are there, at random; NULL: there is none just
 * now. It is not freed before it is given back, but it may end at any time. */
void *fleet_take(struct torture_thread *t);
void fleet_give(struct fleet_vcpu *v);

/* Has it end. => It is taken, or the fleet's lock is held. */
void fleet_unplug(struct fleet_vcpu *v);
/* True when it may be ending: it runs the work that it has, pause or not, and no more after. */
static inline bool fleet_is_to_end(struct fleet_vcpu *v)
{
    /* Orders: LOAD of what the unplugging has done, in the library too -> LOAD v->is_to_end.
     * Pairs with: fleet_unplug(), STORE v->is_to_end -> vcpu_unplug().
     * Broken: what a vCPU does as it ends is taken for a violation. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&v->is_to_end, memory_order_relaxed);
}

#else
#define NEEDS_VCPU(function)    fleet_missing_role
#define FLEET_LIFE(open, close) .setup = NULL
#endif

#endif
