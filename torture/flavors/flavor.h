/* The code under test, as workloads see it: flavor_* inline calls, whatever the implementation.
 *
 * FLAVOR_HEADER is one adaptor (template.h has what it defines), FLAVOR_NAME what it is built as:
 * one adaptor may serve several versions of a peer. What an adaptor does not claim gets a stub
 * here, so that every workload compiles; the harness never runs a role that needs what is missing.
 */
#ifndef STILLPOINT_FLAVOR_H
#define STILLPOINT_FLAVOR_H

#include FLAVOR_HEADER

#include "torture/record/gp_facts.h"
#include "torture/record/gp_promises.h"
#include "torture/record/workload.h"

/* Lists are the same, whatever protects them. */
#include <stillpoint/rcu_list.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef FLAVOR_CAN_SYNCHRONIZE
#define FLAVOR_CAN_SYNCHRONIZE 0
static inline void flavor_synchronize(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_EXPEDITE
#define FLAVOR_CAN_EXPEDITE 0
static inline void flavor_synchronize_expedited(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_CALL
#define FLAVOR_CAN_CALL 0
typedef struct flavor_no_head {
    char unused;
} flavor_head;
static inline void flavor_call(flavor_head *head, void (*callback)(flavor_head *))
{
    (void)head;
    (void)callback;
    abort();
}
#endif

#ifndef FLAVOR_CAN_BARRIER
#define FLAVOR_CAN_BARRIER 0
static inline void flavor_barrier(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_CALLBACK_LOCK
#define FLAVOR_CAN_CALLBACK_LOCK 0
static inline void flavor_set_callback_lock(void (*lock)(void *), void (*unlock)(void *),
                                            bool (*held)(void *), void *data)
{
    (void)lock;
    (void)unlock;
    (void)held;
    (void)data;
    abort();
}
#endif

#ifndef FLAVOR_CAN_FORCE
#define FLAVOR_CAN_FORCE 0
typedef struct flavor_no_notifier {
    char unused;
} flavor_notifier;
static inline void flavor_add_notifier(flavor_notifier *n, void (*notify)(flavor_notifier *))
{
    (void)n;
    (void)notify;
}
static inline void flavor_remove_notifier(flavor_notifier *n)
{
    (void)n;
}
static inline void flavor_force(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_GP_TIMES
#define FLAVOR_CAN_GP_TIMES 0
static inline bool flavor_gp_times(int64_t *start_ns, int64_t *end_ns)
{
    (void)start_ns;
    (void)end_ns;
    return false;
}
#endif

#ifndef FLAVOR_CAN_GP_FACTS
#define FLAVOR_CAN_GP_FACTS 0
static inline void flavor_keep_gp_facts(void)
{
}
static inline bool flavor_gp_facts(struct gp_facts *served, struct gp_facts *before)
{
    (void)served;
    (void)before;
    return false;
}
#endif

#ifndef FLAVOR_CAN_PROMISE
#define FLAVOR_CAN_PROMISE 0
static inline void flavor_promises(struct gp_promises *promises)
{
    (void)promises;
    abort();
}
#endif

/* Settings that it follows at any time, in the middle of a grace period too. */
#ifndef FLAVOR_CAN_CHANGE
#define FLAVOR_CAN_CHANGE 0
typedef struct flavor_no_settings {
    char unused;
} flavor_kept_settings;
static inline void flavor_keep_settings(flavor_kept_settings *kept)
{
    (void)kept;
    abort();
}
static inline void flavor_restore_settings(const flavor_kept_settings *kept)
{
    (void)kept;
    abort();
}
static inline void flavor_change_settings(const flavor_kept_settings *kept, uint64_t choice)
{
    (void)kept;
    (void)choice;
    abort();
}
static inline void flavor_change_to_force(const flavor_kept_settings *kept)
{
    (void)kept;
    abort();
}
#endif

/* In the only thread of a process, before its first grace period; where it is in a section, the
 * first time among its ancestors. */
#ifndef FLAVOR_CAN_JUMP
#define FLAVOR_CAN_JUMP 0
static inline void flavor_jump(uint64_t choice)
{
    (void)choice;
    abort();
}
#endif

#ifndef FLAVOR_CAN_TELL_SECTION
#define FLAVOR_CAN_TELL_SECTION 0
static inline bool flavor_in_section(void)
{
    return false;
}
#endif

#ifndef FLAVOR_CAN_QSBR
#define FLAVOR_CAN_QSBR 0
static inline void flavor_thread_online(void)
{
    abort();
}
static inline void flavor_thread_offline(void)
{
    abort();
}
static inline void flavor_quiescent_state(void)
{
    abort();
}
static inline void flavor_online_read_lock(void)
{
    abort();
}
static inline void flavor_online_read_unlock(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_POLL
#define FLAVOR_CAN_POLL 0
static inline unsigned long flavor_get_state(void)
{
    abort();
}
static inline unsigned long flavor_start_poll(void)
{
    abort();
}
static inline unsigned long flavor_start_poll_expedited(void)
{
    abort();
}
static inline bool flavor_poll_state(unsigned long cookie)
{
    (void)cookie;
    abort();
}
static inline void flavor_cond_synchronize(unsigned long cookie)
{
    (void)cookie;
    abort();
}
static inline void flavor_cond_synchronize_expedited(unsigned long cookie)
{
    (void)cookie;
    abort();
}
#endif

#ifndef FLAVOR_CAN_REPLAY
#define FLAVOR_CAN_REPLAY 0
static inline void flavor_set_replay(unsigned long (*decide)(void *, unsigned long), void *data)
{
    (void)decide;
    (void)data;
    abort();
}
static inline void flavor_replay_ask(void)
{
    abort();
}
#endif

#ifndef FLAVOR_CAN_EXCLUSIVE
#define FLAVOR_CAN_EXCLUSIVE 0
typedef struct flavor_no_vcpu {
    char unused;
} flavor_vcpu;
static inline void flavor_vcpu_enter(flavor_vcpu *v)
{
    (void)v;
    abort();
}
static inline void flavor_vcpu_leave(flavor_vcpu *v)
{
    (void)v;
    abort();
}
static inline void flavor_exec_start(flavor_vcpu *v)
{
    (void)v;
    abort();
}
static inline void flavor_exec_end(flavor_vcpu *v)
{
    (void)v;
    abort();
}
static inline bool flavor_exec_wanted_out(flavor_vcpu *v)
{
    (void)v;
    abort();
}
static inline void flavor_start_exclusive(void)
{
    abort();
}
static inline void flavor_end_exclusive(void)
{
    abort();
}
#endif

/* After an execution that was wanted out, outside of any: takes back what wanted it out. Nothing
 * where nothing is left to be taken back. */
#ifndef FLAVOR_HAS_EXEC_EVENTS
#define FLAVOR_HAS_EXEC_EVENTS 0
static inline void flavor_exec_events(flavor_vcpu *v)
{
    (void)v;
}
#endif

#ifndef FLAVOR_CAN_FIFO
#define FLAVOR_CAN_FIFO 0
#endif

/* With it, workloads use <stillpoint/vcpu.h>, whatever implements it. */
#ifndef FLAVOR_CAN_VCPU
#define FLAVOR_CAN_VCPU 0
#endif
#define FLAVOR_CAN_KVM FLAVOR_CAN_VCPU

#ifndef FLAVOR_CAN_FORK
#define FLAVOR_CAN_FORK 0
#endif
#ifndef FLAVOR_CAN_INHERIT
#define FLAVOR_CAN_INHERIT 0
static inline bool flavor_inherits(void)
{
    return false;
}
#endif
#ifndef FLAVOR_CAN_EXIT
#define FLAVOR_CAN_EXIT 0
#endif
#ifndef FLAVOR_CAN_SIGNAL
#define FLAVOR_CAN_SIGNAL 0
#endif
#ifndef FLAVOR_CAN_NEST
#define FLAVOR_CAN_NEST 0
#endif
#ifndef FLAVOR_CAN_PROTECT
#define FLAVOR_CAN_PROTECT 0
#endif

/* Takes the kicks of a vCPU that is about to be destroyed, which only then are known to be all. */
#ifndef FLAVOR_HAS_VCPU_GONE
#define FLAVOR_HAS_VCPU_GONE 0
#if FLAVOR_CAN_VCPU
static inline void flavor_vcpu_gone(const struct vcpu *cpu)
{
    (void)cpu;
}
#endif
#endif

/* From here on what is called is counted; a benchmark calls what it measures, and nothing else. */
#ifndef FLAVOR_UNCOUNTED
#include "torture/flavors/counted.h"
#endif

/* Without it a section protects nothing but what flavor_protect(slot, pointer) has loaded: that
 * stays until the same slot, 0 or 1, is used again, or until the section ends. A pointer in an
 * object that is unlinked must change before what it leads to is retired. With it, a slot is
 * nothing. */
#ifndef FLAVOR_CAN_SECTIONS
#define FLAVOR_CAN_SECTIONS 1
#endif
#if FLAVOR_CAN_SECTIONS
#define flavor_protect(slot, pointer) ((void)(slot), flavor_dereference(pointer))
#endif

/* Registered threads, outside of sections, with an object that no reader finds any more: has
 * `reclaim` called when none holds it, in whichever thread. May block. A flavor with a way of its
 * own has reclaimed all that a thread retired when that thread has unregistered, and what it can of
 * that, if it is left to that thread, when flavor_reclaim() returns. */
#if !FLAVOR_CAN_SECTIONS && !defined(FLAVOR_CAN_RETIRE)
#error "without sections that protect, define flavor_retire() and FLAVOR_CAN_RETIRE"
#endif
#ifndef FLAVOR_CAN_RETIRE
#define FLAVOR_CAN_RETIRE (FLAVOR_CAN_CALL || FLAVOR_CAN_SYNCHRONIZE || !FLAVOR_CAN_PROTECT)
typedef flavor_head flavor_retired;
static inline void flavor_retire(flavor_retired *retired, void *object,
                                 void (*reclaim)(flavor_retired *))
{
    (void)object;
    if (FLAVOR_CAN_CALL) {
        flavor_call(retired, reclaim);
        return;
    }
    if (FLAVOR_CAN_SYNCHRONIZE)
        flavor_synchronize();
    reclaim(retired);
}
static inline void flavor_reclaim(void)
{
}
#endif

/* A name of the list without a FLAVOR_CAN_... here does not compile. */
#define FLAVOR_CAPABILITY(name, text) | (FLAVOR_CAN_##name ? (unsigned)CAN_##name : 0u)
#define FLAVOR_CAPABILITIES           (0u CAPABILITIES(FLAVOR_CAPABILITY))

#endif
