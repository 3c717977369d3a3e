/* Fork: RCU goes on in the child, without any call of the program's.
 *
 * The library's fork handler runs in the child only, so fork() never waits for a grace period, nor
 * for any lock of the library's: it may be called inside a read section, with the callback lock
 * held, from online threads.
 *
 * In the child
 * => the one thread is registered when it was, online and inside its sections when it was; nobody
 *    else is.
 * => locks are free, no grace period is under way, the settings are the parent's.
 * => callbacks that were queued in the parent are pending, in their order: the parent runs its copy
 *    and the child its own, so that a program which goes on in the child releases what it had
 *    retired. Not so the callback that was just running, which has half run, and what another
 *    thread was about to queue, with all that was queued behind that: they are dropped, and counted
 *    (rcu_stats.callbacks_dropped).
 * => the callback thread starts with the first call_rcu(), rcu_barrier() or wait for a grace
 *    period, so that a child which only execs starts none. A child that does none of these calls
 *    rcu_start_callback_thread(), or what is pending does not run. The callback lock stays set, and
 *    must be one that works in the child, by then.
 * => with rcu_settings.drop_at_fork, set in the parent before the fork, all callbacks are dropped
 *    and counted: for programs whose callbacks do more than release memory of the process (what is
 *    shared with the parent would be released twice), or are about the stack of a thread that the
 *    child does not have.
 * => cookies of the parent's are not to be used; take new ones.
 * => a callback that forked goes on in the child, and must exec or exit there; returning aborts
 *    with a message.
 */
#ifndef STILLPOINT_RCU_FORK_H
#define STILLPOINT_RCU_FORK_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

/* For programs whose children only exec: the handler does nothing, and the child must not use RCU.
 * => Any thread, any time. As on and off: a program may fork one child without and the next with
 *    it. */
void rcu_disable_atfork(void);
void rcu_enable_atfork(void);

STILLPOINT_END

#endif
