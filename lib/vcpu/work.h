/* work.c: what the loops of vCPUs do with their work queues. */
#ifndef STILLPOINT_LIB_VCPU_WORK_H
#define STILLPOINT_LIB_VCPU_WORK_H

#include "stillpoint/vcpu.h"

void vcpu_work_init(struct vcpu *cpu);
void vcpu_work_destroy(struct vcpu *cpu);
void vcpu_open_work(struct vcpu *cpu);
/* => vcpu_fork_child(): drops all of it, when the vCPU is out of the list; or what threads wait for
 *    that are not there. */
void vcpu_work_after_fork(struct vcpu *cpu);
/* Runs what is queued, in order, until a pause is requested; during a pause, or with `urgent_only`,
 * until nothing is left that the pausing thread waits for. */
void vcpu_run_work(struct vcpu *cpu, bool urgent_only);
/* Whether something is queued. => The vCPU's thread; what it has not been asked for yet may be
 *    missed. */
bool vcpu_has_work(struct vcpu *cpu);
/* Runs all of it, pause or not, and refuses more. */
void vcpu_close_work(struct vcpu *cpu);
/* Refuses more when nothing is queued; false when something is. */
bool vcpu_close_empty_work(struct vcpu *cpu);
/* The same, when it has run the first that is queued. */
bool vcpu_close_first_work(struct vcpu *cpu);

#endif
