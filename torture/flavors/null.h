/* `null` does nothing: it measures the harness itself. It protects nobody, so torture workloads
 * refuse it; benchmarks run it. */
#ifndef FLAVOR_NULL_H
#define FLAVOR_NULL_H

#include <stdatomic.h>

#define FLAVOR_SUMMARY "does nothing: what the harness itself costs"

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

#define FLAVOR_CAN_NEST        1
#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
