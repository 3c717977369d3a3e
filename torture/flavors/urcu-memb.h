/* liburcu's membarrier flavour, inlined as for programs under a compatible licence. */
#ifndef FLAVOR_URCU_MEMB_H
#define FLAVOR_URCU_MEMB_H

#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>

#define FLAVOR_NAME    "urcu-memb"
#define FLAVOR_SUMMARY "liburcu's membarrier flavour (Debian's liburcu-dev)"

#define FLAVOR_CAN_PROTECT 1

static inline void flavor_register_thread(void)
{
    urcu_memb_register_thread();
}

static inline void flavor_unregister_thread(void)
{
    urcu_memb_unregister_thread();
}

#define FLAVOR_CAN_NEST 1
static inline void flavor_read_lock(void)
{
    urcu_memb_read_lock();
}

static inline void flavor_read_unlock(void)
{
    urcu_memb_read_unlock();
}

#define FLAVOR_CAN_TELL_SECTION 1
static inline _Bool flavor_in_section(void)
{
    return urcu_memb_read_ongoing() != 0;
}

#define flavor_dereference(pointer)           rcu_dereference(pointer)
#define flavor_assign_pointer(pointer, value) rcu_assign_pointer(pointer, value)

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    urcu_memb_synchronize_rcu();
}

#define FLAVOR_CAN_CALL 1
typedef struct rcu_head flavor_head;
static inline void flavor_call(flavor_head *head, void (*callback)(flavor_head *))
{
    urcu_memb_call_rcu(head, callback);
}

#define FLAVOR_CAN_BARRIER 1
static inline void flavor_barrier(void)
{
    urcu_memb_barrier();
}

#endif
