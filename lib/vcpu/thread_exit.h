/* thread_exit.c: threads that end with what others wait for. */
#ifndef STILLPOINT_LIB_VCPU_THREAD_EXIT_H
#define STILLPOINT_LIB_VCPU_THREAD_EXIT_H

/* The calling thread is about to hold what it must have let go of when it ends: the big lock, an
 * exclusive section, a pause. */
void vcpu_watch_thread_exit(void);

#endif
