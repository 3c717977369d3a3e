/* How many CPUs there are for us; cpus.c. */
#ifndef STILLPOINT_CPUS_H
#define STILLPOINT_CPUS_H

/* CPUs that the calling thread may use; at least 1. */
int cpus_allowed(void);

#endif
