/* What the two sides of the workload rcu-fork share: its options, its state, and what a child
 * reports. */
#ifndef STILLPOINT_RCU_FORK_WORKLOAD_H
#define STILLPOINT_RCU_FORK_WORKLOAD_H

#include "torture/workloads/callback_lock.h"
#include "torture/workloads/caller_state.h"
#include "torture/workloads/items.h"

#include "torture/flavors/flavor.h"

#include <sched.h>
#include <sys/types.h>

#ifndef __has_feature
#define __has_feature(name) 0 /* clang's */
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define FORK_THREAD_SANITIZED 1
#else
#define FORK_THREAD_SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define FORK_ADDRESS_SANITIZED 1
#else
#define FORK_ADDRESS_SANITIZED 0
#endif
#define FORK_SANITIZED (FORK_THREAD_SANITIZED || FORK_ADDRESS_SANITIZED)

struct fork_params {
    int64_t forkers, readers, updaters, waiters, lock_users, vcpus;
    int64_t pending_max, section_ns, fork_pause_ns;
    int64_t child_callers, child_callbacks, child_stay_ns, depth;
    bool big_lock, jump;
};

enum {
    READS,
    CHECKS,
    GPS,
    QUEUED,
    INVOKED,
    LOCKED,
    EXECUTIONS,
    FORKS,
    FORKS_IN_SECTION,
    FORKS_ONLINE,
    FORKS_UNREGISTERED,
    FORKS_LOCKED,
    FORKS_LIBRARY_LOCKED,
    FORKS_EXECUTING,
    FORKS_EXCLUSIVE,
    FORKS_GIVEN_UP,
    GRANDCHILDREN,
    CHILD_READS,
    CHILD_CALLBACKS,
    CHILD_SECTIONS,
    CHILD_VCPU_TURNS,
    CHILD_INHERITED,
    CHILD_DROPPED,
    CHILD_JUMPS,
    COUNTER_COUNT
};
enum { FORK_TIME, CHILD_LIFE, MEASURE_COUNT };
enum { FORK, CALLBACK_LEDGER, QUIESCENCE, CHECK_COUNT };

/* What the forking thread is when it forks; one of these, and the lock besides. */
enum fork_from { FROM_OUTSIDE, FROM_SECTION, FROM_ONLINE, FROM_UNREGISTERED, FORK_FROM_COUNT };
/* And what it is among vCPUs. */
enum fork_at {
    AT_NO_VCPU,
    AT_SECTION, /* exclusive */
    AT_REST,    /* the thread of a vCPU from here on */
    AT_EXECUTION,
    AT_SECTION_OF_VCPU,
    FORK_AT_COUNT
};

/* What a child is at, in the order in which it does it; its exit code when that fails. X(NAME, what
 * it did, after "it"). */
#define CHILD_STEPS(X)                                       \
    X(NONE, "had not begun")                                 \
    X(START, "began")                                        \
    X(SECTION, "went on with the section it inherited")      \
    X(CALL, "queued its first callbacks")                    \
    X(LOCK, "went on with the big lock it inherited")        \
    X(LIBRARY_LOCK, "used the big lock of the library")      \
    X(VCPUS, "went on as a vCPU, and in exclusive sections") \
    X(WAIT, "waited for grace periods")                      \
    X(FORK, "waited for a child of its own")                 \
    X(BARRIER, "waited for its callbacks")                   \
    X(POLL, "polled for grace periods")                      \
    X(REGISTER, "registered again")                          \
    X(END, "ended")

enum child_step {
#define CHILD_STEP(name, words) STEP_##name,
    CHILD_STEPS(CHILD_STEP)
#undef CHILD_STEP
        CHILD_STEP_COUNT
};
extern const char *const child_steps[CHILD_STEP_COUNT];

enum {
    NOTE_QUEUED,
    NOTE_ENTERED,
    NOTE_FORKS,
    NOTE_ENDED,
    NOTE_STEPS, /* one for each */
    NOTE_COUNT = NOTE_STEPS + CHILD_STEP_COUNT
};

/* Shared with the children of one forker, of whom one lives at a time, and their descendants:
 * counts of what they did, and the message of the first that failed. The parent's mapping is not
 * theirs. */
struct fork_report {
    atomic_uint step; /* of the youngest */
    atomic_uint claimed, ready;
    char message[384];
    _Atomic uint64_t children, reads, checks, callbacks, inherited, dropped, kept_sections,
        vcpu_turns, jumps;
};

struct fork_state {
    size_t updater_count;
    struct items *updaters; /* those of each; a child replaces them by its own */
    struct big_lock *big_lock;
    struct fork_report *reports; /* one for each forker */
    cpu_set_t cpus;              /* before any thread was placed */
    bool jumped;                 /* the counts of this process, or of an ancestor */
    unsigned generation;         /* how many forks away from the runner; its process's own */
    /* Callbacks of an ancestor's that ran in this process, and what was wrong with one of them. */
    atomic_uint inherited_ran;
    /* The callback thread's, loaded behind a barrier. */
    unsigned half_run; /* as many may be lost: one that ran at each fork, not yet missed */
    const char *inherited_wrong;
    uint64_t wrong_sequence, wrong_expected;
    _Atomic uint64_t inherited, pending; /* by all children; the runner's */
};

/* How a process came to be, as its one thread knows it. */
struct fork_birth {
    enum fork_from from;
    bool locked;
    unsigned nest;     /* levels of sections, at least 1 when from is FROM_SECTION */
    struct item *item; /* loaded inside, or since online */
    enum fork_at at;
    flavor_vcpu cpu;            /* of the thread's, if any */
    bool library_locked;        /* the big lock of the code under test is held */
    struct caller_state caller; /* just before the fork */
    /* Items of work that it has accepted, also before the fork, and that have run in this
     * process. */
    unsigned accepted, ran;
};

/* Whether the thread is in a section, or online. */
static inline bool fork_holds(const struct fork_birth *birth)
{
    return birth->from == FROM_SECTION || birth->from == FROM_ONLINE;
}

/* Roles of the parent's. */
void fork_reader(struct torture_thread *t);
void fork_updater_role(struct torture_thread *t);
void fork_waiter(struct torture_thread *t);
void fork_lock_user(struct torture_thread *t);
void fork_vcpu(struct torture_thread *t);
void fork_forker(struct torture_thread *t);

/* A callback that an ancestor queued runs in a child. */
void fork_inherited_ran(struct fork_state *state, uint64_t sequence, uint64_t expected, bool again,
                        bool locked);

/* Gets the calling thread, registered and outside, into such a state, and back. */
void fork_get_into(const struct fork_params *p, struct fork_state *state, struct random *random,
                   struct fork_birth *birth);
void fork_get_out_of(struct fork_state *state, struct fork_birth *birth);
/* => Outside of sections, without the lock. The part of it that is about vCPUs. */
void fork_get_into_vcpu(struct random *random, struct fork_birth *birth);
void fork_get_out_of_vcpu(struct fork_birth *birth);

/* The big lock of the code under test: held at a third of the forks, and used by others for so long
 * at most. => After the rest of the state, as executions and exclusive sections do not begin with
 * it. */
void fork_take_library_lock(struct random *random, struct fork_birth *birth);
void fork_release_library_lock(struct fork_birth *birth);
void fork_use_library_lock(struct torture_thread *t, uint64_t ns);

/* => Before the first thread of a process. Nothing, but under ThreadSanitizer. */
void fork_use_new_stacks(unsigned generation);
/* => The first thread of a child, before it does anything else. Nothing, but under
 * AddressSanitizer: ends the child when a lock of the sanitizer's was taken at the fork. */
void fork_take_sanitizer_locks(void);
/* Whether a child with this wait status was ended so. */
bool fork_given_up(int status);

/* All of a child's life. */
void fork_child_main(struct instance *in, struct fork_report *report, uint64_t seed,
                     struct fork_birth *birth) __attribute__((noreturn));

#endif
