/* kvm.c: what tests read of a vCPU of the accelerator kvm. */
#ifndef STILLPOINT_LIB_VCPU_ACCEL_KVM_H
#define STILLPOINT_LIB_VCPU_ACCEL_KVM_H

#include "stillpoint/vcpu.h"

/* RIP and RAX of a vCPU that is outside of run(). False when there is none.
 * => The vCPU's thread, after create() and before destroy(). */
bool vcpu_kvm_registers(struct vcpu *cpu, uint64_t *rip, uint64_t *rax);

#endif
