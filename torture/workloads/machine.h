/* What the vCPU workloads share: vCPUs of one accelerator that come and go.
 *
 * The role `vcpu` is machine_vcpus(): each thread plugs a vCPU (with rr: several), runs it until it
 * is unplugged, and plugs another one. The role `plugger` is machine_plugger(): it unplugs them,
 * one now and then, and all at the end of the run. Other threads take a vCPU, ask it for something,
 * and give it back.
 *
 * A workload's own vCPU has a struct machine_vcpu as its first member. All but the options is there
 * for flavors that have vCPUs: the rest of a workload stands in #if FLAVOR_CAN_VCPU, and its roles
 * are NEEDS_VCPU(function).
 */
#ifndef STILLPOINT_MACHINE_H
#define STILLPOINT_MACHINE_H

#include "torture/engine/thread.h"
#include "torture/flavors/flavor.h"

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

/* Rows for the options of a workload whose params have a `struct machine_params machine`. */
#define MACHINE_FIELD(type, name) (offsetof(type, machine) + offsetof(struct machine_params, name))
#define MACHINE_OPTIONS(type)     MACHINE_OPTIONS_WITH(type, "2")
/* The same, with a default for the number of threads that run vCPUs. */
#define MACHINE_OPTIONS_WITH(type, threads)                                                       \
    {"accel",                                                                                     \
     OPTION_CHOICE,                                                                               \
     MACHINE_FIELD(type, accel),                                                                  \
     "auto",                                                                                      \
     0,                                                                                           \
     0,                                                                                           \
     NULL,                                                                                        \
     "auto threads rr signal cancel user kvm",                                                    \
     "how vCPUs run; auto: kvm where it is available, else threads"},                             \
        {"vcpus",   OPTION_INT, MACHINE_FIELD(type, vcpus), threads, 0, 4096,                     \
         "threads", NULL,       "threads that run vCPUs"},                                        \
        {"per_thread", OPTION_INT, MACHINE_FIELD(type, per_thread),                               \
         "3",          1,          64,                                                            \
         "vCPUs",      NULL,       "rr: vCPUs that one thread runs in turn; the others run one"}, \
    {                                                                                             \
        "hotplug", OPTION_DURATION, MACHINE_FIELD(type, hotplug_ns), "20ms", 0, 60e9, NULL, NULL, \
            "mean time until a vCPU is unplugged and another one plugged; 0: they stay"           \
    }

/* For struct workload.needs_by_params, by way of a function that finds the params. */
static inline unsigned machine_needs(const struct machine_params *p)
{
    return p->accel == ACCEL_KVM && p->vcpus > 0 ? CAN_KVM : 0;
}

/* Takes the place of a role that a flavor without vCPUs cannot run. */
void machine_missing_role(struct torture_thread *t);

#if FLAVOR_CAN_VCPU
#define NEEDS_VCPU(function) function

struct machine;
struct machine_rr;

struct machine_vcpu {
    struct vcpu cpu; /* cpu.data is this struct's own address */
    struct machine *machine;
    struct torture_thread *thread;
    struct machine_rr *rr; /* NULL: a thread of its own */
    unsigned long serial;  /* counts the vCPUs of the machine */
    atomic_uint references;
    bool told_to_end; /* under the machine's lock */
    TAILQ_ENTRY(machine_vcpu) live;
    flavor_head head;
};

/* The workload's: called in the thread that plugs, before the vCPU can be taken, and after it has
 * ended and been removed, when others may still hold it. NULL: nothing. */
struct machine_hooks {
    void (*plugged)(struct machine_vcpu *v);
    void (*unplugged)(struct machine_vcpu *v);
};

struct machine {
    struct instance *instance;
    const struct machine_params *params;
    const struct vcpu_accel *accel;
    const struct vcpu_guest *guest;
    const struct machine_hooks *hooks;
    size_t vcpu_size; /* of the workload's struct */
    bool guest_io;    /* kvm: set it before the threads start */
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

/* In setup(), and in finish(). The guest and the hooks stay the caller's. */
bool machine_open(struct machine *m, struct instance *in, const struct machine_params *params,
                  const struct vcpu_guest *guest, const struct machine_hooks *hooks,
                  size_t vcpu_size, struct diagnostics *d);
void machine_close(struct machine *m);

/* Bodies of the two roles. */
void machine_vcpus(struct torture_thread *t, struct machine *m);
void machine_plugger(struct torture_thread *t, struct machine *m);

/* One of those that are there, at random; NULL: there is none just now. It is not freed before it
 * is given back, but it may end at any time. */
struct machine_vcpu *machine_take(struct machine *m, struct random *random);
void machine_give(struct machine_vcpu *v);

#else
#define NEEDS_VCPU(function) machine_missing_role
#endif

#endif
