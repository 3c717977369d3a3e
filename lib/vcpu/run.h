/* run.c: the loop of a vCPU's thread. */
#ifndef STILLPOINT_LIB_VCPU_RUN_H
#define STILLPOINT_LIB_VCPU_RUN_H

#include "stillpoint/vcpu.h"

/* Enters, runs the inner loop once, leaves. */
void vcpu_execute(struct vcpu *cpu);
/* For the loops of vCPUs, whose sections are ordinary ones: an online thread would hold up grace
 * periods between them. True when it was online. */
bool vcpu_go_offline(void);

#endif
