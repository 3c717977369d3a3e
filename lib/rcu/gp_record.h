/* What is remembered of grace periods, gp_record.c. Each function does nothing for a grace period
 * that is not recorded. */
#ifndef STILLPOINT_RCU_GP_RECORD_H
#define STILLPOINT_RCU_GP_RECORD_H

#include "grace_period.h"

/* => Leader. The grace period starts now, and remembers what the settings ask for. */
void rcu_record_start(struct grace_period *g);
/* => Leader, registry lock, when a scan has left readers in rcu_registry.pending. */
void rcu_record_pending(const struct grace_period *g);
/* => Leader, before it naps for so long. */
void rcu_record_nap(const struct grace_period *g, int64_t length_ns);
/* => Leader, as soon as it runs again. */
void rcu_record_woken(const struct grace_period *g);
/* => Leader, after a heavy fence. */
void rcu_record_fence(const struct grace_period *g, int64_t begun_ns);
/* => Leader, lock of grace periods. The grace period ends now. */
void rcu_record_end(const struct grace_period *g);
/* => Lock of grace periods. The calling thread was served by the grace period with that end. */
void rcu_record_served(unsigned long end);

#endif
