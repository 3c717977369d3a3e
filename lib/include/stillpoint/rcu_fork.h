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
 * => callbacks that were queued in the parent are dropped and counted
 *    (rcu_stats.callbacks_dropped): they are the parent's, which runs its own copy. The queue is
 *    empty.
 * => the callback thread starts with the first call_rcu(); the callback lock stays set, and must be
 *    one that works in the child.
 * => cookies of the parent's are not to be used; take new ones.
 * => a callback that forked must exec or exit in the child; returning aborts with a message.
 */
#ifndef STILLPOINT_RCU_FORK_H
#define STILLPOINT_RCU_FORK_H

/* For programs whose children only exec: the handler does nothing, and the child must not use RCU.
 * => Any thread, any time. As on and off: a program may fork one child without and the next with
 *    it. */
void rcu_disable_atfork(void);
void rcu_enable_atfork(void);

#endif
