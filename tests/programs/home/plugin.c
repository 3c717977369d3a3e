/* A plug-in that uses RCU, and leaves as much behind as it may. */
#include <stillpoint/rcu.h>

#include <stdlib.h>

struct item {
    struct rcu_head head;
};

static void free_item(struct rcu_head *head)
{
    free(head);
}

static void queue_one(void)
{
    struct item *item = malloc(sizeof *item);

    if (!item)
        abort();
    call_rcu(&item->head, free_item);
}

void plugin_read(void);
void plugin_update(void);
void plugin_leave_pending(void);

/* In a thread that ends without unregistering. */
void plugin_read(void)
{
    if (!rcu_read_locked())
        rcu_register_thread();
    RCU_READ_LOCK_GUARD();
}

void plugin_update(void)
{
    synchronize_rcu();
    cond_synchronize_rcu(start_poll_synchronize_rcu());
    queue_one();
    rcu_barrier();
}

void plugin_leave_pending(void)
{
    queue_one();
}
