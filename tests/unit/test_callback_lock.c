/* Callbacks: barriers, the lock that callbacks run under, and statistics. */
#include <stillpoint/rcu.h>

#include "items.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>

/* ---- barriers ---- */

START_TEST(a_barrier_without_callbacks_returns)
{
    use_policy(_i);
    for (int i = 0; i < 10; i++) {
        rcu_barrier();
        drain_call_rcu();
    }
}
END_TEST

static atomic_uint returned, ran_at_return;

static void *barrier_main(void *barrier)
{
    void (*const *call)(void) = barrier;

    (*call)();
    atomic_store(&ran_at_return, atomic_load(&ran_count));
    atomic_fetch_add(&returned, 1);
    return NULL;
}

START_TEST(a_barrier_waits_for_all_that_was_queued_before)
{
    static void (*const barriers[])(void) = {rcu_barrier, drain_call_rcu};
    struct reader reader;
    pthread_t thread;

    use_policy(_i / 2);
    reader_enters(&reader);
    queue(0, 100);
    ck_assert_int_eq(pthread_create(&thread, NULL, barrier_main, (void *)&barriers[_i % 2]), 0);
    UNTIL(leader_waits() || atomic_load(&returned));
    ck_assert_uint_eq(atomic_load(&returned), 0);
    reader_leaves(&reader);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&ran_at_return), 100);
}
END_TEST

START_TEST(barriers_wait_side_by_side)
{
    static void (*const barriers[])(void) = {rcu_barrier};
    pthread_t threads[PRODUCERS];
    struct reader reader;

    use_policy(_i);
    reader_enters(&reader);
    queue(0, 10);
    for (int i = 0; i < PRODUCERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, barrier_main, (void *)barriers), 0);
    UNTIL(leader_waits());
    ck_assert_uint_eq(atomic_load(&returned), 0);
    reader_leaves(&reader);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&ran_at_return), 10);
}
END_TEST

/* A barrier's thread is registered and waits in the library: it holds nothing up. */
START_TEST(a_registered_thread_may_call_a_barrier)
{
    use_policy(_i);
    rcu_register_thread();
    for (unsigned i = 0; i < 20; i++) {
        rcu_read_lock();
        queue(i, i + 1);
        rcu_read_unlock();
        rcu_barrier();
        ck_assert(has_run(i));
    }
    rcu_unregister_thread();
}
END_TEST

/* ---- the callback lock ---- */

static struct {
    pthread_mutex_t mutex;
    atomic_int owner;
    atomic_uint taken, wrong;
} big = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void big_take(void *data)
{
    if (data != &big)
        atomic_fetch_add(&big.wrong, 1);
    pthread_mutex_lock(&big.mutex);
    atomic_store(&big.owner, gettid());
    atomic_fetch_add(&big.taken, 1);
}

static bool big_is_held(void *data)
{
    if (data != &big)
        atomic_fetch_add(&big.wrong, 1);
    return atomic_load(&big.owner) == gettid();
}

static void big_release(void *data)
{
    if (!big_is_held(data))
        atomic_fetch_add(&big.wrong, 1);
    atomic_store(&big.owner, 0);
    pthread_mutex_unlock(&big.mutex);
}

static const struct rcu_callback_lock big_lock = {big_take, big_release, big_is_held, &big};

static void check_lock(struct rcu_head *head)
{
    if (!big_is_held(&big))
        atomic_fetch_add(&big.wrong, 1);
    run_item(head);
}

START_TEST(callbacks_run_under_the_lock)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);

    settings.callback_batch = 10;
    use(settings);
    rcu_set_callback_lock(&big_lock);
    for (unsigned i = 0; i < 100; i++)
        call_rcu(&items[i].head, check_lock);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
    /* In batches that let go of it between them: 100 and the barrier's, by ten at most. */
    ck_assert_uint_ge(atomic_load(&big.taken), 11);
}
END_TEST

START_TEST(the_lock_is_free_while_a_grace_period_is_waited_for)
{
    struct reader reader;

    use_policy(_i);
    rcu_set_callback_lock(&big_lock);
    reader_enters(&reader);
    call_rcu(&items[0].head, check_lock);
    UNTIL(leader_waits());
    big_take(&big);
    /* Its grace period can end, it cannot run. */
    reader_leaves(&reader);
    for (int i = 0; i < 10; i++) {
        synchronize_rcu();
        ck_assert(!has_run(0));
    }
    big_release(&big);
    UNTIL(has_run(0));
    rcu_barrier(); /* it has let go of the lock, too */
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

START_TEST(a_barrier_lets_go_of_the_lock_and_takes_it_again)
{
    static void (*const barriers[])(void) = {rcu_barrier, drain_call_rcu};

    use_policy(RCU_GP_ADAPTIVE);
    rcu_set_callback_lock(&big_lock);
    big_take(&big);
    for (unsigned i = 0; i < 20; i++) {
        call_rcu(&items[i].head, check_lock);
        ck_assert(!has_run(i));
        barriers[_i]();
        ck_assert(has_run(i));
        ck_assert(big_is_held(&big));
    }
    big_release(&big);
    /* And leaves it alone when it was not held. */
    call_rcu(&items[20].head, check_lock);
    barriers[_i]();
    ck_assert(has_run(20));
    ck_assert(!big_is_held(&big));
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

/* After a barrier no callback is queued or running, so the lock may be changed; the callback thread
 * must still let go of the one it took. */
START_TEST(the_lock_may_be_changed_after_a_barrier)
{
    use_policy(RCU_GP_ADAPTIVE);
    for (unsigned i = 0; i < 200; i++) {
        rcu_set_callback_lock(&big_lock);
        call_rcu(&items[i].head, check_lock);
        rcu_barrier();
        rcu_set_callback_lock(NULL);
        call_rcu(&items[CALLBACKS + i].head, run_item);
        rcu_barrier();
        big_take(&big);
        big_release(&big);
    }
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
    ck_assert_uint_eq(atomic_load(&ran_count), 400);
}
END_TEST

START_TEST(callbacks_may_be_queued_under_the_lock)
{
    use_policy(RCU_GP_ADAPTIVE);
    rcu_set_callback_lock(&big_lock);
    for (unsigned i = 0; i < 100; i++) {
        big_take(&big);
        call_rcu(&items[i].head, check_lock);
        big_release(&big);
    }
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

/* ---- statistics ---- */

START_TEST(statistics_count_callbacks)
{
    struct rcu_stats before = stats();
    struct reader reader;

    use_policy(_i);
    ck_assert_uint_eq(before.callbacks_queued, before.callbacks_invoked);
    reader_enters(&reader);
    queue(0, 50);
    ck_assert_uint_eq(stats().callbacks_queued, before.callbacks_queued + 50);
    ck_assert_uint_eq(stats().callbacks_invoked, before.callbacks_invoked);
    ck_assert_uint_ge(stats().callbacks_peak, 50);
    if (before.callbacks_peak < 50)
        ck_assert_uint_eq(stats().callbacks_peak, 50);
    reader_leaves(&reader);
    /* Counted by batches, after they have run. */
    UNTIL(stats().callbacks_invoked == before.callbacks_invoked + 50);
    UNTIL(stats().callbacks_queued == before.callbacks_queued + 50);
    queue(50, 60);
    UNTIL(stats().callbacks_invoked == before.callbacks_invoked + 60);
    if (before.callbacks_peak < 50)
        ck_assert_uint_eq(stats().callbacks_peak, 50);
}
END_TEST

/* Four callbacks, and a barrier's. */
#define MOST_PENDING 5

static atomic_bool watched_enough;
static atomic_uint out_of_order;

static void *watcher_main(void *unused)
{
    struct rcu_stats before = stats();

    (void)unused;
    while (!atomic_load(&watched_enough)) {
        struct rcu_stats s = stats();

        if (s.callbacks_invoked < before.callbacks_invoked ||
            s.callbacks_peak < before.callbacks_peak || s.callbacks_peak > MOST_PENDING ||
            s.callbacks_queued - s.callbacks_invoked > MOST_PENDING)
            atomic_fetch_add(&out_of_order, 1);
        before = s;
    }
    return NULL;
}

/* Also of what watches and is interrupted while it counts: there are more threads than CPUs. */
START_TEST(statistics_are_of_one_moment_and_never_go_back)
{
    int64_t end = search_end_ns(500);
    pthread_t watchers[4];

    use_policy(RCU_GP_ADAPTIVE);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&watchers[i], NULL, watcher_main, NULL), 0);
    while (now_ns() < end) {
        queue(0, 4);
        rcu_barrier();
    }
    atomic_store(&watched_enough, true);
    for (int i = 0; i < 4; i++)
        pthread_join(watchers[i], NULL);
    ck_assert_uint_eq(atomic_load(&out_of_order), 0);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("callback lock");
    TCase *barriers = add_case(suite, "barriers"), *lock = add_case(suite, "lock"),
          *statistics = add_case(suite, "statistics");

    tcase_add_loop_test(barriers, a_barrier_without_callbacks_returns, 0, POLICIES);
    tcase_add_loop_test(barriers, a_barrier_waits_for_all_that_was_queued_before, 0, 2 * POLICIES);
    tcase_add_loop_test(barriers, barriers_wait_side_by_side, 0, POLICIES);
    tcase_add_loop_test(barriers, a_registered_thread_may_call_a_barrier, 0, POLICIES);

    tcase_add_test(lock, callbacks_run_under_the_lock);
    tcase_add_loop_test(lock, the_lock_is_free_while_a_grace_period_is_waited_for, 0, POLICIES);
    tcase_add_loop_test(lock, a_barrier_lets_go_of_the_lock_and_takes_it_again, 0, 2);
    tcase_add_test(lock, the_lock_may_be_changed_after_a_barrier);
    tcase_add_test(lock, callbacks_may_be_queued_under_the_lock);

    tcase_add_loop_test(statistics, statistics_count_callbacks, 0, POLICIES);
    tcase_add_test(statistics, statistics_are_of_one_moment_and_never_go_back);
    return run_suite(suite);
}
