/* Callbacks after a grace period: for updaters that must not wait.
 *
 * One thread of the library's runs them in the order in which they were queued. It sleeps, and
 * costs grace periods nothing, while there are none. All signals are blocked in it but those that a
 * thread raises itself (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS): a handler of
 * the program's runs for a crash of a callback.
 */
#ifndef STILLPOINT_RCU_CALLBACK_H
#define STILLPOINT_RCU_CALLBACK_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

/* Embedded in what is to be freed; the library's from call_rcu() until the callback is called. */
struct rcu_head {
    struct rcu_head *next;
    void (*callback)(struct rcu_head *);
};

/* Queues callback(head), to be called after a grace period.
 * => Any thread, also inside a section, also from a callback. Wait-free, but for the very first
 *    call, which starts the thread, and callers that rcu_settings.callback_bound slows down. `head`
 *    must not be queued already. */
void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *head));

/* Waits until every callback queued before the call has returned. Forces grace periods meanwhile,
 * and lets go of the callback lock while it waits when the caller holds it.
 * => Outside sections and callbacks (either aborts with a message: it would wait for itself). */
void rcu_barrier(void);
/* The same wait, by the name that programs with a big lock know. */
void drain_call_rcu(void);

/* The lock under which callbacks run: a program's big lock. `held`: whether the calling thread
 * holds it. All three get `data`. */
struct rcu_callback_lock {
    void (*lock)(void *data);
    void (*unlock)(void *data);
    bool (*held)(void *data);
    void *data;
};

/* Copied. NULL: callbacks run under no lock, as at the start.
 * => While no callback is queued and none is running. */
void rcu_set_callback_lock(const struct rcu_callback_lock *lock);

/* Starts the callback thread now, from a thread whose CPU affinity and scheduling (policy,
 * priority) it should inherit; without effect when it has been started.
 * The first call_rcu() or rcu_barrier() starts it otherwise: with SCHED_OTHER, on the CPUs that the
 * process might run on when it started, whoever the caller is. A real-time thread on a CPU of its
 * own would starve a thread that inherited this. The nice value is inherited either way. */
void rcu_start_callback_thread(void);

STILLPOINT_END

#endif
