/* `rwlock`: a reader of RCU, and a vCPU that executes, is a reader of the lock; an updater that
 * waits, and an exclusive section, is a writer. */
#ifndef FLAVOR_RWLOCK_H
#define FLAVOR_RWLOCK_H

#include <pthread.h>
#include <stdbool.h>

#define FLAVOR_SUMMARY \
    "a read-write lock: readers and vCPUs read, synchronize and exclusive sections write"

#define FLAVOR_CAN_PROTECT 1

/* Writers come first, or readers that come and go would keep them out. So sections do not nest. */
extern pthread_rwlock_t rwlock_flavor_readers, rwlock_flavor_vcpus;
extern __thread unsigned rwlock_flavor_depth;

static inline void flavor_register_thread(void)
{
}

static inline void flavor_unregister_thread(void)
{
}

static inline void flavor_read_lock(void)
{
    pthread_rwlock_rdlock(&rwlock_flavor_readers);
}

static inline void flavor_read_unlock(void)
{
    pthread_rwlock_unlock(&rwlock_flavor_readers);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    pthread_rwlock_wrlock(&rwlock_flavor_readers);
    pthread_rwlock_unlock(&rwlock_flavor_readers);
}

#define FLAVOR_CAN_EXCLUSIVE 1
typedef struct rwlock_flavor_vcpu {
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
    pthread_rwlock_rdlock(&rwlock_flavor_vcpus);
}

static inline void flavor_exec_end(flavor_vcpu *v)
{
    (void)v;
    pthread_rwlock_unlock(&rwlock_flavor_vcpus);
}

/* The lock does not know. */
static inline bool flavor_exec_wanted_out(flavor_vcpu *v)
{
    (void)v;
    return false;
}

static inline void flavor_start_exclusive(void)
{
    if (rwlock_flavor_depth++ == 0)
        pthread_rwlock_wrlock(&rwlock_flavor_vcpus);
}

static inline void flavor_end_exclusive(void)
{
    if (--rwlock_flavor_depth == 0)
        pthread_rwlock_unlock(&rwlock_flavor_vcpus);
}

#ifdef FLAVOR_TABLES
pthread_rwlock_t rwlock_flavor_readers = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
pthread_rwlock_t rwlock_flavor_vcpus = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
__thread unsigned rwlock_flavor_depth;
#endif

#endif
