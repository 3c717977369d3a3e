/* Notes what the system refuses to this process, whoever in it calls; refuses memory, and counts
 * it. */
#ifndef STILLPOINT_REFUSED_H
#define STILLPOINT_REFUSED_H

#include "torture/record/shared.h"

#include <stdbool.h>

/* Before the first thread. From here on a refused pthread_create(), fork() or tgkill() of the
 * runner, of the workloads and of what is linked into it is counted in the header, also in a
 * forked child. The linker leads these calls here (led_here in the Makefile); those of a shared
 * library stay its own. */
void refused_install(struct shared_header *header);

/* From here on, until it is called with false, malloc() has no memory for the calling thread, where
 * it is called in the runner or in what is linked into it. */
void refuse_memory(bool refused);

/* How many blocks the calling thread has had from malloc() and calloc(), called there too, less
 * those that it has freed. */
long memory_blocks(void);

/* What of a process, much memory and a descriptor the system refuses now: enum refused_kind, as
 * bits. For a signal handler. */
unsigned refused_now(void);

#endif
