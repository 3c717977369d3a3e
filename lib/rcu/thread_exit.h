/* Threads that end without unregistering, thread_exit.c. */
#ifndef STILLPOINT_RCU_THREAD_EXIT_H
#define STILLPOINT_RCU_THREAD_EXIT_H

/* Once, at the start of the program; before any thread registers. */
void rcu_thread_exit_start(void);
/* The calling thread is unregistered when it ends. */
void rcu_thread_exit_request(void);
/* How many there were. */
unsigned long rcu_exits_registered(void);

#endif
