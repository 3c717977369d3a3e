/* What the process has called of the code under test, for promises about its statistics.
 *
 * Each thread counts its own calls, in a block that no other writes: a load, an addition and a
 * store of its own memory, so that nothing is hidden and nothing is shared. torture/flavors/
 * counted.h counts, whoever calls; a forked child counts in its own copy, which nobody adds up.
 */
#ifndef STILLPOINT_CALLED_H
#define STILLPOINT_CALLED_H

#include "histogram.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, "name"): in promises "called.name". What is counted has returned, and was not refused. */
#define CALLS(X)                                                                 \
    X(REGISTER, "register")       /* of threads */                               \
    X(EXIT, "exit")               /* threads that ended without unregistering */ \
    X(SYNCHRONIZE, "synchronize") /* expedited or not */                         \
    X(COND_SYNCHRONIZE, "cond")   /* which may have had nothing to wait for */   \
    X(START_POLL, "start_poll")   /* expedited or not */                         \
    X(CALL, "call")               /* callbacks */                                \
    X(BARRIER, "barrier")         /* for callbacks */                            \
    X(EXCLUSIVE, "exclusive")     /* sections, the outermost ones */             \
    X(VCPU_LEAVE, "vcpu_leave")   /* vCPUs of flavor_vcpu_enter() */             \
    X(PAUSE, "pause")             /* pause_all_vcpus() */                        \
    X(KICK, "kick")               /* cpu_exit() */                               \
    X(WORK, "work")               /* async_run_on_cpu(), accepted */             \
    X(SAFE_WORK, "safe_work")     /* async_safe_run_on_cpu(), accepted */        \
    X(RUN_ON_CPU, "run_on_cpu")   /* accepted, and run by another thread */

enum called_what {
#define CALLED_ENUMERATOR(name, text) CALLED_##name,
    CALLS(CALLED_ENUMERATOR)
#undef CALLED_ENUMERATOR
        CALLED_COUNT
};
extern const char *const called_names[CALLED_COUNT];

/* Of one thread. */
struct called {
    _Alignas(64) _Atomic uint64_t count[CALLED_COUNT];
    struct called *next;
    struct called *next_left; /* while no thread has it */
    int thread;               /* index in the run, -1: none of the harness's */
    unsigned waits;           /* for grace periods and callbacks; the thread's own, as is `depth` */
    unsigned depth;           /* of exclusive sections */
};
/* The calling thread's; NULL before it first calls, or begins. */
extern __thread struct called *called_own;

/* Makes the calling thread's block, which stays when the thread ends. Allocates: a thread of the
 * harness calls it before all else. */
void called_begin(int thread);
/* Any other thread gets its block with its first call, and leaves it to another when it ends: what
 * a workload finds in use does not grow by threads that come and go. */
void called_begin_for_now(void);
/* The calling thread counts there, until it ends; then what is there goes to the caller's own. For
 * threads whose end is tortured: a block that is left takes a destructor of the harness's, which
 * would run among theirs. */
void called_lend(struct called *block);
void called_take_over(const struct called *block);
/* Of all threads. */
void called_add_up(uint64_t sums[CALLED_COUNT]);

static inline struct called *called_block(void)
{
    if (__builtin_expect(!called_own, 0))
        called_begin_for_now();
    return called_own;
}

/* Whether it is the turn of one wait in so many to be looked at: a sample of statistics loads lines
 * that others write, and most waits are to be as they are. */
static inline bool called_turn(unsigned one_in)
{
    return called_block()->waits++ % one_in == 0;
}

/* A wait of that kind, with what is promised of statistics from before it to after it; of
 * statistics.c in the runner. */
void called_between(void (*wait)(void), enum called_what call);

static inline void called_more(enum called_what call, uint64_t by)
{
    histogram_bump(&called_block()->count[call], by);
}

static inline void called_one(enum called_what call)
{
    called_more(call, 1);
}

#endif
