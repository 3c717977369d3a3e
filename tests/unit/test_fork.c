/* Fork: what stillpoint/rcu_fork.h promises about the child's locks, readers and grace periods.
 * Callbacks have a file of their own, test_fork_callback.c. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/rcu.h>

#include "child.h"

#include <check.h>
#include <errno.h>

/* ---- what the tests have in common ---- */

static struct actor reader, updater;

/* Every part of the library once, with threads of the child's own. */
static void use_everything(void)
{
    struct actor own;

    use(patient(RCU_GP_ADAPTIVE, MS_NS));
    hire_reader(&own);
    for (int i = 0; i < 2; i++) {
        make(&own, enter);
        make(&own, leave);
        synchronize_rcu();
        synchronize_rcu_expedited();
    }
    own_callbacks_run();
    for (int i = 0; i < 2; i++) {
        unsigned long cookie =
            i == 0 ? start_poll_synchronize_rcu() : start_poll_synchronize_rcu_expedited();

        UNTIL(poll_state_synchronize_rcu(cookie));
        cond_synchronize_rcu(get_state_synchronize_rcu());
    }
    make(&own, rcu_thread_online);
    make(&own, quiesce);
    make(&own, rcu_thread_offline);
    dismiss_reader(&own);
}

/* Its readers are waited for, and nobody else. */
static void expect_protection(void)
{
    struct actor own, waiter;
    int id = 0;

    hire_reader(&own);
    hire(&waiter);
    for (int i = 0; i < WAYS; i++) {
        unsigned long gps = stats().gps;

        use(patient((enum rcu_gp_policy)(i / 2), MS_NS));
        make(&own, enter);
        begin_and_wait(&waiter, primitives[i % 2], 1);
        ck_assert_uint_eq(rcu_holdouts(&id, 1), 1);
        ck_assert_int_eq(id, own.thread_id);
        make(&own, leave);
        finish(&waiter);
        ck_assert_uint_eq(stats().gps, gps + 1);
    }
    dismiss_reader(&own);
    dismiss(&waiter);
}

static void expect_all(void)
{
    expect_protection();
    use_everything();
}

/* ---- from outside ---- */

START_TEST(a_child_of_a_program_that_has_not_used_it_works)
{
    succeeds(child_of(expect_all));
}
END_TEST

START_TEST(a_child_of_a_program_that_uses_all_works)
{
    rcu_register_thread();
    use_everything();
    succeeds(child_of(expect_all));
    use_everything();
    rcu_unregister_thread();
    succeeds(child_of(expect_all));
}
END_TEST

static void expect_registered(void)
{
    hire(&updater);
    for (int i = 0; i < 3; i++) {
        rcu_read_lock();
        begin_and_wait(&updater, synchronize_rcu, 1);
        rcu_read_unlock();
        finish(&updater);
    }
    dismiss(&updater);
    rcu_unregister_thread();
    rcu_register_thread();
    expect_all();
    rcu_unregister_thread();
}

START_TEST(a_registered_thread_is_registered_in_the_child)
{
    rcu_register_thread();
    succeeds(child_of(expect_registered));
    rcu_read_lock();
    rcu_read_unlock();
    succeeds(child_of(expect_registered));
    for (int i = 0; i < 5; i++) /* until it is asleep */
        synchronize_rcu();
    succeeds(child_of(expect_registered));
    rcu_unregister_thread();
}
END_TEST

static void register_and_use_all(void)
{
    rcu_register_thread();
    expect_all();
    rcu_unregister_thread();
}

static void fork_from_an_actor(void)
{
    succeeds(child_of(expect_registered));
}

START_TEST(any_thread_may_fork)
{
    succeeds(child_of(register_and_use_all));
    hire_reader(&reader);
    make(&reader, fork_from_an_actor);
    dismiss_reader(&reader);
}
END_TEST

static unsigned generation;

static void fork_again(void)
{
    expect_protection();
    if (++generation < 3)
        succeeds(child_of(fork_again));
    use_everything();
}

START_TEST(a_child_may_fork)
{
    use_everything();
    succeeds(child_of(fork_again));
}
END_TEST

static void expect_settings(void)
{
    struct rcu_settings settings;

    rcu_get_settings(&settings);
    ck_assert_int_eq(settings.gp_policy, RCU_GP_FQS);
    ck_assert_int_eq(settings.poll_interval_ns, 77);
}

START_TEST(a_child_has_its_parents_settings)
{
    use(patient(RCU_GP_FQS, 77));
    succeeds(child_of(expect_settings));
}
END_TEST

/* ---- from inside ---- */

static void expect_to_be_inside(void)
{
    int id = 0;

    ck_assert(rcu_read_locked());
    hire(&updater);
    begin_and_wait(&updater, synchronize_rcu, 1);
    ck_assert_uint_eq(rcu_holdouts(&id, 1), 1);
    ck_assert_int_eq(id, gettid());
    rcu_read_unlock();
    ck_assert(rcu_read_locked());
    force_rcu();
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    ck_assert(is_busy(&updater));
    rcu_read_unlock();
    ck_assert(!rcu_read_locked());
    finish(&updater);
    dismiss(&updater);
    expect_registered();
}

START_TEST(a_child_is_inside_the_sections_it_was_forked_in)
{
    struct actor other;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&other);
    make(&other, enter); /* in the parent only */
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_lock();
    succeeds(child_of(expect_to_be_inside));
    ck_assert(rcu_read_locked());
    rcu_read_unlock();
    rcu_read_unlock();
    make(&other, leave);
    dismiss_reader(&other);
    synchronize_rcu();
    rcu_unregister_thread();
}
END_TEST

static void expect_to_be_online(void)
{
    ck_assert(!rcu_read_locked());
    hire(&updater);
    begin_and_wait(&updater, synchronize_rcu, 1);
    rcu_read_lock();
    rcu_read_unlock();
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    while (is_busy(&updater))
        rcu_quiescent_state();
    begin_and_wait(&updater, synchronize_rcu, 1);
    rcu_thread_offline();
    finish(&updater);
    dismiss(&updater);
    expect_registered();
}

START_TEST(a_child_of_an_online_thread_is_online)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    rcu_register_thread();
    rcu_thread_online();
    succeeds(child_of(expect_to_be_online));
    rcu_quiescent_state();
    rcu_unregister_thread();
}
END_TEST

/* The forking thread is what a grace period of the parent's waits for: fork cannot wait for
 * that. */
START_TEST(fork_in_a_section_does_not_wait_for_a_grace_period_under_way)
{
    use(patient(the_policy, MS_NS));
    hire(&updater);
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_lock();
    begin_and_wait(&updater, the_wait, 1);
    succeeds(child_of(expect_to_be_inside));
    ck_assert(is_busy(&updater));
    rcu_read_unlock();
    rcu_read_unlock();
    finish(&updater);
    dismiss(&updater);
    rcu_unregister_thread();
}
END_TEST

/* ---- in the middle of things ---- */

START_TEST(a_grace_period_under_way_in_the_parent_is_none_of_the_childs)
{
    use(patient(the_policy, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, the_wait, 1);
    succeeds(child_of(expect_all));
    ck_assert(is_busy(&updater));
    make(&reader, leave);
    finish(&updater);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

static atomic_bool inside_notifier, go_on;

static void notify_slowly(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_store(&inside_notifier, true);
    UNTIL(atomic_load(&go_on));
}

static struct rcu_force_notifier slow = {.notify = notify_slowly};

static void add_slow(void)
{
    rcu_add_force_notifier(&slow);
}

static void remove_slow(void)
{
    rcu_remove_force_notifier(&slow);
}

START_TEST(a_child_may_be_forked_while_a_leader_holds_the_locks)
{
    struct actor follower;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    hire(&follower);
    make(&reader, add_slow);
    make(&reader, enter);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&inside_notifier));
    begin(&follower, synchronize_rcu);
    UNTIL(is_asleep(&follower));
    succeeds(child_of(register_and_use_all));
    atomic_store(&go_on, true);
    make(&reader, leave);
    finish(&updater);
    finish(&follower);
    make(&reader, remove_slow);
    dismiss_reader(&reader);
    dismiss(&updater);
    dismiss(&follower);
}
END_TEST

/* A request of the parent's is not the child's. */
static void expect_not_to_be_forced(void)
{
    struct actor own, waiter;
    struct rcu_stats before = stats();

    hire_reader(&own);
    hire(&waiter);
    make(&own, enter);
    begin_and_wait(&waiter, synchronize_rcu, 1);
    UNTIL(stats().naps > before.naps + 3);
    ck_assert_uint_eq(stats().gps_forced, before.gps_forced);
    make(&own, leave);
    finish(&waiter);
}

START_TEST(what_the_parent_asked_to_force_is_not_forced_in_the_child)
{
    static void (*const requests[])(void) = {rcu_barrier, synchronize_rcu_expedited};

    use(patient(RCU_GP_POLL, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, requests[_i], 1);
    succeeds(child_of(expect_not_to_be_forced));
    make(&reader, leave);
    finish(&updater);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

static void expect_new_cookies_to_expire(void)
{
    unsigned long cookie = get_state_synchronize_rcu();

    ck_assert(!poll_state_synchronize_rcu(cookie));
    ck_assert(poll_state_synchronize_rcu(get_completed_synchronize_rcu()));
    synchronize_rcu();
    ck_assert(poll_state_synchronize_rcu(cookie));
    cookie = start_poll_synchronize_rcu();
    UNTIL(poll_state_synchronize_rcu(cookie));
}

START_TEST(started_ones_of_the_parents_do_not_keep_the_childs_from_expiring)
{
    unsigned long cookie;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    make(&reader, enter);
    cookie = start_poll_synchronize_rcu();
    UNTIL(leader_waits_for(1));
    succeeds(child_of(expect_new_cookies_to_expire));
    ck_assert(!poll_state_synchronize_rcu(cookie));
    make(&reader, leave);
    UNTIL(poll_state_synchronize_rcu(cookie));
    succeeds(child_of(expect_new_cookies_to_expire));
    dismiss_reader(&reader);
}
END_TEST

/* ---- force notifiers ---- */

static atomic_uint notified;

static void count_notification(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_fetch_add(&notified, 1);
}

static struct rcu_force_notifier counting = {.notify = count_notification};

static void expect_notifier(void)
{
    unsigned so_far;

    ck_assert_uint_eq(atomic_load(&notified), 0);
    hire(&updater);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&notified) > 0);
    UNTIL(leader_waits_for(1));
    rcu_remove_force_notifier(&counting);
    so_far = atomic_load(&notified);
    force_rcu();
    rcu_read_unlock();
    finish(&updater);
    ck_assert_uint_eq(atomic_load(&notified), so_far);
    dismiss(&updater);
}

START_TEST(notifiers_of_the_forking_thread_are_there_in_the_child)
{
    rcu_register_thread();
    rcu_add_force_notifier(&counting);
    rcu_read_lock();
    succeeds(child_of(expect_notifier));
    rcu_read_unlock();
    rcu_remove_force_notifier(&counting);
    rcu_unregister_thread();
}
END_TEST

/* ---- without the handler ---- */

static void exec_something(void)
{
    execlp("true", "true", (char *)NULL);
    ck_abort_msg("exec: %s", strerror(errno));
}

/* Which only a handler that ran has reset. */
static void expect_nothing_done(void)
{
    ck_assert_uint_eq(stats().callback_threads, 1);
    exec_something();
}

static void expect_all_done(void)
{
    ck_assert_uint_eq(stats().callback_threads, 0);
    expect_all();
}

START_TEST(a_program_may_fork_without_the_handler_and_then_with_it)
{
    rcu_barrier();
    succeeds(child_of(exec_something));
    rcu_disable_atfork();
    succeeds(child_of(expect_nothing_done));
    rcu_enable_atfork();
    succeeds(child_of(expect_all_done));
    use_everything();
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("fork");
    TCase *outside = add_case(suite, "outside"), *inside = add_case(suite, "inside"),
          *middle = add_case(suite, "middle");

    tcase_add_test(outside, a_child_of_a_program_that_has_not_used_it_works);
    tcase_add_test(outside, a_child_of_a_program_that_uses_all_works);
    tcase_add_test(outside, a_registered_thread_is_registered_in_the_child);
    tcase_add_test(outside, any_thread_may_fork);
    tcase_add_test(outside, a_child_may_fork);
    tcase_add_test(outside, a_child_has_its_parents_settings);
    tcase_add_test(outside, a_program_may_fork_without_the_handler_and_then_with_it);

    tcase_add_loop_test(inside, a_child_is_inside_the_sections_it_was_forked_in, 0, POLICIES);
    tcase_add_loop_test(inside, a_child_of_an_online_thread_is_online, 0, POLICIES);
    tcase_add_loop_test(inside, fork_in_a_section_does_not_wait_for_a_grace_period_under_way, 0,
                        WAYS);
    tcase_add_test(inside, notifiers_of_the_forking_thread_are_there_in_the_child);

    tcase_add_loop_test(middle, a_grace_period_under_way_in_the_parent_is_none_of_the_childs, 0,
                        WAYS);
    tcase_add_loop_test(middle, a_child_may_be_forked_while_a_leader_holds_the_locks, 0, POLICIES);
    tcase_add_loop_test(middle, what_the_parent_asked_to_force_is_not_forced_in_the_child, 0, 2);
    tcase_add_loop_test(middle, started_ones_of_the_parents_do_not_keep_the_childs_from_expiring, 0,
                        POLICIES);
    return run_suite(suite);
}
