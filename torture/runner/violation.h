/* How a check reports that it was violated. */
#ifndef STILLPOINT_VIOLATION_H
#define STILLPOINT_VIOLATION_H

#include "thread.h"

/* A check was violated. The first call for each check keeps the message and what the threads of the
 * workload noted last; all are counted. Slow. `t` may be NULL at the end of the run. */
void torture_violation(struct instance *instance, struct torture_thread *t, unsigned check,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same, of a check that no workload has. */
void torture_violation_of_run(struct instance *instance, struct torture_thread *t,
                              struct shared_check *check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
