/* Force notifiers: what makes a reader that stays inside leave. */
#include "force_notifier.h"

#include "registry.h"

void rcu_add_force_notifier(struct rcu_force_notifier *notifier)
{
    if (!rcu_self()->registered)
        rcu_misuse("rcu_add_force_notifier() in a thread that is not registered");
    rcu_registry_enter();
    link_insert(&notifier->link, &rcu_self()->notifiers);
    rcu_registry_leave();
}

void rcu_remove_force_notifier(struct rcu_force_notifier *notifier)
{
    rcu_registry_enter();
    link_remove(&notifier->link);
    rcu_registry_leave();
}

void rcu_run_force_notifiers(void)
{
    struct rcu_link *l, *after, *n, *next;

    list_for_each (l, after, &rcu_registry.pending)
        list_for_each (n, next, &reader_of(l)->notifiers) {
            struct rcu_force_notifier *f = container_of(n, struct rcu_force_notifier, link);

            f->notify(f);
        }
}
