/* Fork, fork.c. */
#ifndef STILLPOINT_RCU_FORK_INTERNAL_H
#define STILLPOINT_RCU_FORK_INTERNAL_H

/* Installs the handler. Called from the registry rather than by a constructor of its own: a static
 * library's file that nobody refers to is not linked. */
void rcu_fork_start(void);

#endif
