/* Crashes and stacks of a runner's threads. */
#ifndef STILLPOINT_CRASH_H
#define STILLPOINT_CRASH_H

#include "thread.h"

/* Installs the handlers, once, in the main thread. */
void crash_install(struct shared_header *header);
/* For the calling thread: a signal stack of its own, and whose thread it is. */
void crash_thread_start(struct torture_thread *t);
void crash_thread_end(void);

#endif
