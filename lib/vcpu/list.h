/* list.c: the lock of the list of vCPUs. */
#ifndef STILLPOINT_LIB_VCPU_LIST_H
#define STILLPOINT_LIB_VCPU_LIST_H

#include "stillpoint/vcpu.h"
#include "sync/platform.h"

/* The list of vCPUs, and what exclusive sections know of each. Held for microseconds, never while
 * its holder waits for a vCPU to act. Taken after the lock of pauses. */
extern platform_mutex vcpu_lock;

/* => vcpu_fork_child(): the calling thread's vCPUs stay in the list, and no others. */
void vcpu_list_after_fork(void);

#endif
