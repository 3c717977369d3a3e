/* `classic`: exclusive sections as most emulators have them. A starter counts the vCPUs that run,
 * under a mutex, and waits on a condition until these have left; both sides run full fences.
 * Nothing in it has turns: neither vCPUs nor starters. It has no RCU: readers are not protected. */
#ifndef FLAVOR_CLASSIC_H
#define FLAVOR_CLASSIC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define FLAVOR_SUMMARY "exclusive sections of most emulators: mutex, condition, full fences"

static inline void flavor_register_thread(void)
{
}

static inline void flavor_unregister_thread(void)
{
}

static inline void flavor_read_lock(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void flavor_read_unlock(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

typedef struct classic_flavor_vcpu {
    _Alignas(64) atomic_bool running;
    atomic_bool wanted_out;
    bool counted; /* under the lock */
    struct classic_flavor_vcpu *next;
} flavor_vcpu;

/* All under the lock, but for loads of `pending`. */
extern struct classic_flavor {
    pthread_mutex_t lock;
    pthread_cond_t left, over;
    atomic_uint pending; /* 0, or 1 + the vCPUs that are waited for */
    flavor_vcpu *vcpus;
} classic_flavor;
extern __thread unsigned classic_flavor_depth;

#define FLAVOR_CAN_EXCLUSIVE 1
static inline void flavor_vcpu_enter(flavor_vcpu *v)
{
    atomic_init(&v->running, false);
    atomic_init(&v->wanted_out, false);
    v->counted = false;
    pthread_mutex_lock(&classic_flavor.lock);
    v->next = classic_flavor.vcpus;
    classic_flavor.vcpus = v;
    pthread_mutex_unlock(&classic_flavor.lock);
}

static inline void flavor_vcpu_leave(flavor_vcpu *v)
{
    flavor_vcpu **link = &classic_flavor.vcpus;

    pthread_mutex_lock(&classic_flavor.lock);
    while (*link != v)
        link = &(*link)->next;
    *link = v->next;
    pthread_mutex_unlock(&classic_flavor.lock);
}

void classic_flavor_wait_to_start(flavor_vcpu *v);
void classic_flavor_count_out(flavor_vcpu *v);

static inline void flavor_exec_start(flavor_vcpu *v)
{
    atomic_store_explicit(&v->running, true, memory_order_relaxed);
    /* Orders: STORE running -> LOAD pending.
     * Pairs with: flavor_start_exclusive(), STORE pending -> LOAD running.
     * Broken: the vCPU executes in the section. */
    atomic_thread_fence(memory_order_seq_cst);
    /* Orders: LOAD pending (acquire) -> accesses of what the vCPU executes.
     * Pairs with: flavor_end_exclusive(), STORE pending (release).
     * Broken: the vCPU executes on what the section has replaced. */
    if (atomic_load_explicit(&classic_flavor.pending, memory_order_acquire) != 0)
        classic_flavor_wait_to_start(v);
}

static inline void flavor_exec_end(flavor_vcpu *v)
{
    /* Orders: accesses of what the vCPU executed -> STORE running (release).
     * Pairs with: flavor_start_exclusive(), LOAD running (acquire).
     * Broken: the section sees the vCPU's work half done. */
    atomic_store_explicit(&v->running, false, memory_order_release);
    /* Orders: STORE running -> LOAD pending.
     * Pairs with: flavor_start_exclusive(), STORE pending -> LOAD running.
     * Broken: a vCPU that is counted leaves, and the starter waits for ever. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&classic_flavor.pending, memory_order_relaxed) != 0)
        classic_flavor_count_out(v);
}

static inline bool flavor_exec_wanted_out(flavor_vcpu *v)
{
    return atomic_load_explicit(&v->wanted_out, memory_order_relaxed);
}

#define FLAVOR_HAS_EXEC_EVENTS 1
static inline void flavor_exec_events(flavor_vcpu *v)
{
    atomic_store_explicit(&v->wanted_out, false, memory_order_relaxed);
}

void flavor_start_exclusive(void);
void flavor_end_exclusive(void);

#ifdef FLAVOR_TABLES
struct classic_flavor classic_flavor = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                        .left = PTHREAD_COND_INITIALIZER,
                                        .over = PTHREAD_COND_INITIALIZER};
__thread unsigned classic_flavor_depth;

void classic_flavor_wait_to_start(flavor_vcpu *v)
{
    pthread_mutex_lock(&classic_flavor.lock);
    if (!v->counted) {
        /* Orders: accesses of what the vCPU executed before -> STORE running (release).
         * Pairs with: flavor_start_exclusive(), LOAD running (acquire).
         * Broken: the section sees the vCPU's work half done. */
        atomic_store_explicit(&v->running, false, memory_order_release);
        while (atomic_load_explicit(&classic_flavor.pending, memory_order_relaxed) != 0)
            pthread_cond_wait(&classic_flavor.over, &classic_flavor.lock);
        atomic_store_explicit(&v->running, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&classic_flavor.lock);
}

void classic_flavor_count_out(flavor_vcpu *v)
{
    pthread_mutex_lock(&classic_flavor.lock);
    if (v->counted) {
        v->counted = false;
        if (atomic_fetch_sub_explicit(&classic_flavor.pending, 1, memory_order_relaxed) == 2)
            pthread_cond_signal(&classic_flavor.left);
    }
    pthread_mutex_unlock(&classic_flavor.lock);
}

void flavor_start_exclusive(void)
{
    unsigned running = 0;

    if (classic_flavor_depth++ > 0)
        return;
    pthread_mutex_lock(&classic_flavor.lock);
    while (atomic_load_explicit(&classic_flavor.pending, memory_order_relaxed) != 0)
        pthread_cond_wait(&classic_flavor.over, &classic_flavor.lock);
    atomic_store_explicit(&classic_flavor.pending, 1, memory_order_relaxed);
    /* Orders: STORE pending -> LOAD running.
     * Pairs with: flavor_exec_start(), STORE running -> LOAD pending; flavor_exec_end(), STORE
     * running -> LOAD pending.
     * Broken: a vCPU executes in the section, or the starter waits for one that has left. */
    atomic_thread_fence(memory_order_seq_cst);
    for (flavor_vcpu *v = classic_flavor.vcpus; v; v = v->next) {
        /* Orders: LOAD running (acquire) -> accesses of the section.
         * Pairs with: flavor_exec_end(), STORE running (release); classic_flavor_wait_to_start(),
         * STORE running (release).
         * Broken: the section sees the work of a vCPU that has left half done. */
        if (atomic_load_explicit(&v->running, memory_order_acquire)) {
            v->counted = true;
            atomic_store_explicit(&v->wanted_out, true, memory_order_relaxed);
            running++;
        }
    }
    atomic_store_explicit(&classic_flavor.pending, running + 1, memory_order_relaxed);
    while (atomic_load_explicit(&classic_flavor.pending, memory_order_relaxed) > 1)
        pthread_cond_wait(&classic_flavor.left, &classic_flavor.lock);
    pthread_mutex_unlock(&classic_flavor.lock);
}

void flavor_end_exclusive(void)
{
    if (--classic_flavor_depth > 0)
        return;
    pthread_mutex_lock(&classic_flavor.lock);
    /* Orders: accesses of the section -> STORE pending (release).
     * Pairs with: flavor_exec_start(), LOAD pending (acquire).
     * Broken: a vCPU executes on what the section has replaced. */
    atomic_store_explicit(&classic_flavor.pending, 0, memory_order_release);
    pthread_cond_broadcast(&classic_flavor.over);
    pthread_mutex_unlock(&classic_flavor.lock);
}
#endif

#endif
