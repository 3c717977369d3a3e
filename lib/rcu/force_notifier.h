/* Force notifiers, force_notifier.c. */
#ifndef STILLPOINT_RCU_FORCE_NOTIFIER_H
#define STILLPOINT_RCU_FORCE_NOTIFIER_H

/* => Registry lock; the leader. Calls the notifiers of all pending readers. */
void rcu_run_force_notifiers(void);

#endif
