/* exclusive.c: exclusive sections, in children of a fork. */
#ifndef STILLPOINT_LIB_VCPU_EXCLUSIVE_H
#define STILLPOINT_LIB_VCPU_EXCLUSIVE_H

/* => vcpu_fork_child(): a section of the calling thread's is on, or none. */
void vcpu_exclusive_after_fork(void);

#endif
