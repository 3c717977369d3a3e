/* An event loop of libevent's, with RCU beside it. */
#include <stillpoint/rcu.h>
#include <stillpoint/vcpu.h>

#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>

static int turns;

static void turn(evutil_socket_t socket, short what, void *unused)
{
    struct rcu_head *head = malloc(sizeof *head);

    (void)socket, (void)what, (void)unused;
    rcu_read_lock();
    turns++;
    rcu_read_unlock();
    call_rcu(head, (void (*)(struct rcu_head *))free);
}

int main(void)
{
    struct timeval soon = {.tv_usec = 1000};
    struct event_base *base = event_init();
    struct event timer;

    rcu_register_thread();
    event_set(&timer, -1, EV_PERSIST, turn, NULL);
    event_add(&timer, &soon);
    while (turns < 10)
        event_base_loop(base, EVLOOP_ONCE);
    event_del(&timer);
    event_base_free(base);
    synchronize_rcu();
    rcu_unregister_thread();
    rcu_shutdown();
    printf("%d turns\n", turns);
    return 0;
}
