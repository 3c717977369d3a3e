/* Whether a program and the library fit, version.c. */
#ifndef STILLPOINT_RCU_VERSION_H
#define STILLPOINT_RCU_VERSION_H

/* Aborts, with both versions, where a program was compiled for another layout. */
void rcu_check_layout(const char *version, unsigned layout);

#endif
