#include "callback_lock.h"

#include "torture/flavors/flavor.h"

#include <stdlib.h>

static __thread int self_id;

static int my_id(void)
{
    static atomic_int next = 1;

    if (!self_id)
        self_id = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    return self_id;
}

static void big_lock_init(struct big_lock *lock, struct torture_thread *thread, unsigned measure)
{
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->owner, 0);
    lock->locked_ns = 0;
    lock->holds = 0;
    lock->thread = thread;
    lock->measure = measure;
}

void big_lock_take(struct big_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    atomic_store_explicit(&lock->owner, my_id(), memory_order_relaxed);
    lock->locked_ns = 0;
}

void big_lock_release(struct big_lock *lock)
{
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
    pthread_mutex_unlock(&lock->mutex);
}

bool big_lock_held(const struct big_lock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == my_id();
}

/* --- What the flavor calls --- */

static void flavor_takes(void *data)
{
    struct big_lock *lock = data;

    big_lock_take(lock);
    lock->locked_ns = clock_monotonic_ns();
    lock->holds++;
}

/* A barrier lets go of what a role took, and takes what a role lets go of: of these one end is
 * missing, and nothing is recorded. */
static void flavor_releases(void *data)
{
    struct big_lock *lock = data;

    if (lock->thread && lock->locked_ns)
        torture_measure(lock->thread, lock->measure,
                        (uint64_t)(clock_monotonic_ns() - lock->locked_ns));
    big_lock_release(lock);
}

static bool flavor_checks(void *data)
{
    return big_lock_held(data);
}

struct big_lock *big_lock_open(bool give, struct torture_thread *thread, unsigned measure)
{
    struct big_lock *lock = calloc(1, sizeof *lock);

    big_lock_init(lock, thread, measure);
    if (give)
        big_lock_give(lock);
    return lock;
}

void big_lock_give(struct big_lock *lock)
{
    if (lock)
        flavor_set_callback_lock(flavor_takes, flavor_releases, flavor_checks, lock);
    else
        flavor_set_callback_lock(NULL, NULL, NULL, NULL);
}

void big_lock_close(struct big_lock *lock, bool given)
{
    /* The callback thread may still be between its last callback and letting go of the lock. */
    big_lock_take(lock);
    lock->thread = NULL; /* what the flavor does with it from now on is recorded nowhere */
    big_lock_release(lock);
    if (!given)
        free(lock); /* else it stays: the flavor keeps its address until the process ends */
}

void big_lock_after_fork(struct big_lock *lock)
{
    bool held = big_lock_held(lock);

    big_lock_init(lock, NULL, 0);
    if (held)
        big_lock_take(lock);
}

/* --- A role --- */

void big_lock_use(struct torture_thread *t, struct big_lock *lock, uint64_t hold_ns,
                  uint64_t pause_ns, unsigned counter)
{
    while (torture_running(t)) {
        big_lock_take(lock);
        torture_spin(random_below(&t->random, hold_ns));
        big_lock_release(lock);
        torture_count(t, counter, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, pause_ns));
    }
}
