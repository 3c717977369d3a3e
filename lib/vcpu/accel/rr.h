/* rr.c: the vCPUs of one thread, as waits within it serve them. */
#ifndef STILLPOINT_LIB_VCPU_ACCEL_RR_H
#define STILLPOINT_LIB_VCPU_ACCEL_RR_H

#include "stillpoint/accel.h"
#include "vcpu/serve.h"

/* Serves all vCPUs of the thread that `cpu` belongs to. */
void vcpu_rr_serve(struct vcpu_rr *rr, enum vcpu_service service);
/* Makes the thread serve all of them again. */
void vcpu_rr_rearm(struct vcpu_rr *rr);
bool vcpu_rr_kicked(struct vcpu_rr *rr);
/* => vcpu_fork_child(): the calling thread's, which goes on; or another's, which is as new. */
void vcpu_rr_after_fork(struct vcpu_rr *rr);
void vcpu_rr_drop(struct vcpu_rr *rr);

#endif
