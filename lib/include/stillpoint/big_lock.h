/* The big lock: one lock for a program's slow paths, which the library lets go of where it waits.
 *
 * => Not recursive: taking it twice aborts, with the place where it was taken first.
 * => Never held while waiting for exclusivity: start_exclusive() aborts, and cpu_exec_start() where
 *    it would wait, with the place where it was taken. It may be taken in read sections, in
 *    exclusive sections and while a vCPU executes.
 * => Its holder may wait for grace periods only where no read section takes it: each would wait for
 *    the other.
 * => run_on_cpu(), pause_all_vcpus(), rcu_barrier() with bql_callback_lock, and safe work let go of
 *    it while they wait or run, and take it again.
 */
#ifndef STILLPOINT_BIG_LOCK_H
#define STILLPOINT_BIG_LOCK_H

#include <stillpoint/language.h>
#include <stillpoint/rcu_callback.h>

STILLPOINT_BEGIN

/* => Any thread; blocks. */
#define bql_lock() bql_lock_at(__FILE__, __LINE__)
void bql_lock_at(const char *file, int line);
/* => The thread that took it; aborts in any other. */
void bql_unlock(void);
/* True in the thread that holds it. */
bool bql_locked(void);

/* For rcu_set_callback_lock(): callbacks run with the big lock held. */
extern const struct rcu_callback_lock bql_callback_lock;

STILLPOINT_END

#endif
