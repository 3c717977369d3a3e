/* Polled grace periods: test now and then whether one has passed, without ever waiting.
 *
 *     old = table;
 *     rcu_assign_pointer(table, new);
 *     cookie = start_poll_synchronize_rcu();
 *     ...
 *     if (poll_state_synchronize_rcu(cookie))
 *         free(old);
 *
 * A cookie names the end of the first grace period that begins after it was taken. It is a value:
 * copy it, store it, drop it. It never expires while a section goes on that was entered before it
 * was taken, and it has expired once any grace period has passed that began after it was taken.
 *
 * A thread to which a cookie came without any order (a relaxed store and load) may know less of
 * grace periods than the thread that took it. It then finds the cookie pending until it knows more,
 * also one that has expired already; it never finds it expired too early.
 *
 * Where a long has 64 bits, a cookie may be kept for ever. Where it has 32, for 2 147 000 000 grace
 * periods; one that is kept longer may seem to be pending again, until another 32 768 have passed.
 * (With DEBUG=1 on 32 bits, where a cookie has a tag as well, for 490 000.)
 *
 * Source: the names and guarantees are those of the Linux kernel's polled grace periods.
 */
#ifndef STILLPOINT_RCU_POLL_H
#define STILLPOINT_RCU_POLL_H

#include <stillpoint/language.h>

STILLPOINT_BEGIN

/* => Any thread, also inside sections and callbacks. None blocks. The first start_poll starts a
 *    thread of the library's, which leads the grace periods that nobody waits for. */
/* Takes a cookie; something else must make grace periods happen. */
unsigned long get_state_synchronize_rcu(void);
/* Takes a cookie, and starts the grace period: it will expire without anyone waiting. */
unsigned long start_poll_synchronize_rcu(void);
/* The same, forced from the start, as synchronize_rcu_expedited(). */
unsigned long start_poll_synchronize_rcu_expedited(void);
/* Whether the cookie has expired. When true, the grace period's end comes before what follows.
 * => Builds with DEBUG=1 abort on a cookie of another process, such as one from before a fork. */
bool poll_state_synchronize_rcu(unsigned long cookie);
/* A cookie that has expired already. */
unsigned long get_completed_synchronize_rcu(void);
static inline bool same_state_synchronize_rcu(unsigned long a, unsigned long b)
{
    return a == b;
}

/* Returns at once when the cookie has expired, else waits for the rest of the grace period it
 * needs.
 * => As synchronize_rcu(): outside sections. */
void cond_synchronize_rcu(unsigned long cookie);
void cond_synchronize_rcu_expedited(unsigned long cookie);

/* Starts the thread now, from one whose CPU affinity and scheduling it should inherit. Otherwise it
 * is started as the callback thread is: see rcu_start_callback_thread(). */
void rcu_start_poll_thread(void);

STILLPOINT_END

#endif
