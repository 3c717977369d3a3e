/* A program's big lock, as callbacks are to run under it: a mutex that knows who holds it.
 *
 * The three functions that the flavor gets are those a program would pass; how long the flavor's
 * callback thread holds the lock at once is measured there.
 */
#ifndef STILLPOINT_RCU_CALLBACK_LOCK_H
#define STILLPOINT_RCU_CALLBACK_LOCK_H

#include "torture/runner/thread.h"

#include <pthread.h>

struct big_lock {
    pthread_mutex_t mutex;
    atomic_int owner;  /* thread, 0: nobody */
    int64_t locked_ns; /* by the flavor; its holder's */
    uint64_t holds;    /* how often the flavor took it; its holder's */
    /* Gets how long, when not NULL; nobody else records this measure for that thread. */
    struct torture_thread *thread;
    unsigned measure;
};

void big_lock_init(struct big_lock *lock, struct torture_thread *thread, unsigned measure);
void big_lock_take(struct big_lock *lock);
void big_lock_release(struct big_lock *lock);
bool big_lock_held(const struct big_lock *lock);

/* Makes it the flavor's callback lock. Needs CAN_CALLBACK_LOCK.
 * => The flavor keeps the address until the process ends. */
void big_lock_give(struct big_lock *lock);
/* In a forked child, before anything else: the lock as if the calling thread had just made it, and
 * taken it when it held it before. */
void big_lock_after_fork(struct big_lock *lock);

#endif
