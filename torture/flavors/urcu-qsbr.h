/* liburcu's QSBR flavour, in which a thread is online or not, and sections are nothing. A thread
 * that is not online is so for the time of a section here, and pays for two full fences. */
#ifndef FLAVOR_URCU_QSBR_H
#define FLAVOR_URCU_QSBR_H

#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-qsbr.h>

#include <stdbool.h>

#define FLAVOR_SUMMARY "liburcu's quiescent-state flavour"

#define URCU(call) urcu_qsbr_##call
#define URCU_OWN_SECTIONS
#include "torture/flavors/urcu.h"

/* Of the calling thread. */
extern __thread struct urcu_qsbr_sections {
    unsigned depth;
    bool online; /* for the time of a section only */
} urcu_qsbr_sections;

static inline void flavor_register_thread(void)
{
    urcu_qsbr_register_thread();
    urcu_qsbr_thread_offline();
}

static inline void flavor_unregister_thread(void)
{
    urcu_qsbr_unregister_thread();
}

static inline void flavor_read_lock(void)
{
    if (urcu_qsbr_sections.depth++ > 0 || urcu_qsbr_read_ongoing())
        return;
    urcu_qsbr_sections.online = true;
    urcu_qsbr_thread_online();
}

static inline void flavor_read_unlock(void)
{
    if (--urcu_qsbr_sections.depth > 0 || !urcu_qsbr_sections.online)
        return;
    urcu_qsbr_sections.online = false;
    urcu_qsbr_thread_offline();
}

static inline bool flavor_in_section(void)
{
    return urcu_qsbr_sections.depth > 0;
}

#define FLAVOR_CAN_QSBR 1
static inline void flavor_thread_online(void)
{
    urcu_qsbr_thread_online();
}

static inline void flavor_thread_offline(void)
{
    urcu_qsbr_thread_offline();
}

static inline void flavor_quiescent_state(void)
{
    urcu_qsbr_quiescent_state();
}

static inline void flavor_online_read_lock(void)
{
    urcu_qsbr_read_lock();
}

static inline void flavor_online_read_unlock(void)
{
    urcu_qsbr_read_unlock();
}

#ifdef FLAVOR_TABLES
__thread struct urcu_qsbr_sections urcu_qsbr_sections;
#endif

#endif
