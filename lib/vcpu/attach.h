/* attach.c: which thread runs a vCPU. */
#ifndef STILLPOINT_LIB_VCPU_ATTACH_H
#define STILLPOINT_LIB_VCPU_ATTACH_H

#include "stillpoint/vcpu.h"

/* True when the calling thread is the one that runs it. */
bool vcpu_is_mine(struct vcpu *cpu);
/* True between cpu_exec_start() and cpu_exec_end() of the calling thread. */
bool vcpu_executes(void);

#endif
