/* The end of what the library runs of its own. */
#include "callback.h"
#include "grace_period.h"
#include "parked.h"
#include "polled.h"

#include "stillpoint/rcu.h"

void rcu_shutdown(void)
{
    bool online;

    rcu_check_may_wait("rcu_shutdown() inside a read section would wait for itself; leave the "
                       "section first");
    if (rcu_in_callback())
        rcu_misuse("rcu_shutdown() inside a callback would wait for itself");
    rcu_callbacks_shutdown();
    online = rcu_parked_begin(); /* the grace period that is awaited may wait for this thread */
    rcu_polled_shutdown();
    rcu_parked_end(online);
}
