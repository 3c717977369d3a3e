/* Threads that end without unregistering, and signal handlers: what rcu.h promises about either. */
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"
#include "sync/platform.h"

#include <check.h>
#include <sched.h>

/* ---- threads that end ---- */

static struct actor reader, updater;

static void run_thread(void *(*main)(void *))
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, main, NULL), 0);
    pthread_join(thread, NULL);
}

static void *end_registered(void *unused)
{
    rcu_register_thread();
    return unused;
}

static void *end_after_reading(void *unused)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    pthread_exit(unused);
}

static void *end_unregistered(void *unused)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    rcu_unregister_thread();
    return unused;
}

static void *end_registered_again(void *unused)
{
    end_unregistered(NULL);
    rcu_register_thread();
    return unused;
}

START_TEST(a_thread_that_ends_registered_is_unregistered_and_counted)
{
    static void *(*const ends[])(void *) = {end_registered, end_after_reading,
                                            end_registered_again};
    unsigned long before = stats().exits_registered;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    for (unsigned long i = 0; i < 30; i++) {
        run_thread(ends[i % 3]);
        ck_assert_uint_eq(stats().exits_registered, before + i + 1);
        primitives[i % 2]();
    }
}
END_TEST

START_TEST(a_thread_that_unregistered_is_not_counted)
{
    unsigned long before = stats().exits_registered;

    for (int i = 0; i < 10; i++)
        run_thread(end_unregistered);
    ck_assert_uint_eq(stats().exits_registered, before);
}
END_TEST

/* A program's own destructor, which reads; in each but the last round of destructors. */
static pthread_key_t key;
static atomic_uint read_in_destructor;
static unsigned rounds_of_destructor;

static void read_and_ask_again(void *round)
{
    uintptr_t number = (uintptr_t)round;

    rcu_read_lock();
    if (rcu_read_locked())
        atomic_fetch_add(&read_in_destructor, 1);
    rcu_read_unlock();
    if (number < rounds_of_destructor)
        pthread_setspecific(key, (void *)(number + 1));
}

static void *end_with_a_destructor(void *unused)
{
    rcu_register_thread();
    pthread_setspecific(key, (void *)1);
    return unused;
}

START_TEST(other_destructors_may_read_after_the_librarys_has_run)
{
    unsigned long before = stats().exits_registered;

    rounds_of_destructor = (unsigned)_i;
    ck_assert_int_eq(pthread_key_create(&key, read_and_ask_again), 0);
    for (unsigned i = 1; i <= 10; i++) {
        run_thread(end_with_a_destructor);
        ck_assert_uint_eq(atomic_load(&read_in_destructor), i * rounds_of_destructor);
        ck_assert_uint_eq(stats().exits_registered, before + i);
        synchronize_rcu();
    }
}
END_TEST

static void unregister_at_last(void *unused)
{
    (void)unused;
    rcu_read_lock();
    rcu_read_unlock();
    rcu_unregister_thread();
}

START_TEST(a_destructor_may_unregister)
{
    unsigned long before = stats().exits_registered;

    ck_assert_int_eq(pthread_key_create(&key, unregister_at_last), 0);
    for (int i = 0; i < 10; i++) {
        run_thread(end_with_a_destructor);
        synchronize_rcu();
    }
    ck_assert_uint_eq(stats().exits_registered, before);
}
END_TEST

static void enter_three(void)
{
    rcu_read_lock();
    rcu_read_lock();
    rcu_read_lock();
}

static void enter_online(void)
{
    rcu_thread_online();
    rcu_read_lock();
}

static void (*enter_way)(void);

static void *end_inside(void *unused)
{
    rcu_register_thread();
    enter_way();
    return unused;
}

static void run_end_inside(void)
{
    run_thread(end_inside);
}

START_TEST(ending_inside_a_section_aborts)
{
    static void (*const ways[])(void) = {enter, enter_three, enter_online};

    enter_way = ways[_i];
    dies_saying(run_end_inside, "a thread ended inside a read section");
}
END_TEST

/* ---- unregistering where it must not be ---- */

static void unregister_in_callback(struct rcu_head *head)
{
    (void)head;
    rcu_unregister_thread();
}

static void unregister_the_callback_thread(void)
{
    static struct rcu_head head;

    call_rcu(&head, unregister_in_callback);
    for (;;)
        pause();
}

static void unregister_in_handler(int unused)
{
    (void)unused;
    rcu_unregister_thread();
}

/* In a thread that waits in the library. */
static void unregister_while(void (*wait)(void))
{
    signal(SIGUSR1, unregister_in_handler);
    use(patient(RCU_GP_EVENT, HOUR_NS));
    hire_reader(&reader);
    hire_reader(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, wait, 1);
    UNTIL(is_asleep(&updater));
    pthread_kill(updater.thread, SIGUSR1);
    for (;;)
        pause();
}

static void unregister_while_synchronizing(void)
{
    unregister_while(synchronize_rcu);
}

static void unregister_while_expediting(void)
{
    unregister_while(synchronize_rcu_expedited);
}

static void unregister_while_in_a_barrier(void)
{
    unregister_while(rcu_barrier);
}

static void wait_for_a_cookie(void)
{
    cond_synchronize_rcu(get_state_synchronize_rcu());
}

static void unregister_while_waiting_for_a_cookie(void)
{
    unregister_while(wait_for_a_cookie);
}

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {unregister_the_callback_thread, "rcu_unregister_thread() in a callback"},
    {unregister_while_synchronizing, "rcu_unregister_thread() while the thread waits"},
    {unregister_while_expediting, "rcu_unregister_thread() while the thread waits"},
    {unregister_while_in_a_barrier, "rcu_unregister_thread() while the thread waits"},
    {unregister_while_waiting_for_a_cookie, "rcu_unregister_thread() while the thread waits"},
};

START_TEST(unregistering_in_the_wrong_place_aborts)
{
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

/* ---- signal handlers ---- */

static atomic_uint handled;

static void read_in_handler(int unused)
{
    (void)unused;
    rcu_read_lock();
    life_look(64);
    rcu_read_lock();
    rcu_read_unlock();
    life_look(64);
    rcu_read_unlock();
    atomic_fetch_add(&handled, 1);
}

static void read_for_life(unsigned i)
{
    rcu_read_lock();
    life_look(i % 64);
    rcu_read_lock();
    life_look(i % 64);
    rcu_read_unlock();
    life_look(i % 64);
    rcu_read_unlock();
}

/* Is parked again and again, and reads. */
static void read_dozing(void)
{
    for (unsigned i = 0; life_goes_on(); i++) {
        unsigned long gps = stats().gps;

        read_for_life(i);
        while (stats().gps < gps + i % 7 && life_goes_on())
            sched_yield();
    }
}

/* Is parked each time, by itself. */
static void read_and_wait(void)
{
    for (unsigned i = 0; life_goes_on(); i++) {
        read_for_life(i);
        synchronize_rcu();
    }
}

static void read_online(void)
{
    rcu_thread_online();
    for (unsigned i = 0; life_goes_on(); i++) {
        read_for_life(i);
        rcu_quiescent_state();
    }
    rcu_thread_offline();
}

static void read_always(void)
{
    for (unsigned i = 0; life_goes_on(); i++)
        read_for_life(i);
}

static void (*const ways_to_read[])(void) = {read_dozing, read_and_wait, read_online, read_always};
#define WAYS_TO_READ 4

static void replace_for_life(void)
{
    for (unsigned i = 1; life_goes_on(); i++)
        life_replace(i, primitives[i % 16 == 0]);
}

START_TEST(sections_in_signal_handlers_are_sections)
{
    int64_t end_ns = search_end_ns(250);

    signal(SIGUSR1, read_in_handler);
    use(patient((enum rcu_gp_policy)(_i / WAYS_TO_READ), MS_NS / 20));
    life_begin();
    hire_reader(&reader);
    hire(&updater);
    begin(&reader, ways_to_read[_i % WAYS_TO_READ]);
    begin(&updater, replace_for_life);
    for (unsigned i = 1; i < 20 || now_ns() < end_ns; i++) {
        unsigned so_far = atomic_load(&handled);

        pthread_kill(reader.thread, SIGUSR1);
        UNTIL(atomic_load(&handled) > so_far);
        for (unsigned k = i * 37 % 2048; k > 0; k--)
            atomic_signal_fence(memory_order_seq_cst);
    }
    atomic_store(&life.stop, true);
    finish(&reader);
    finish(&updater);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* A signal comes when rcu_read_lock() of a parked reader has stored the counter, and has
 * not yet looked whether to announce itself; the handler reads. */
static void enter_interrupted(void)
{
    atomic_store(&rcu_reader.counter, atomic_load(&rcu_gp_number));
    rcu_read_lock();
}

START_TEST(a_handler_that_interrupts_an_entry_announces_the_reader)
{
    use(patient(the_policy, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter_interrupted);
    begin_and_wait(&updater, the_wait, 1);
    make(&reader, leave);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    make(&reader, leave);
    finish(&updater);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

static atomic_bool entered_in_handler;

static void stay_in_handler(int unused)
{
    (void)unused;
    rcu_read_lock();
    atomic_store(&entered_in_handler, true);
    UNTIL(!life_goes_on());
    rcu_read_unlock();
}

/* While it waits in the library itself, it has said that it does not read; the handler does. */
START_TEST(a_section_in_a_handler_of_a_thread_that_waits_is_waited_for)
{
    struct actor waiter;

    signal(SIGUSR1, stay_in_handler);
    use(patient(the_policy, MS_NS));
    hire_reader(&reader);
    hire_reader(&waiter);
    hire(&updater);
    make(&reader, enter);
    /* It follows the updater, so that nobody waits for what only itself would lead. */
    begin_and_wait(&updater, the_wait, 1);
    begin(&waiter, synchronize_rcu);
    UNTIL(is_asleep(&waiter));
    pthread_kill(waiter.thread, SIGUSR1);
    UNTIL(atomic_load(&entered_in_handler));
    make(&reader, leave);
    finish(&updater);
    begin_and_wait(&updater, the_wait, 1);
    ck_assert(is_busy(&waiter));
    atomic_store(&life.stop, true);
    finish(&updater);
    finish(&waiter);
    dismiss_reader(&reader);
    dismiss_reader(&waiter);
    dismiss(&updater);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("thread end");
    TCase *ends = add_case(suite, "ends"), *signals = add_case(suite, "signals");

    tcase_add_loop_test(ends, a_thread_that_ends_registered_is_unregistered_and_counted, 0,
                        POLICIES);
    tcase_add_test(ends, a_thread_that_unregistered_is_not_counted);
    tcase_add_loop_test(ends, other_destructors_may_read_after_the_librarys_has_run, 1,
                        PLATFORM_EXIT_CALLS);
    tcase_add_test(ends, a_destructor_may_unregister);
    tcase_add_loop_test(ends, ending_inside_a_section_aborts, 0, 3);
    tcase_add_loop_test(ends, unregistering_in_the_wrong_place_aborts, 0,
                        (int)(sizeof misuses / sizeof *misuses));

    tcase_add_loop_test(signals, sections_in_signal_handlers_are_sections, 0,
                        WAYS_TO_READ * POLICIES);
    tcase_add_loop_test(signals, a_handler_that_interrupts_an_entry_announces_the_reader, 0, WAYS);
    tcase_add_loop_test(signals, a_section_in_a_handler_of_a_thread_that_waits_is_waited_for, 0,
                        WAYS);
    return run_suite(suite);
}
