/* Callbacks: when a batch ends by the clock, and what rcu_settings.callback_bound does. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>

#define CALLBACKS 100
#define BOUND     10

/* ---- what the tests have in common ---- */

static struct actor reader;
static struct rcu_head heads[CALLBACKS];
static atomic_uint ran;

static void run(struct rcu_head *head)
{
    (void)head;
    atomic_fetch_add(&ran, 1);
}

static void queue(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        call_rcu(&heads[i], run);
}

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong owner;
static atomic_uint taken;

static void take(void *data)
{
    pthread_mutex_lock(data);
    atomic_store(&owner, (unsigned long)pthread_self());
    atomic_fetch_add(&taken, 1);
}

static void let_go(void *data)
{
    atomic_store(&owner, 0);
    pthread_mutex_unlock(data);
}

static bool is_held(void *data)
{
    (void)data;
    return atomic_load(&owner) == (unsigned long)pthread_self();
}

static const struct rcu_callback_lock lock = {take, let_go, is_held, &big};
static const struct rcu_callback_lock lock_of_unknown_owner = {take, let_go, NULL, &big};

/* Nothing but the bound forces, and naps are of an hour: callbacks stay until something happens. */
static struct rcu_settings bounded(int policy)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)policy, HOUR_NS);

    settings.callback_bound = BOUND;
    return settings;
}

/* ---- batches ---- */

static void run_until_the_clock_ticks(struct rcu_head *head)
{
    int64_t start_ns = now_ns();

    while (now_ns() <= start_ns) {
    }
    run(head);
}

/* So many that were queued before one grace period; how often the lock is taken for them. */
static unsigned times_taken(int64_t hold_ns, unsigned batch)
{
    struct rcu_settings settings = patient(RCU_GP_POLL, MS_NS);

    settings.callback_hold_ns = hold_ns;
    settings.callback_batch = batch;
    use(settings);
    hire_reader(&reader);
    make(&reader, enter);
    call_rcu(&heads[0], run); /* has a grace period of its own */
    UNTIL(leader_waits_for(1));
    for (unsigned i = 1; i <= 20; i++)
        call_rcu(&heads[i], run_until_the_clock_ticks);
    make(&reader, leave);
    UNTIL(atomic_load(&ran) == 21);
    dismiss_reader(&reader);
    return atomic_load(&taken) - 1;
}

START_TEST(a_batch_ends_when_its_time_is_over)
{
    rcu_set_callback_lock(&lock);
    ck_assert_uint_eq(times_taken(1, UINT_MAX), 20);
}
END_TEST

START_TEST(a_batch_goes_on_while_there_is_time)
{
    rcu_set_callback_lock(&lock);
    ck_assert_uint_eq(times_taken(HOUR_NS, UINT_MAX), 1);
}
END_TEST

START_TEST(a_batch_ends_by_count_while_there_is_time)
{
    rcu_set_callback_lock(&lock);
    ck_assert_uint_eq(times_taken(HOUR_NS, 5), 4);
}
END_TEST

/* ---- forcing ---- */

static atomic_bool entered, told_to_leave;

static void tell_to_leave(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_store(&told_to_leave, true);
}

static void stay_until_told(void)
{
    struct rcu_force_notifier notifier = {.notify = tell_to_leave};

    rcu_add_force_notifier(&notifier);
    rcu_read_lock();
    atomic_store(&entered, true);
    UNTIL(atomic_load(&told_to_leave));
    rcu_read_unlock();
    rcu_remove_force_notifier(&notifier);
}

START_TEST(callbacks_beyond_the_bound_force_under_every_policy)
{
    struct rcu_stats before = stats();

    use(bounded(_i));
    hire_reader(&reader);
    begin(&reader, stay_until_told);
    UNTIL(atomic_load(&entered));
    queue(0, 1);
    if (_i != RCU_GP_EVENT) /* there they pile up first */
        UNTIL(leader_waits_for(1));
    queue(1, BOUND);
    FOR_A_WHILE(100)
    {
        sched_yield();
        ck_assert_uint_eq(stats().gps_forced, before.gps_forced);
        ck_assert(!atomic_load(&told_to_leave));
    }
    queue(BOUND, BOUND + 1);
    UNTIL(atomic_load(&ran) > 0);
    finish(&reader);
    ck_assert_uint_ge(stats().gps_forced, before.gps_forced + 1);
    ck_assert_uint_ge(stats().gps_forced_by_call, before.gps_forced_by_call + 1);
    ck_assert_uint_eq(stats().gps_forced_by_time, before.gps_forced_by_time);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), BOUND + 1);
    dismiss_reader(&reader);
}
END_TEST

START_TEST(no_bound_forces_and_delays_nothing)
{
    struct rcu_settings settings = bounded(RCU_GP_POLL);
    struct rcu_stats before = stats();

    settings.callback_bound = 0;
    use(settings);
    hire_reader(&reader);
    make(&reader, enter);
    queue(0, CALLBACKS);
    UNTIL(leader_waits_for(1));
    ck_assert_uint_eq(stats().gps_forced, before.gps_forced);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    make(&reader, leave);
    rcu_barrier();
    dismiss_reader(&reader);
}
END_TEST

/* ---- delays ---- */

/* A reader that stays keeps all callbacks queued; so many are pending, and none was delayed for
 * it. */
static void begin_with(unsigned pending)
{
    struct rcu_settings settings = bounded(RCU_GP_POLL);

    settings.callback_bound = 0;
    use(settings);
    hire_reader(&reader);
    make(&reader, enter);
    queue(0, pending);
    use(bounded(RCU_GP_POLL));
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
}

static void end_test(unsigned queued)
{
    make(&reader, leave);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), queued);
    dismiss_reader(&reader);
}

START_TEST(callers_are_delayed_from_twice_the_bound_on)
{
    begin_with(0);
    queue(0, 2 * BOUND - 1);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    for (unsigned i = 2 * BOUND - 1; i < 4 * BOUND; i++) {
        queue(i, i + 1);
        ck_assert_uint_eq(stats().callbacks_delayed, i - (2 * BOUND - 1) + 1);
    }
    end_test(4 * BOUND);
}
END_TEST

START_TEST(a_caller_inside_a_section_is_not_delayed)
{
    begin_with(3 * BOUND);
    rcu_register_thread();
    rcu_read_lock();
    queue(3 * BOUND, 4 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    rcu_read_unlock();
    queue(4 * BOUND, 5 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, BOUND);
    end_test(5 * BOUND);
    rcu_unregister_thread();
}
END_TEST

START_TEST(an_online_caller_is_not_delayed)
{
    begin_with(3 * BOUND);
    rcu_register_thread();
    rcu_thread_online();
    queue(3 * BOUND, 4 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    rcu_thread_offline();
    queue(4 * BOUND, 5 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, BOUND);
    end_test(5 * BOUND);
    rcu_unregister_thread();
}
END_TEST

START_TEST(a_caller_that_holds_the_callback_lock_is_not_delayed)
{
    rcu_set_callback_lock(&lock);
    begin_with(3 * BOUND);
    take(&big);
    queue(3 * BOUND, 4 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    let_go(&big);
    queue(4 * BOUND, 5 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, BOUND);
    end_test(5 * BOUND);
}
END_TEST

START_TEST(a_caller_that_may_hold_the_callback_lock_is_not_delayed)
{
    rcu_set_callback_lock(&lock_of_unknown_owner);
    begin_with(3 * BOUND);
    queue(3 * BOUND, 5 * BOUND);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    end_test(5 * BOUND);
}
END_TEST

/* They count as pending until their batch has returned. */
static void queue_many(struct rcu_head *head)
{
    queue(50, CALLBACKS);
    run(head);
}

START_TEST(a_callback_is_not_delayed)
{
    begin_with(0);
    call_rcu(&heads[0], queue_many);
    make(&reader, leave);
    force_rcu();
    UNTIL(atomic_load(&ran) > 0);
    ck_assert_uint_eq(stats().callbacks_delayed, 0);
    ck_assert_uint_ge(stats().callbacks_peak, 50);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 1 + CALLBACKS - 50);
    dismiss_reader(&reader);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("callback bound");
    TCase *batches = add_case(suite, "batches"), *bound = add_case(suite, "bound"),
          *delays = add_case(suite, "delays");

    tcase_add_test(batches, a_batch_ends_when_its_time_is_over);
    tcase_add_test(batches, a_batch_goes_on_while_there_is_time);
    tcase_add_test(batches, a_batch_ends_by_count_while_there_is_time);

    tcase_add_loop_test(bound, callbacks_beyond_the_bound_force_under_every_policy, 0, POLICIES);
    tcase_add_test(bound, no_bound_forces_and_delays_nothing);

    tcase_add_test(delays, callers_are_delayed_from_twice_the_bound_on);
    tcase_add_test(delays, a_caller_inside_a_section_is_not_delayed);
    tcase_add_test(delays, an_online_caller_is_not_delayed);
    tcase_add_test(delays, a_caller_that_holds_the_callback_lock_is_not_delayed);
    tcase_add_test(delays, a_caller_that_may_hold_the_callback_lock_is_not_delayed);
    tcase_add_test(delays, a_callback_is_not_delayed);
    return run_suite(suite);
}
