/* Quiescent-state mode: for threads that read all the time and come by points at which they hold
 * nothing.
 *
 * A thread that goes online is inside an outermost level that is not ended but renewed: by
 * rcu_quiescent_state(), after which the thread holds nothing that it found before. In between, a
 * pair of rcu_read_lock() and rcu_read_unlock() only counts its depth, and may be left out. Online
 * and ordinary readers mix freely, and a thread may change between the two.
 *
 *     rcu_thread_online();
 *     for (;;) {
 *         use(rcu_dereference(table));
 *         rcu_quiescent_state();
 *     }
 *     rcu_thread_offline();       before it blocks, or ends
 *
 * What a pair costs an online thread, and grace periods:
 *
 *     rcu_read_lock()         0.8 ns. Its depth is stored to the line that leaders look at, so a
 *                             grace period that waits for a thread in a loop of pairs takes longer.
 *     rcu_online_read_lock()  nothing, neither the thread nor grace periods. Only for a thread that
 *                             is online, and builds with DEBUG=1 abort in another one; there it is
 *                             the pair above.
 *     RCU_READERS_ONLINE      defined before <stillpoint/rcu.h> makes rcu_read_lock() the free one,
 *                             and with it guards and lists: for programs whose readers are all
 *                             online. Nothing but a build with DEBUG=1 then notices that a thread
 *                             waits for a grace period, goes offline or passes a quiescent state
 *                             inside a section.
 *
 * => An online thread must not block, nor wait for a lock that is held across a grace period: until
 *    its next quiescent state every grace period waits for it. Calls of this library that wait take
 *    it offline meanwhile.
 *
 * Source: the quiescent-state-based flavour in Desnoyers et al. (2012); here it is the same state
 * as a read section, seen differently.
 * */
#ifndef STILLPOINT_RCU_QSBR_H
#define STILLPOINT_RCU_QSBR_H

#include <stillpoint/language.h>
#include <stillpoint/rcu.h>

STILLPOINT_BEGIN

/* => Registered threads, outside sections. Neither blocks. A thread is offline after it registered.
 *    Going online twice, or offline when it is not online, has no effect; inside a section either
 *    aborts with a message.
 * => While offline it may use ordinary read sections. */
void rcu_thread_online(void);
void rcu_thread_offline(void);

/* => Online threads. Never blocks, and costs nothing: what protects the section is that it has no
 *    quiescent state inside. Pairs nest. */
static inline void rcu_online_read_lock(void)
{
#ifdef STILLPOINT_DEBUG
    if (!rcu_self()->online)
        rcu_misuse("rcu_online_read_lock() in a thread that is not online, which protects nothing; "
                   "call rcu_thread_online() first");
    rcu_read_lock();
#endif
}

static inline void rcu_online_read_unlock(void)
{
#ifdef STILLPOINT_DEBUG
    rcu_read_unlock();
#endif
}

/* The slow path below; not for applications. */
void rcu_reader_renews(struct rcu_reader *self, unsigned long number);

/* => Any thread; without effect in one that is not online. Outside explicit sections: in an online
 *    thread's section it aborts with a message. Never blocks; two loads when no grace period has
 *    begun. */
static inline void rcu_quiescent_state(void)
{
    struct rcu_reader *self = rcu_self();
    unsigned long counter = stillpoint_atomic_load(&self->counter, __ATOMIC_RELAXED);
    /* Orders: LOAD rcu_gp_number (acquire) -> LOAD p.
     * Pairs with: number_advance(), STORE p -> STORE rcu_gp_number (release).
     * Broken: the counter shows the new number, which is proof without a fence, and the thread
     * still finds the old p. */
    unsigned long number = stillpoint_atomic_load(&rcu_gp_number, __ATOMIC_ACQUIRE);

#ifdef STILLPOINT_DEBUG
    rcu_reader_renews(self, number);
#endif
    if (__builtin_expect(counter != number, 0))
        rcu_reader_renews(self, number);
}

STILLPOINT_END

#endif
