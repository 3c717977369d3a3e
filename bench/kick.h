/* What the files of the bench workload `kick-latency` share: a thread that is got out of what it
 * does, in one of several ways, and notes when it was. */
#ifndef STILLPOINT_BENCH_KICK_H
#define STILLPOINT_BENCH_KICK_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"
#include "torture/workloads/accelerators.h"

#if defined(__linux__) && defined(__x86_64__)
#define KICK_RAW_KVM 1
#else
#define KICK_RAW_KVM 0
#endif

enum kick_method {
#define METHOD(NAME, name, waits) METHOD_##NAME,
    ACCELERATORS(METHOD)
#undef METHOD
        METHOD_IDLE,
    METHOD_RAW_FUTEX,
    METHOD_RAW_SIGNAL,
    METHOD_RAW_INTERRUPT,
    METHOD_RAW_KVM
};

/* One target, one requester. */
struct kick_target {
    const struct kick_way *way;
    struct torture_thread *thread;
    /* The requester's. */
    _Alignas(64) _Atomic uint64_t reason; /* grows */
    atomic_uint word;                     /* raw futex */
    atomic_uint leave;                    /* the target is to end */
    /* The target's. */
    _Alignas(64) _Atomic uint64_t acted;
    _Atomic uint64_t acted_ticks;
    _Atomic uint64_t rounds; /* grows while it is inside; one that sleeps adds 1 before it does */
    atomic_int thread_id;    /* 0: not there yet, or no longer */
#if FLAVOR_CAN_VCPU
    struct vcpu *cpu;
#endif
};

/* The target has left what it was in, at that moment. */
static inline void kick_target_acts(struct kick_target *target, uint64_t reason, uint64_t ticks)
{
    atomic_store_explicit(&target->acted_ticks, ticks, memory_order_relaxed);
    /* Orders: STORE target->acted_ticks -> STORE target->acted.
     * Pairs with: acted(), LOAD target->acted (acquire), before the time is loaded.
     * Broken: the requester takes the time of the action before. */
    atomic_store_explicit(&target->acted, reason, memory_order_release);
}

/* How one kind of target runs and is kicked. */
struct kick_way {
    /* In the target's thread, until the target is to leave. */
    void (*run)(struct kick_target *target);
    /* What is timed, after the reason was written. */
    void (*kick)(struct kick_target *target);
    /* How far it has got; NULL: `rounds`. */
    uint64_t (*rounds)(struct kick_target *target);
    /* Gets it out for good; NULL: as `kick` does, when it is inside. */
    void (*end)(struct kick_target *target);
    bool sleeps; /* inside it is asleep */
#if FLAVOR_CAN_VCPU
    const struct vcpu_accel *accel; /* of the library's vCPUs */
    const struct vcpu_guest *guest;
#endif
};

/* kick_raw.c, kick_raw_kvm.c */
extern const struct kick_way kick_raw_futex, kick_raw_signal, kick_raw_interrupt, kick_raw_kvm;
/* The signal of the raw ways; not the library's. */
int kick_raw_signal_number(void);
void kick_raw_send(struct kick_target *target);

#endif
