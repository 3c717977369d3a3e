/* Quiescent-state mode: an online thread is inside an outermost level which it renews.
 *
 * A renewal stores the current number in place of the old one. To a leader the thread has left and
 * entered again: with acquire and release on the same sides as in rcu_read_lock(), the new number
 * is the same proof. A thread that shows the current number already need not renew it.
 */
#include "stillpoint/rcu_qsbr.h"

#include "leaving.h"
#include "parked.h"
#include "registry.h"

void rcu_thread_online(void)
{
    struct rcu_reader *self = rcu_self();

    if (!self->registered)
        rcu_misuse("rcu_thread_online() in a thread that is not registered; "
                   "call rcu_register_thread() first");
    if (rcu_read_locked())
        rcu_misuse("rcu_thread_online() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    if (self->online)
        return;
    rcu_read_lock();
    reader_set_online(self, true);
}

void rcu_thread_offline(void)
{
    struct rcu_reader *self = rcu_self();

    if (rcu_read_locked())
        rcu_misuse("rcu_thread_offline() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    if (!self->online)
        return;
    reader_set_online(self, false);
    rcu_read_unlock();
    rcu_park();
}

void rcu_reader_renews(struct rcu_reader *self, unsigned long number)
{
    if (!self->online)
        return;
    if (rcu_read_locked())
        rcu_misuse("rcu_quiescent_state() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    /* Orders: LOAD *p before the renewal -> STORE counter (release).
     * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
     * Broken: *p is freed while a load of it before the renewal is still on its way. Not on x86. */
    atomic_store_explicit(&self->counter, number, memory_order_release);
    /* Orders: STORE counter (release) -> LOAD attention (relaxed). The light fence of membarrier;
     * without that, RCU_FULL_FENCE is set, and rcu_answer_leader() runs a full one.
     * Pairs with: request_wake(), STORE attention (release) -> reader_state(), LOAD counter
     * (acquire); the heavy fence of rcu_scan_with_fence is between.
     * Broken: the leader finds the old number, this thread finds no request, and the leader sleeps
     * until the next renewal, if there is one. */
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&self->attention, memory_order_relaxed) & ~RCU_ONLINE)
        rcu_answer_leader(self);
}
