/* work.c: what the loops of vCPUs do with their work queues. */
#ifndef STILLPOINT_LIB_VCPU_WORK_H
#define STILLPOINT_LIB_VCPU_WORK_H

#include "stillpoint/vcpu.h"

void vcpu_work_init(struct vcpu *cpu);
void vcpu_work_destroy(struct vcpu *cpu);
void vcpu_open_work(struct vcpu *cpu);
/* Runs what is queued, in order, until a pause is requested; during a pause, or with `urgent_only`,
 * until nothing is left that the pausing thread waits for. */
void vcpu_run_work(struct vcpu *cpu, bool urgent_only);
/* Runs all of it, pause or not, and refuses more. */
void vcpu_close_work(struct vcpu *cpu);
/* The vCPU whose work vcpu_close_work() runs in the calling thread. */
extern STILLPOINT_THREAD_LOCAL struct vcpu *vcpu_closing;

#endif
