/* rcu_shutdown(): what runs before it returns, and what the library is after it. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/rcu.h>

#include "actor.h"
#include "child.h"

#include <dirent.h>

enum { MANY = 1000 };

static struct rcu_head heads[MANY];
static unsigned ran;

static void count(struct rcu_head *head)
{
    (void)head;
    ran++;
}

/* Threads of the library's own. One that was waited for may be listed for a moment yet. */
static unsigned own_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned threads = 0;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[300], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        threads += fgets(name, sizeof name, file) && strncmp(name, "rcu-", 4) == 0;
        fclose(file);
    }
    closedir(directory);
    return threads;
}

START_TEST(without_a_thread_it_has_nothing_to_do)
{
    rcu_shutdown();
    rcu_shutdown();
    ck_assert_uint_eq(own_threads(), 0);
}
END_TEST

START_TEST(all_callbacks_have_run_and_the_threads_are_gone)
{
    unsigned long cookie;

    for (int i = 0; i < MANY; i++)
        call_rcu(&heads[i], count);
    cookie = start_poll_synchronize_rcu();
    UNTIL(own_threads() == 2); /* each names itself */
    rcu_shutdown();
    ck_assert_uint_eq(ran, MANY);
    ck_assert(poll_state_synchronize_rcu(cookie));
    UNTIL(own_threads() == 0);
}
END_TEST

static unsigned generations;

static void queue_another(struct rcu_head *head)
{
    ran++;
    if (++generations < 100)
        call_rcu(head, queue_another);
}

START_TEST(callbacks_that_callbacks_queue_have_run_as_well)
{
    call_rcu(&heads[0], queue_another);
    rcu_shutdown();
    ck_assert_uint_eq(ran, 100);
}
END_TEST

START_TEST(threads_start_anew_after_it)
{
    struct rcu_stats stats;

    for (unsigned round = 1; round <= 200; round++) {
        call_rcu(&heads[0], count);
        if (round % 2)
            rcu_barrier();
        cond_synchronize_rcu(start_poll_synchronize_rcu());
        rcu_shutdown();
        ck_assert_uint_eq(ran, round);
    }
    rcu_get_stats(&stats);
    ck_assert_uint_eq(stats.callback_threads, 200);
}
END_TEST

/* It would be waited for by the grace period that it waits for. */
START_TEST(an_online_thread_may_call_it)
{
    rcu_register_thread();
    rcu_thread_online();
    call_rcu(&heads[0], count);
    rcu_shutdown();
    ck_assert_uint_eq(ran, 1);
    start_poll_synchronize_rcu();
    rcu_shutdown();
    ck_assert(rcu_self()->online);
    rcu_thread_offline();
    rcu_unregister_thread();
}
END_TEST

static struct actor reader;

START_TEST(it_waits_for_readers)
{
    static struct actor closer;

    hire_reader(&reader);
    hire(&closer);
    make(&reader, enter);
    call_rcu(&heads[0], count);
    begin(&closer, rcu_shutdown);
    FOR_A_WHILE(1000)
    {
        ck_assert_uint_eq(ran, 0);
        sched_yield();
    }
    make(&reader, leave);
    finish(&closer);
    ck_assert_uint_eq(ran, 1);
    dismiss(&closer);
    /* Those that registered before go on reading. */
    make(&reader, enter);
    make(&reader, leave);
    dismiss_reader(&reader);
}
END_TEST

static void end_what_is_inherited(void)
{
    rcu_read_unlock();
    rcu_shutdown();
    ck_assert_uint_eq(ran, 1);
}

START_TEST(a_child_ends_what_it_inherited)
{
    rcu_register_thread();
    rcu_read_lock(); /* keeps it pending */
    call_rcu(&heads[0], count);
    succeeds(child_of(end_what_is_inherited));
    rcu_read_unlock();
    rcu_shutdown();
    ck_assert_uint_eq(ran, 1);
    rcu_unregister_thread();
}
END_TEST

static void inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_shutdown();
}

static void call_shutdown(struct rcu_head *head)
{
    (void)head;
    rcu_shutdown();
}

static void in_callback(void)
{
    call_rcu(&heads[0], call_shutdown);
    for (;;)
        pause();
}

static void of_another_layout(void)
{
    rcu_register_compiled("9.9.9", STILLPOINT_LAYOUT + 1);
}

START_TEST(misuse_aborts_with_a_message)
{
    dies_saying(inside, "rcu_shutdown() inside a read section would wait for itself");
    dies_saying(in_callback, "rcu_shutdown() inside a callback would wait for itself");
    dies_saying(of_another_layout, "compiled with the headers of version 9.9.9");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shutdown");
    TCase *end = add_case(suite, "end");

    tcase_add_test(end, without_a_thread_it_has_nothing_to_do);
    tcase_add_test(end, all_callbacks_have_run_and_the_threads_are_gone);
    tcase_add_test(end, callbacks_that_callbacks_queue_have_run_as_well);
    tcase_add_test(end, threads_start_anew_after_it);
    tcase_add_test(end, an_online_thread_may_call_it);
    tcase_add_test(end, it_waits_for_readers);
    tcase_add_test(end, a_child_ends_what_it_inherited);
    tcase_add_test(end, misuse_aborts_with_a_message);
    return run_suite(suite);
}
