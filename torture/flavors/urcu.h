/* What the flavours of liburcu share. Each includes its own header of liburcu's first, inlined as
 * for programs under a compatible licence, and defines URCU(call) as its name of a call. With
 * URCU_OWN_SECTIONS it brings its own threads and sections. */
#ifndef FLAVOR_URCU_H
#define FLAVOR_URCU_H

#define FLAVOR_CAN_PROTECT      1
#define FLAVOR_CAN_NEST         1
#define FLAVOR_CAN_TELL_SECTION 1

#ifndef URCU_OWN_SECTIONS
static inline void flavor_register_thread(void)
{
    URCU(register_thread)();
}

static inline void flavor_unregister_thread(void)
{
    URCU(unregister_thread)();
}

static inline void flavor_read_lock(void)
{
    URCU(read_lock)();
}

static inline void flavor_read_unlock(void)
{
    URCU(read_unlock)();
}

static inline _Bool flavor_in_section(void)
{
    return URCU(read_ongoing)() != 0;
}
#endif

#define flavor_dereference(pointer)           rcu_dereference(pointer)
#define flavor_assign_pointer(pointer, value) rcu_assign_pointer(pointer, value)

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    URCU(synchronize_rcu)();
}

#define FLAVOR_CAN_CALL 1
typedef struct rcu_head flavor_head;
static inline void flavor_call(flavor_head *head, void (*callback)(flavor_head *))
{
    URCU(call_rcu)(head, callback);
}

#define FLAVOR_CAN_BARRIER 1
static inline void flavor_barrier(void)
{
    URCU(barrier)();
}

#endif
