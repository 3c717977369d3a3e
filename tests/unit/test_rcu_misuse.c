/* Misuse of sections, grace periods and callbacks, which must end the program with a message and
 * not hang. */
#include <stillpoint/rcu.h>

#include "library.h"

#include <check.h>
#include <pthread.h>
#include <unistd.h>

static void synchronize_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    synchronize_rcu();
}

static void expedite_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    synchronize_rcu_expedited();
}

static void barrier_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_barrier();
}

static void drain_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    drain_call_rcu();
}

static void call_barrier(struct rcu_head *head)
{
    (void)head;
    rcu_barrier();
}

static void run_until_dead(void (*callback)(struct rcu_head *))
{
    static struct rcu_head head;

    call_rcu(&head, callback);
    for (;;)
        pause();
}

static void barrier_in_callback(void)
{
    run_until_dead(call_barrier);
}

static void call_drain(struct rcu_head *head)
{
    (void)head;
    drain_call_rcu();
}

static void drain_in_callback(void)
{
    run_until_dead(call_drain);
}

static void call_synchronize_inside(struct rcu_head *head)
{
    (void)head;
    rcu_read_lock();
    synchronize_rcu();
}

static void synchronize_in_section_of_callback(void)
{
    run_until_dead(call_synchronize_inside);
}

static void unregister_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_unregister_thread();
}

static void register_twice(void)
{
    rcu_register_thread();
    rcu_register_thread();
}

static void unregister_without(void)
{
    rcu_unregister_thread();
}

static void unregister_twice(void)
{
    rcu_register_thread();
    rcu_unregister_thread();
    rcu_unregister_thread();
}

static void notify_unregistered(void)
{
    static struct rcu_force_notifier notifier;

    rcu_add_force_notifier(&notifier);
}

static void unlock_without(void)
{
    rcu_register_thread();
    rcu_read_unlock();
}

static void unlock_twice(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    rcu_read_unlock();
}

static void unlock_after_nesting(void)
{
    rcu_register_thread();
    for (int i = 0; i < 3; i++)
        rcu_read_lock();
    for (int i = 0; i < 4; i++)
        rcu_read_unlock();
}

static void unlock_unregistered(void)
{
    rcu_read_unlock();
}

static void enter_unregistered(void)
{
    rcu_read_lock();
}

static void enter_after_unregistering(void)
{
    rcu_register_thread();
    rcu_unregister_thread();
    rcu_read_lock();
}

static void *enter_in_a_thread(void *unused)
{
    rcu_read_lock();
    return unused;
}

static void enter_unregistered_in_a_thread(void)
{
    pthread_t thread;

    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    pthread_create(&thread, NULL, enter_in_a_thread, NULL);
    pthread_join(thread, NULL);
}

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {synchronize_inside, "synchronize_rcu() inside a read section would wait for itself"},
    {expedite_inside, "synchronize_rcu_expedited() inside a read section would wait for itself"},
    {barrier_inside, "rcu_barrier() or drain_call_rcu() inside a read section would wait"},
    {drain_inside, "rcu_barrier() or drain_call_rcu() inside a read section would wait"},
    {barrier_in_callback, "rcu_barrier() or drain_call_rcu() inside a callback would wait"},
    {drain_in_callback, "rcu_barrier() or drain_call_rcu() inside a callback would wait"},
    {synchronize_in_section_of_callback, "synchronize_rcu() inside a read section would wait"},
    {unregister_inside, "rcu_unregister_thread() inside a read section"},
    {register_twice, "rcu_register_thread() in a thread that is registered already"},
    {unregister_without, "rcu_unregister_thread() in a thread that is not registered"},
    {unregister_twice, "rcu_unregister_thread() in a thread that is not registered"},
    {notify_unregistered, "rcu_add_force_notifier() in a thread that is not registered"},
    {unlock_without, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {unlock_twice, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {unlock_after_nesting, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {unlock_unregistered, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {enter_unregistered, "rcu_read_lock() in a thread that is not registered"},
    {enter_after_unregistering, "rcu_read_lock() in a thread that is not registered"},
    {enter_unregistered_in_a_thread, "rcu_read_lock() in a thread that is not registered"},
};

START_TEST(misuse_aborts_with_a_message)
{
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rcu misuse");
    TCase *misuse = tcase_create("misuse");

    tcase_set_timeout(misuse, 120);
    tcase_add_loop_test(misuse, misuse_aborts_with_a_message, 0,
                        (int)(sizeof misuses / sizeof *misuses));
    suite_add_tcase(suite, misuse);
    return run_suite(suite);
}
