/* `mutex`: what exclusive sections were before they were lock-free. Start and end of a vCPU's
 * execution each take one lock. As an RCU it is the lock and nothing else. */
#ifndef FLAVOR_MUTEX_H
#define FLAVOR_MUTEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FLAVOR_SUMMARY "a mutex: readers exclude all others; vCPUs take it to start and to end"

#define FLAVOR_CAN_PROTECT 1

/* One of each for the program: a selected one is linked. */
extern pthread_mutex_t mutex_flavor_readers;

static inline void flavor_register_thread(void)
{
}

static inline void flavor_unregister_thread(void)
{
}

static inline void flavor_read_lock(void)
{
    pthread_mutex_lock(&mutex_flavor_readers);
}

static inline void flavor_read_unlock(void)
{
    pthread_mutex_unlock(&mutex_flavor_readers);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    pthread_mutex_lock(&mutex_flavor_readers);
    pthread_mutex_unlock(&mutex_flavor_readers);
}

/* All but `wanted` under the lock. */
extern struct mutex_flavor {
    pthread_mutex_t lock;
    pthread_cond_t idle, resume;
    unsigned running;   /* vCPUs that execute */
    bool owned;         /* an exclusive section is on, or waits for vCPUs */
    atomic_bool wanted; /* the same, to be loaded without the lock */
} mutex_flavor;
extern __thread unsigned mutex_flavor_depth;

#define FLAVOR_CAN_EXCLUSIVE 1
typedef struct mutex_flavor_vcpu {
    char unused;
} flavor_vcpu;

static inline void flavor_vcpu_enter(flavor_vcpu *v)
{
    (void)v;
}

static inline void flavor_vcpu_leave(flavor_vcpu *v)
{
    (void)v;
}

static inline void flavor_exec_start(flavor_vcpu *v)
{
    (void)v;
    pthread_mutex_lock(&mutex_flavor.lock);
    while (mutex_flavor.owned)
        pthread_cond_wait(&mutex_flavor.resume, &mutex_flavor.lock);
    mutex_flavor.running++;
    pthread_mutex_unlock(&mutex_flavor.lock);
}

static inline void flavor_exec_end(flavor_vcpu *v)
{
    (void)v;
    pthread_mutex_lock(&mutex_flavor.lock);
    if (--mutex_flavor.running == 0 && mutex_flavor.owned)
        pthread_cond_broadcast(&mutex_flavor.idle);
    pthread_mutex_unlock(&mutex_flavor.lock);
}

static inline bool flavor_exec_wanted_out(flavor_vcpu *v)
{
    (void)v;
    return atomic_load_explicit(&mutex_flavor.wanted, memory_order_relaxed);
}

static inline void flavor_start_exclusive(void)
{
    if (mutex_flavor_depth++ > 0)
        return;
    pthread_mutex_lock(&mutex_flavor.lock);
    while (mutex_flavor.owned)
        pthread_cond_wait(&mutex_flavor.resume, &mutex_flavor.lock);
    mutex_flavor.owned = true;
    atomic_store_explicit(&mutex_flavor.wanted, true, memory_order_relaxed);
    while (mutex_flavor.running > 0)
        pthread_cond_wait(&mutex_flavor.idle, &mutex_flavor.lock);
    pthread_mutex_unlock(&mutex_flavor.lock);
}

static inline void flavor_end_exclusive(void)
{
    if (--mutex_flavor_depth > 0)
        return;
    pthread_mutex_lock(&mutex_flavor.lock);
    mutex_flavor.owned = false;
    atomic_store_explicit(&mutex_flavor.wanted, false, memory_order_relaxed);
    pthread_cond_broadcast(&mutex_flavor.resume);
    pthread_mutex_unlock(&mutex_flavor.lock);
}

#ifdef FLAVOR_TABLES
pthread_mutex_t mutex_flavor_readers = PTHREAD_MUTEX_INITIALIZER;
struct mutex_flavor mutex_flavor = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                    .idle = PTHREAD_COND_INITIALIZER,
                                    .resume = PTHREAD_COND_INITIALIZER};
__thread unsigned mutex_flavor_depth;
#endif

#endif
