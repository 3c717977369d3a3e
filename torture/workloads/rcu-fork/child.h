/* A child of rcu-fork: what its files share. */
#ifndef STILLPOINT_RCU_FORK_CHILD_H
#define STILLPOINT_RCU_FORK_CHILD_H

#include "rcu_fork.h"

#include <pthread.h>

struct child {
    const struct fork_params *params;
    struct fork_state *state;
    struct fork_report *report;
    struct instance *instance;
    unsigned generation;
    struct random random;
    struct child_caller *callers;
    bool polls;         /* its first threads poll */
    uint64_t pending;   /* callbacks at the fork */
    atomic_uint gate;   /* threads that stand ready */
    atomic_uint called; /* a callback of its own has run, in this thread */
    atomic_uint forked; /* it has made its own child, if it does */
};

void child_at(struct child *c, enum child_step step);
/* The first one is reported; the process ends. */
void child_fail(struct child *c, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void child_count(_Atomic uint64_t *counter, uint64_t by);
void child_nap(int64_t ns);
pthread_t child_start_thread(struct child *c, void *(*run)(void *), void *argument);
/* Whether the calling thread is inside, where the flavor knows. */
void child_expect_inside(struct child *c, bool inside, const char *when);

/* What came over the fork, inherited.c: the section, or being online; the big lock; and callbacks,
 * when all of them have run that ever will. */
void child_use_inherited(struct child *c, const struct fork_birth *birth);
void child_use_inherited_lock(struct child *c);
/* library_lock.c: the big lock of the code under test, as it was at the fork, and then beside
 * another thread. */
void child_use_library_lock(struct child *c, const struct fork_birth *birth);
/* The call has left the calling thread as it was. */
void child_expect_caller(struct child *c, const struct caller_state *before, const char *call);
void child_expect_inherited(struct child *c);

/* vCPUs, vcpus.c. First of all: the child knows of no other's. Then it goes on with the execution
 * or the exclusive section in which it was forked, and uses both beside a vCPU of its own. */
void child_forget_vcpus(struct child *c, const struct fork_birth *birth);
void child_use_vcpus(struct child *c, struct fork_birth *birth);

#endif
