/* Polled grace periods, polled.c. */
#ifndef STILLPOINT_RCU_POLLED_H
#define STILLPOINT_RCU_POLLED_H

/* None is started, at this sequence. */
void rcu_polled_reset(unsigned long sequence);
/* In a forked child: none is started, and cookies have another tag. */
void rcu_polled_after_fork(void);
/* Ends the thread, when the grace periods that were started have ended. */
void rcu_polled_shutdown(void);

#endif
