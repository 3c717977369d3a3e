/* serve.c: what others have asked of a vCPU. */
#ifndef STILLPOINT_LIB_VCPU_SERVE_H
#define STILLPOINT_LIB_VCPU_SERVE_H

#include "stillpoint/vcpu.h"

/* How much of what others ask of a vCPU is done. */
enum vcpu_service {
    SERVE_ALL,
    SERVE_WORK,  /* in the middle of the guest's own: not the guest */
    SERVE_PAUSE, /* in the middle of a pause of its own: no other's work, which might pause too */
};

/* process_cpu_events(), or, within a wait, less of it. */
enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service);

#endif
