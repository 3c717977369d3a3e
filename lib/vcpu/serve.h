/* serve.c: what others have requested of a vCPU. */
#ifndef STILLPOINT_LIB_VCPU_SERVE_H
#define STILLPOINT_LIB_VCPU_SERVE_H

#include "stillpoint/vcpu.h"

/* How much of what others have requested of a vCPU is done. */
enum vcpu_service {
    SERVE_ALL,
    SERVE_WORK,  /* in run_on_cpu(): no events() and idle(): events() may be the caller */
    SERVE_PAUSE, /* in pause_all_vcpus(): nor work, which might pause too; but for urgent work */
};

/* process_cpu_events(), or, within a wait, less of it. */
enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service);

#endif
