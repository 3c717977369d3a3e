/* What the list of vCPUs promises of each that is in it, kept over all workloads of the process.
 *
 * Whoever adds a vCPU or removes one calls the four below around it. Between the two the vCPU has
 * its index for itself, and a walk of the list meets it; each of them changes the generation.
 */
#ifndef STILLPOINT_VCPU_LEDGER_H
#define STILLPOINT_VCPU_LEDGER_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

/* The first check of each workload that adds vCPUs. */
enum { VCPU_LEDGER, VCPU_LEDGER_CHECKS };
#define VCPU_LEDGER_ROW [VCPU_LEDGER] = "vcpu-ledger"

#if FLAVOR_CAN_VCPU

/* In setup(): so many vCPUs are going to be there; false when that are more, with those of the
 * whole run, than the library can have. */
bool vcpu_ledger_promise(struct instance *in, uint64_t vcpus, struct diagnostics *d);

/* Before vcpu_add(), and after; takes what the first one returns. */
unsigned long vcpu_ledger_adds(void);
void vcpu_ledger_added(struct torture_thread *t, struct vcpu *cpu, unsigned long begun);

/* Before vcpu_remove(), or in the last of the work that this runs; and after. */
unsigned long vcpu_ledger_removes(struct torture_thread *t, struct vcpu *cpu);
void vcpu_ledger_removed(struct torture_thread *t, const struct vcpu *cpu, unsigned long begun);

/* In finish(): all vCPUs of the process have been removed. */
void vcpu_ledger_close(struct instance *in);

#endif
#endif
