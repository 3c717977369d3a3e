/* Settings, settings.c. */
#ifndef STILLPOINT_RCU_SETTINGS_H
#define STILLPOINT_RCU_SETTINGS_H

#include "stillpoint/rcu_policy.h"

#include <stdatomic.h>
#include <stddef.h>

/* Each field of struct rcu_settings, in its order: its default, and whether rcu_set_settings()
 * takes what is in *s. */
#define RCU_SETTINGS(ROW)                                                        \
    ROW(gp_policy, RCU_GP_ADAPTIVE, (unsigned)s->gp_policy <= RCU_GP_ADAPTIVE)   \
    ROW(spin_ns, 10 * 1000, duration_ok(s->spin_ns, 0))                          \
    ROW(first_nap_ns, 20 * 1000, duration_ok(s->first_nap_ns, 1))                \
    ROW(poll_interval_ns, 10 * 1000 * 1000, duration_ok(s->poll_interval_ns, 1)) \
    ROW(force_after_ns, 50 * 1000 * 1000, duration_ok(s->force_after_ns, 0))     \
    ROW(force_naps, 5, true)                                                     \
    ROW(force_callbacks, 30, s->force_callbacks > 0)                             \
    ROW(callback_batch, 4096, s->callback_batch > 0)                             \
    ROW(callback_hold_ns, 200 * 1000, duration_ok(s->callback_hold_ns, 1))       \
    ROW(callback_bound, 0, true)                                                 \
    ROW(drop_at_fork, false, true)                                               \
    ROW(warn_after_ns, INT64_C(10000000000), duration_ok(s->warn_after_ns, 0))   \
    ROW(gp_times, false, true)                                                   \
    ROW(gp_records, false, true)

/* The settings in force. */
struct tuning {
#define RCU_SETTING(field, preset, valid) \
    _Atomic(__typeof__(((struct rcu_settings *)NULL)->field)) field;
    RCU_SETTINGS(RCU_SETTING)
#undef RCU_SETTING
};
extern struct tuning rcu_tuning;
#define tuned(field) atomic_load_explicit(&rcu_tuning.field, memory_order_relaxed)

#endif
