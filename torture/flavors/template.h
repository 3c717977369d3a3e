/* An adaptor to start from: copy it, replace the calls, and
 *
 *     make flavor NAME=mine HEADER=/path/mine.h LIBS='-L/path/lib -lmine'
 *     build/stillpoint run configs/torture/store-buffer.json --flavor mine
 *
 * Define FLAVOR_CAN_... only for what the implementation really does: what a scenario has beyond
 * that is left out with a note. docs/adding-a-flavor.md explains each. Everything here is inlined
 * into the workloads, so that nothing but the implementation is measured.
 */
#ifndef FLAVOR_TEMPLATE_H
#define FLAVOR_TEMPLATE_H

/* #include <mine.h> */

#define FLAVOR_SUMMARY "what it is, in one line"

/* --- Required --- */

/* Called by each thread, before its first section and after its last. */
static inline void flavor_register_thread(void)
{
    /* mine_register(); */
}

static inline void flavor_unregister_thread(void)
{
    /* mine_unregister(); */
}

static inline void flavor_read_lock(void)
{
    /* mine_read_lock(); */
}

static inline void flavor_read_unlock(void)
{
    /* mine_read_unlock(); */
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

/* --- What it can do: delete what it cannot --- */

/* Grace periods wait for readers. Without it no torture workload runs. */
#define FLAVOR_CAN_PROTECT 1

/* Sections nest. */
#define FLAVOR_CAN_NEST 1

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    /* mine_synchronize(); */
}

/* Also possible, with the signatures in torture/flavors/flavor.h and examples in stillpoint.h:
 *
 *     FLAVOR_CAN_EXPEDITE       flavor_synchronize_expedited()
 *     FLAVOR_CAN_CALL           flavor_head, flavor_call()
 *     FLAVOR_CAN_BARRIER        flavor_barrier()
 *     FLAVOR_CAN_RETIRE         flavor_retired, flavor_retire(), flavor_reclaim(), where a callback
 *                               is not the way, nor to wait for a grace period
 *     FLAVOR_CAN_SECTIONS       flavor_protect(), with 0: sections do not protect what is read in
 *                               them
 *     FLAVOR_CAN_CALLBACK_LOCK  flavor_set_callback_lock()
 *     FLAVOR_CAN_FORCE          flavor_notifier, flavor_add_notifier(), flavor_remove_notifier(),
 *                               flavor_force()
 *     FLAVOR_CAN_GP_TIMES       flavor_gp_times()
 *     FLAVOR_CAN_GP_FACTS       flavor_keep_gp_facts(), flavor_gp_facts()
 *     FLAVOR_CAN_PROMISE        flavor_promises()
 *     FLAVOR_CAN_JUMP           flavor_jump()
 *     FLAVOR_CAN_CHANGE         flavor_kept_settings, flavor_keep_settings(),
 *                               flavor_restore_settings(), flavor_change_settings(),
 *                               flavor_change_to_force()
 *     FLAVOR_CAN_TELL_SECTION   flavor_in_section()
 *     FLAVOR_CAN_QSBR           flavor_thread_online(), flavor_thread_offline(),
 *                               flavor_quiescent_state(), and a section in a thread that is online:
 *                               flavor_online_read_lock(), flavor_online_read_unlock()
 *     FLAVOR_CAN_POLL           flavor_get_state(), flavor_start_poll(),
 *                               flavor_start_poll_expedited(), flavor_poll_state(),
 *                               flavor_cond_synchronize(), flavor_cond_synchronize_expedited()
 *     FLAVOR_CAN_FORK           nothing: it goes on in a forked child
 *     FLAVOR_CAN_INHERIT        flavor_inherits()
 *     FLAVOR_CAN_EXIT           nothing: threads may end without unregistering
 *     FLAVOR_CAN_SIGNAL         nothing: sections may be in signal handlers, also in those that
 *                               interrupt another section's entry, or a wait for a grace period
 *     FLAVOR_CAN_REPLAY         flavor_set_replay(), flavor_replay_ask()
 *     FLAVOR_CAN_EXCLUSIVE      flavor_vcpu, flavor_vcpu_enter(), flavor_vcpu_leave(),
 *                               flavor_exec_start(), flavor_exec_end(), flavor_exec_wanted_out(),
 *                               flavor_start_exclusive(), flavor_end_exclusive()
 *     FLAVOR_CAN_FIFO           nothing: exclusive sections begin in the order of their requests,
 *                               and before those that come later vCPUs are let in
 *     FLAVOR_HAS_EXEC_EVENTS    flavor_exec_events(), after an execution that was wanted out
 *     FLAVOR_CAN_VCPU           <stillpoint/vcpu.h> itself: capabilities "vcpu" and "kvm"
 *     FLAVOR_HAS_VCPU_GONE      flavor_vcpu_gone(), for what a vCPU counts itself
 *
 * and, under #ifdef FLAVOR_TABLES:
 *
 *     FLAVOR_HAS_MISSING           what this machine does not offer, and why
 *     FLAVOR_HAS_SETTINGS          settings of the scenario's "library" object
 *     FLAVOR_HAS_DEFAULT_SETTINGS  their defaults, where the implementation has them already
 *     FLAVOR_HAS_STATISTICS        counts that go into every result
 *     FLAVOR_HAS_HOLDOUTS          the threads that hold up a grace period, for reports of stalls
 *     FLAVOR_HAS_DUTIES            the threads that lead, hold a lock and so on, for the same
 */

#endif
