/* A small torture of user-space RCU in one file, in the shape that such programs have: threads
 * register, read, pass quiescent states, go offline; one updater waits for grace periods, one
 * queues callbacks.
 *
 * Whose RCU it is, only the include says:
 *
 *     cc -DRCU_HEADER='<urcu.h>'           rcutorture_shape.c -lurcu-memb -lpthread
 *     cc -DRCU_HEADER='<urcu-qsbr.h>'      rcutorture_shape.c -lurcu-qsbr -lpthread
 *     cc -DRCU_HEADER='<stillpoint/rcu.h>' rcutorture_shape.c -lstillpoint -lpthread
 *
 * `rcutorture_shape [MILLISECONDS]` ends with 0 when no reader found anything too old and no
 * callback was lost, else with 1.
 */
#include RCU_HEADER

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READERS 3
#define AGES    10
#define NODES   200

static atomic_bool stop;
static atomic_ulong violations;

/* Published one after the other, each grace period makes those that were unpublished before it
 * older by one. A reader may find the one that it holds unpublished, at age 1, and never at 2. */
struct item {
    atomic_int age;
};

static struct item items[AGES];
static struct item *current_item = &items[0];
static atomic_ulong found_at_age[AGES];
static unsigned long item_updates;

static void *update_by_waiting(void *unused)
{
    rcu_register_thread();
    do {
        struct item *old = current_item;
        struct item *fresh = &items[++item_updates % AGES];

        atomic_store(&fresh->age, 0);
        rcu_assign_pointer(current_item, fresh);
        atomic_store(&old->age, 1);
        synchronize_rcu();
        for (struct item *i = items; i < items + AGES; i++) {
            int age = atomic_load(&i->age);

            if (i != fresh && age > 0 && age < AGES - 1)
                atomic_store(&i->age, age + 1);
        }
    } while (!atomic_load(&stop));
    rcu_unregister_thread();
    return unused;
}

/* Unpublished and handed to a callback, which frees it. No reader may hold one that is free. */
struct node {
    struct rcu_head head;
    atomic_bool used;
};

static struct node nodes[NODES] = {{.used = true}};
static struct node *current_node = &nodes[0];
static unsigned long node_updates;
static atomic_ulong nodes_freed;

static void free_node(struct rcu_head *head)
{
    struct node *node = (struct node *)head;

    atomic_store(&node->used, false);
    atomic_fetch_add(&nodes_freed, 1);
}

static void check_all_freed(void)
{
    rcu_barrier();
    if (atomic_load(&nodes_freed) != node_updates) {
        printf("%lu of %lu callbacks ran before a barrier ended\n", atomic_load(&nodes_freed),
               node_updates);
        atomic_fetch_add(&violations, 1);
    }
}

static void *update_by_callback(void *unused)
{
    rcu_register_thread();
    do {
        struct node *old = current_node, *fresh = nodes;

        while (fresh < nodes + NODES && atomic_load(&fresh->used))
            fresh++;
        if (fresh == nodes + NODES) {
            check_all_freed();
            continue;
        }
        atomic_store(&fresh->used, true);
        rcu_assign_pointer(current_node, fresh);
        node_updates++;
        call_rcu(&old->head, free_node);
        rcu_quiescent_state();
    } while (!atomic_load(&stop));
    check_all_freed();
    rcu_unregister_thread();
    return unused;
}

/* Mostly short, sometimes long enough for a grace period that does not wait. */
static void stay_inside(unsigned long turn)
{
    if (turn % 64 == 0)
        sched_yield();
    else if (turn % 8 == 0)
        for (int i = 0; i < 500; i++)
            atomic_signal_fence(memory_order_seq_cst);
}

static void *read_both(void *unused)
{
    unsigned long turn = 0;

    rcu_register_thread();
    do {
        struct item *item;
        struct node *node;
        int age;

        rcu_read_lock();
        item = rcu_dereference(current_item);
        rcu_read_lock();
        node = rcu_dereference(current_node);
        stay_inside(++turn);
        if (!atomic_load(&node->used))
            atomic_fetch_add(&violations, 1);
        rcu_read_unlock();
        age = atomic_load(&item->age);
        atomic_fetch_add(&found_at_age[age], 1);
        if (age > 1)
            atomic_fetch_add(&violations, 1);
        rcu_read_unlock();

        if (turn % 4 == 0)
            rcu_quiescent_state();
        if (turn % 1000 == 0) {
            rcu_thread_offline();
            usleep(100);
            rcu_thread_online();
        }
    } while (!atomic_load(&stop));
    rcu_unregister_thread();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[READERS + 2];
    int milliseconds = argc > 1 ? atoi(argv[1]) : 200;

    for (int i = 0; i < READERS + 2; i++)
        if (pthread_create(&threads[i], NULL,
                           i == 0   ? update_by_waiting
                           : i == 1 ? update_by_callback
                                    : read_both,
                           NULL) != 0)
            return 1;
    usleep((useconds_t)milliseconds * 1000);
    atomic_store(&stop, true);
    for (int i = 0; i < READERS + 2; i++)
        pthread_join(threads[i], NULL);

    printf("%lu grace periods, %lu callbacks, found at age 0, 1, ...:", item_updates, node_updates);
    for (int i = 0; i < AGES; i++)
        printf(" %lu", atomic_load(&found_at_age[i]));
    printf("\n%lu violations\n", atomic_load(&violations));
    return atomic_load(&violations) == 0 ? 0 : 1;
}
