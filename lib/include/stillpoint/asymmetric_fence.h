/* Asymmetric fence: a full fence between two threads, paid by the one that comes by rarely.
 *
 * Where thread A runs  STORE x; asymmetric_fence_light(); LOAD y
 * and thread B runs    STORE y; asymmetric_fence_heavy(); LOAD x
 * at least one of them sees the other's store, as if both had run a sequentially consistent fence.
 * Two light fences order nothing between threads.
 *
 * Heavy is the system call membarrier(PRIVATE_EXPEDITED), and light a compiler barrier. Where the
 * system call is missing, or STILLPOINT_FENCE=full is in the environment when the program starts,
 * both are sequentially consistent fences. The choice is made before main() and never changes.
 *
 * Code that loads a word of its own behind the fence, as rcu_read_lock() does, can save the branch:
 * a compiler barrier, and a bit of that word, set when both fences are full, that leads to
 * asymmetric_fence_light().
 *
 * Source: Dice, Huang, Yang, "Asymmetric Dekker Synchronization" (2001); the system call is Mathieu
 * Desnoyers' and Paul McKenney's.
 */
#ifndef STILLPOINT_ASYMMETRIC_FENCE_H
#define STILLPOINT_ASYMMETRIC_FENCE_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

/* Read-only: true when both sides are full fences. */
extern bool asymmetric_fence_is_full;

/* Any thread. Never blocks; one predictable branch when membarrier works. */
static inline void asymmetric_fence_light(void)
{
    /* Orders: STORE x -> LOAD y.
     * Pairs with: asymmetric_fence_heavy(), STORE y -> LOAD x.
     * Broken: each side misses the other's store. */
    if (__builtin_expect(asymmetric_fence_is_full, 0))
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    else
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Any thread. Interrupts every CPU that runs another thread of this process: 0.1 us when there is
 * none, some 15 us on a virtual machine when there is. */
void asymmetric_fence_heavy(void);

STILLPOINT_END

#endif
