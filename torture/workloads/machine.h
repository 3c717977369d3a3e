/* What the vCPU workloads share: vCPUs of one accelerator that come and go.
 *
 * The role `vcpu` is machine_vcpus(): each thread plugs a vCPU (with rr: several), runs it until it
 * is unplugged, and plugs another one. The role `plugger` is machine_plugger(): it unplugs them,
 * one now and then, and all at the end of the run. Other threads take a vCPU, ask it for something,
 * and give it back.
 *
 * First in a workload's params stands a struct machine_params, first in its state a struct machine,
 * and first in its own vCPU, which is what cpu->data points to, a struct machine_vcpu: what is here
 * finds them there. All but its tables stands in #if FLAVOR_CAN_VCPU; its roles are
 * NEEDS_VCPU(function), and MACHINE_LIFE() names its setup() and finish().
 */
#ifndef STILLPOINT_MACHINE_H
#define STILLPOINT_MACHINE_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <stddef.h>

struct machine_params {
    int accel;
    int64_t vcpus, per_thread, hotplug_ns;
};
enum machine_accel {
    ACCEL_AUTO,
    ACCEL_THREADS,
    ACCEL_RR,
    ACCEL_SIGNAL,
    ACCEL_CANCEL,
    ACCEL_USER,
    ACCEL_KVM
};

/* Rows for the options of a workload; `threads` is the default of how many run vCPUs. */
#define MACHINE_FIELD(name) offsetof(struct machine_params, name)
#define MACHINE_OPTIONS(threads)                                                            \
    {.name = "accel",                                                                       \
     .type = OPTION_CHOICE,                                                                 \
     .offset = MACHINE_FIELD(accel),                                                        \
     .default_text = "auto",                                                                \
     .choices = "auto threads rr signal cancel user kvm",                                   \
     .help = "how vCPUs run; auto: kvm where it is available, else threads"},               \
        {.name = "vcpus",                                                                   \
         .type = OPTION_INT,                                                                \
         .offset = MACHINE_FIELD(vcpus),                                                    \
         .default_text = threads,                                                           \
         .max = 4096,                                                                       \
         .unit = "threads",                                                                 \
         .help = "threads that run vCPUs"},                                                 \
        {.name = "per_thread",                                                              \
         .type = OPTION_INT,                                                                \
         .offset = MACHINE_FIELD(per_thread),                                               \
         .default_text = "3",                                                               \
         .min = 1,                                                                          \
         .max = 64,                                                                         \
         .unit = "vCPUs",                                                                   \
         .help = "rr: vCPUs that one thread runs in turn; the others run one"},             \
    {                                                                                       \
        .name = "hotplug", .type = OPTION_DURATION, .offset = MACHINE_FIELD(hotplug_ns),    \
        .default_text = "20ms", .max = 60e9,                                                \
        .help = "mean time until a vCPU is unplugged and another one plugged; 0: they stay" \
    }

/* The struct workload.needs_by_params. */
unsigned machine_needs(const void *params);

/* Zeroed, in cache lines of its own. */
void *machine_lines(size_t size);

/* The role `plugger`. Ends at once when there are to be no vCPUs. */
void machine_plugger(struct torture_thread *t);

/* Takes the place of a role that a flavor without vCPUs cannot run. */
void machine_missing_role(struct torture_thread *t);

#if FLAVOR_CAN_VCPU
#define NEEDS_VCPU(function)      function
#define MACHINE_LIFE(open, close) .setup = (open), .finish = (close)

struct machine;
struct machine_rr;

struct machine_vcpu {
    struct vcpu cpu;
    struct machine *machine;
    struct torture_thread *thread;
    struct machine_rr *rr; /* NULL: a thread of its own */
    unsigned long serial;  /* counts the vCPUs of the machine */
    atomic_uint references;
    atomic_bool told_to_end;
    TAILQ_ENTRY(machine_vcpu) live;
    flavor_head head;
};

/* The workload's: called in the thread that plugs, before the vCPU can be taken, and after it has
 * ended and been removed, when others may still hold it. NULL: nothing. */
struct machine_hooks {
    void (*plugged)(struct vcpu *cpu);
    void (*unplugged)(struct vcpu *cpu);
};

struct machine {
    struct instance *instance;
    const struct machine_params *params;
    const struct vcpu_accel *accel;
    const struct vcpu_guest *guest;
    const struct machine_hooks *hooks;
    size_t vcpu_size; /* of the workload's struct */
    /* Set before the threads start, if at all. */
    bool guest_io;   /* kvm */
    int64_t turn_ns; /* rr */
    pthread_mutex_t lock;
    TAILQ_HEAD(machine_live, machine_vcpu) live;
    unsigned live_count;
    unsigned long plugged;
    bool closing; /* no more are plugged */
};

static inline struct machine_vcpu *machine_vcpu_of(struct vcpu *cpu)
{
    return cpu->data;
}

/* The vCPUs of this machine; other workloads may have some in the list. => Inside a read
 * section. */
#define MACHINE_FOREACH(cpu, m) \
    VCPU_FOREACH(cpu)           \
    if ((cpu)->guest == (m)->guest && machine_vcpu_of(cpu)->machine == (m))

/* In setup(): so many vCPUs are going to be there, besides those of the machine; false when that
 * are more, with those of the whole run, than the library can have. */
bool machine_promise(struct instance *in, uint64_t vcpus, struct diagnostics *d);

/* In setup(): makes the instance's state, zeroed, and the machine in it; returns the state, or NULL
 * with nothing made. The guest and the hooks stay the caller's. */
void *machine_open(struct instance *in, size_t state_size, size_t vcpu_size,
                   const struct vcpu_guest *guest, const struct machine_hooks *hooks,
                   struct diagnostics *d);
/* In finish(): waits until all vCPUs have been freed. The state is the caller's to free. */
void machine_close(struct machine *m);

/* The role `vcpu`. */
void machine_vcpus(struct torture_thread *t);

/* The workload's own struct of one of those that are there, at random; NULL: there is none just
 * now. It is not freed before it is given back, but it may end at any time. */
void *machine_take(struct torture_thread *t);
void machine_give(struct machine_vcpu *v);

/* Tells it to end. => It is taken, or the machine's lock is held. */
void machine_unplug(struct machine_vcpu *v);
/* True when it may be ending: it runs the work that it has, pause or not, and no more after. */
static inline bool machine_is_to_end(struct machine_vcpu *v)
{
    /* Acquire, also after what the library has read in this thread.
     * Pairs with: the release in machine_unplug(). Broken: what a vCPU does as it ends is taken for
     * a violation. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&v->told_to_end, memory_order_relaxed);
}

#else
#define NEEDS_VCPU(function)      machine_missing_role
#define MACHINE_LIFE(open, close) .setup = NULL
#endif

#endif
