/* The workload `exclusive`: what its files share. */
#ifndef STILLPOINT_EXCLUSIVE_WORKLOAD_H
#define STILLPOINT_EXCLUSIVE_WORKLOAD_H

#include "torture/workloads/fleet.h"
#include "torture/workloads/overtaken.h"

struct exclusive_params {
    struct fleet_params fleet;
    int64_t exec_vcpus, quiet_vcpus, starters;
    int64_t exec_ns, gap_ns, pause_ns, hold_ns;
    int64_t nest_max, own_section_one_in, order_one_in, contended_stores;
};

enum {
    EXECUTIONS,
    SECTIONS,
    CHECKS,
    NESTED_SECTIONS,
    OWN_SECTIONS,
    WANTED_OUT,
    GUESTS_WANTED_OUT,
    RE_ENTERED,
    QUIET_TURNS,
    GUESTS_FROZEN,
    ORDER_CHECKS,
    ENTRY_CHECKS,
    COUNTER_COUNT
};
enum { ENTER, STOPPED, MEASURE_COUNT };
enum { EXCLUSIVITY = VCPU_LEDGER_CHECKS, FAIRNESS, CHECK_COUNT };
enum { NOTE_EXECUTES, NOTE_LEFT, NOTE_ASKS, NOTE_BEGAN, NOTE_ENDS, NOTE_RE_ENTERED, NOTE_COUNT };

#define DATA_WORDS 16 /* two cache lines */

/* A thread that runs vCPUs, one at a time. All is written by it alone, while it executes, so that
 * nothing that two vCPUs share fences for the code under test. */
struct executor {
    _Alignas(64) atomic_uint executing; /* relaxed */
    /* Plain: sections read them, and the order comes from the code under test. */
    unsigned long serial; /* of the vCPU; of one in a loop of its own, among those of the thread */
    unsigned long left, right;     /* different in the middle of an execution only */
    unsigned long newest;          /* the latest section of which it has seen what it wrote */
    _Alignas(64) flavor_vcpu vcpu; /* of a loop of its own */
};

struct contended_line {
    _Alignas(64) atomic_ulong value;
};

/* A thread's; its own. */
struct order_requests {
    struct request_line sections;
    bool noted; /* in its last section it noted who slept in a request for one */
};

/* What one thread noted of another. */
struct order_note {
    unsigned long request;
    struct cpu_sleep sleep;
};

struct exclusive_state {
#if FLAVOR_CAN_VCPU
    struct fleet fleet;
#endif
    /* Plain: changed in sections only, each of which counts all words up, the second half at its
     * end. */
    _Alignas(64) unsigned long words[DATA_WORDS];
    _Alignas(64) unsigned owner; /* plain: 1 + the id of the thread whose section it is; 0: none */
    _Alignas(64) atomic_ulong ended; /* sections that were ended: what quiet vCPUs wait for */
    struct executor *executors;
    size_t executor_count;
    struct contended_line *contended; /* contended_stores of them */
    struct order_requests *requests;  /* by thread of the run */
    struct order_note *order_notes;   /* by two of them: who noted, and whom */
    struct overtaken entries;         /* to executions; notes are of sections */
};

/* Stores that leave the store buffer late, and whatever is stored next later still. */
static inline void exclusive_contend(struct exclusive_state *state,
                                     const struct exclusive_params *p, unsigned long value)
{
    for (int64_t i = 0; i < p->contended_stores; i++)
        atomic_store_explicit(&state->contended[i].value, value, memory_order_relaxed);
}

/* What a vCPU found wrong while it executed. */
struct exclusive_sight {
    uint64_t begun; /* ticks */
    unsigned long first, found;
    unsigned word; /* DATA_WORDS: nothing */
};

/* Executes for that long, or until it is wanted out, between cpu_exec_start() and
 * cpu_exec_end(). */
struct exclusive_sight exclusive_execute(struct exclusive_state *state, struct executor *e,
                                         flavor_vcpu *v, uint64_t ticks);
/* Reports what it found. */
void exclusive_judge(struct torture_thread *t, struct executor *e, struct exclusive_sight sight);

/* An exclusive section with all its checks. */
void exclusive_section(struct torture_thread *t);

/* In the section of that number. */
void exclusive_check_order(struct torture_thread *t, unsigned long number);

/* The roles that run vCPUs in loops of their own. */
void exclusive_exec_vcpu(struct torture_thread *t);
void exclusive_quiet_vcpu(struct torture_thread *t);
#if FLAVOR_CAN_VCPU
/* vCPUs of the accelerators. */
struct exclusive_vcpu {
    struct fleet_vcpu base;
    /* Of kvm; plain, for sections. */
    unsigned long noted_in; /* the section that noted `rounds` last */
    struct vcpu_kvm_page *page;
    uint64_t rounds;
};
extern const struct vcpu_guest exclusive_guest;
/* => In the section of that number. Compares how far the guests of kvm are with how far they are
 *    after the time, and changes what only sections change. */
void exclusive_freeze_guests(struct torture_thread *t, unsigned long number, uint64_t ns);
#endif

#endif
