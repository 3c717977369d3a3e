/* Settings: how grace periods end, how callbacks run. */
#include "settings.h"

#include "callback.h"
#include "grace_period.h"

#include <errno.h>

#define HOUR_NS INT64_C(3600000000000)

#define PRESET(field, preset, valid) .field = (preset),
const struct rcu_settings rcu_default_settings = {RCU_SETTINGS(PRESET)};
struct tuning rcu_tuning = {RCU_SETTINGS(PRESET)};
#undef PRESET

#define FIELD(field, preset, valid) __typeof__(rcu_default_settings.field) field;
struct rows {
    RCU_SETTINGS(FIELD)
};
#undef FIELD
_Static_assert(sizeof(struct rows) == sizeof(struct rcu_settings), "each setting has a row");

static bool duration_ok(int64_t ns, int64_t least)
{
    return ns >= least && ns <= HOUR_NS;
}

int rcu_set_settings(const struct rcu_settings *s)
{
#define CHECK(field, preset, valid) \
    if (!(valid))                   \
        return -EINVAL;
    RCU_SETTINGS(CHECK)
#undef CHECK
#define STORE(field, preset, valid) \
    atomic_store_explicit(&rcu_tuning.field, s->field, memory_order_relaxed);
    RCU_SETTINGS(STORE)
#undef STORE
    /* A leader may go one round by some new settings and some old ones. The exchange in
     * manual_event_set() publishes all to one that waits by the old ones. */
    rcu_wake_leader();
    rcu_end_pile_up();
    return 0;
}

void rcu_get_settings(struct rcu_settings *s)
{
#define LOAD(field, preset, valid) .field = tuned(field),
    *s = (struct rcu_settings){RCU_SETTINGS(LOAD)};
#undef LOAD
}
