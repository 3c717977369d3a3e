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

/* Makes one, and the flavor's callback lock of it if it is to be. `thread` may be NULL. */
struct big_lock *big_lock_open(bool give, struct torture_thread *thread, unsigned measure);
/* Makes it the flavor's callback lock; NULL: there is none. => While no callback is queued and none
 * is running. */
void big_lock_give(struct big_lock *lock);
/* => After all threads have ended. */
void big_lock_close(struct big_lock *lock, bool given);

void big_lock_take(struct big_lock *lock);
void big_lock_release(struct big_lock *lock);
bool big_lock_held(const struct big_lock *lock);

/* A thread's whole life: keeps the lock busy, as the rest of a program would, for at most `hold_ns`
 * after pauses of at most `pause_ns`; counts how often. */
void big_lock_use(struct torture_thread *t, struct big_lock *lock, uint64_t hold_ns,
                  uint64_t pause_ns, unsigned counter);

/* In a forked child, before anything else: the lock as if the calling thread had just made it, and
 * taken it when it held it before. */
void big_lock_after_fork(struct big_lock *lock);

#endif
