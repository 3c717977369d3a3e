/* fork.c: children of a fork. */
#ifndef STILLPOINT_LIB_VCPU_FORK_H
#define STILLPOINT_LIB_VCPU_FORK_H

/* How many forks lie between this process and the one that began: who finds another number than
 * before has become a child. Written while there is one thread. */
extern unsigned vcpu_forks;

#endif
