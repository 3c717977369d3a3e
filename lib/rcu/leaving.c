/* Leaving: a reader that ends its section, or renews it, wakes the leader that sleeps for it. */
#include "leaving.h"

#include "grace_period.h"

#include "stillpoint/asymmetric_fence.h"
#include "stillpoint/rcu.h"

static void take_request(struct rcu_reader *self)
{
    /* Orders: LOAD attention (acquire) -> LOAD rcu_gp_number, here and in the sections to come.
     * Pairs with: number_advance(), STORE rcu_gp_number (release) -> request_wake(), STORE
     * attention (release).
     * Broken: the next section shows the old number, for which the leader waits again: that costs a
     * round, not a hang. But a read-modify-write it must be. A plain 0 could sit in the store
     * buffer while the next section loads an old number, and then erase the request of the next
     * grace period, whose leader would sleep for ever. */
    unsigned attention =
        atomic_fetch_and_explicit(&self->attention, ~RCU_WAITED_FOR, memory_order_acq_rel);

    if (!(attention & RCU_WAITED_FOR))
        return;
    if (self->online) { /* renews once more, with the number that the leader waits for or a later */
        /* Orders: LOAD rcu_gp_number (acquire) -> LOAD p.
         * Pairs with: number_advance(), STORE p -> STORE rcu_gp_number (release).
         * Broken: a later number than the request's is loaded without what it proves: the leader of
         * that grace period needs no fence, and this thread still finds the old p. */
        unsigned long number = atomic_load_explicit(&rcu_gp_number, memory_order_acquire);

        /* Orders: LOAD *p before the renewal -> STORE counter (release).
         * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
         * Broken: *p is freed while a load of it before the renewal is still on its way. Not on
         * x86. */
        atomic_store_explicit(&self->counter, number, memory_order_release);
    }
    rcu_wake_leader();
}

void rcu_answer_leader(struct rcu_reader *self)
{
    /* Orders: STORE counter (release) -> LOAD attention (relaxed). In rcu_read_unlock() it is a
     * compiler barrier; this is the full fence of a process without membarrier.
     * Pairs with: request_wake(), STORE attention (release) -> reader_state(), LOAD counter
     * (acquire); the heavy fence of rcu_scan_with_fence is between.
     * Broken: the leader finds this reader inside, this reader finds no request, and the leader
     * sleeps for ever. */
    asymmetric_fence_light();
    /* Relaxed: a hint only; take_request() acquires. */
    if (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_WAITED_FOR)
        take_request(self);
}

/* The slow path of rcu_read_unlock(). */
void rcu_reader_left(struct rcu_reader *self)
{
    if (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_ONLINE)
        rcu_misuse("rcu_read_unlock() without a matching rcu_read_lock() in an online thread");
    rcu_answer_leader(self);
}
