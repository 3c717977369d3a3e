/* The big lock: what stillpoint/big_lock.h promises, and the order in which it and exclusive
 * sections are taken. That run_on_cpu() and pauses let go of it is tested with them. */
/* Left out of TWO_PHASE M32 FENCE: no grace period, word of 64 bits or light fence decides here. */
#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>

/* ---- what the tests have in common ---- */

static struct actor other;

static void lock(void)
{
    bql_lock();
}

static bool was_locked;

static void look_whether_locked(void)
{
    was_locked = bql_locked();
}

/* ---- the lock ---- */

START_TEST(the_lock_is_of_the_thread_that_took_it)
{
    hire(&other);
    ck_assert(!bql_locked());
    bql_lock();
    ck_assert(bql_locked());
    make(&other, look_whether_locked);
    ck_assert(!was_locked);
    bql_unlock();
    ck_assert(!bql_locked());
    make(&other, lock);
    ck_assert(!bql_locked());
    make(&other, look_whether_locked);
    ck_assert(was_locked);
    make(&other, bql_unlock);
    make(&other, look_whether_locked);
    ck_assert(!was_locked);
    dismiss(&other);
}
END_TEST

START_TEST(a_second_thread_waits_until_the_lock_is_let_go_of)
{
    hire(&other);
    for (int i = 0; i < 5; i++) {
        bql_lock();
        begin(&other, lock);
        UNTIL(is_asleep(&other) || !is_busy(&other));
        ck_assert(is_busy(&other));
        bql_unlock();
        finish(&other);
        make(&other, bql_unlock);
    }
    dismiss(&other);
}
END_TEST

#define LOCKERS 4
#define LOCKS   5000

static unsigned counted; /* plain: a race unless the lock orders it */

static void count_with_lock(void)
{
    for (int i = 0; i < LOCKS; i++) {
        bql_lock();
        counted++;
        bql_unlock();
    }
}

START_TEST(one_thread_at_a_time_has_the_lock)
{
    struct actor lockers[LOCKERS];

    for (int i = 0; i < LOCKERS; i++) {
        hire(&lockers[i]);
        begin(&lockers[i], count_with_lock);
    }
    for (int i = 0; i < LOCKERS; i++) {
        finish(&lockers[i]);
        dismiss(&lockers[i]);
    }
    ck_assert_uint_eq(counted, LOCKERS * LOCKS);
}
END_TEST

START_TEST(the_lock_may_be_taken_in_a_read_section)
{
    rcu_register_thread();
    rcu_read_lock();
    bql_lock();
    ck_assert(bql_locked());
    rcu_read_unlock();
    rcu_read_lock();
    bql_unlock();
    rcu_read_unlock();
    rcu_unregister_thread();
}
END_TEST

START_TEST(the_lock_may_be_taken_in_an_exclusive_section_and_kept_at_its_end)
{
    for (int i = 0; i < 3; i++) {
        start_exclusive();
        bql_lock();
        /* Nested, as it waits for nothing. */
        start_exclusive();
        end_exclusive();
        end_exclusive();
        ck_assert(bql_locked());
        bql_unlock();
    }
}
END_TEST

static void lock_while_it_executes(void)
{
    cpu_exec_start(current_cpu);
    bql_lock();
    counted++;
    cpu_exec_end(current_cpu);
    bql_unlock();
}

START_TEST(the_lock_may_be_taken_while_a_vcpu_executes)
{
    struct vcpu cpu;

    hire_vcpu(&other, &cpu);
    make(&other, lock_while_it_executes);
    ck_assert_uint_eq(counted, 1);
    dismiss_vcpu(&other, &cpu);
}
END_TEST

/* ---- the lock of callbacks ---- */

#define CALLBACKS 100

static struct rcu_head heads[CALLBACKS];
static unsigned without_lock, calls; /* under the lock */

static void run_with_lock(struct rcu_head *head)
{
    (void)head;
    without_lock += !bql_locked();
    calls++;
}

static unsigned ran_so_far(void)
{
    unsigned number;

    bql_lock();
    number = calls;
    bql_unlock();
    return number;
}

START_TEST(callbacks_run_with_the_lock_held)
{
    rcu_set_callback_lock(&bql_callback_lock);
    for (int i = 0; i < CALLBACKS; i++)
        call_rcu(&heads[i], run_with_lock);
    UNTIL(ran_so_far() == CALLBACKS);
    bql_lock();
    ck_assert_uint_eq(without_lock, 0);
    bql_unlock();
    rcu_barrier();
    ck_assert(!bql_locked());
}
END_TEST

START_TEST(no_callback_runs_while_another_thread_has_the_lock)
{
    unsigned early = 0;

    rcu_set_callback_lock(&bql_callback_lock);
    hire(&other);
    bql_lock();
    call_rcu(&heads[0], run_with_lock);
    begin(&other, rcu_barrier);
    for (int i = 0; i < 3; i++) {
        synchronize_rcu();
        early += calls != 0;
    }
    ck_assert_uint_eq(early, 0);
    ck_assert(is_busy(&other));
    bql_unlock();
    finish(&other);
    bql_lock();
    ck_assert_uint_eq(calls, 1);
    bql_unlock();
    dismiss(&other);
}
END_TEST

START_TEST(a_barrier_of_a_holder_lets_go_of_the_lock_and_takes_it_again)
{
    rcu_set_callback_lock(&bql_callback_lock);
    hire(&other);
    for (unsigned i = 1; i <= 10; i++) {
        bql_lock();
        call_rcu(&heads[0], run_with_lock);
        (i % 2 == 0 ? rcu_barrier : drain_call_rcu)();
        ck_assert(bql_locked());
        ck_assert_uint_eq(calls, i);
        begin(&other, lock);
        UNTIL(is_asleep(&other) || !is_busy(&other));
        ck_assert(is_busy(&other));
        bql_unlock();
        finish(&other);
        make(&other, bql_unlock);
    }
    ck_assert_uint_eq(without_lock, 0);
    dismiss(&other);
}
END_TEST

#define ROUNDS 1000

static void barriers_while_online(void)
{
    rcu_register_thread();
    for (int i = 0; i < ROUNDS; i++) {
        bql_lock();
        rcu_thread_online();
        rcu_barrier();
        rcu_thread_offline();
        bql_unlock();
    }
    rcu_unregister_thread();
}

/* One that is online again before it has the lock would be waited for by the one who has it. */
START_TEST(an_online_thread_waits_for_the_lock_as_one_that_is_offline)
{
    rcu_set_callback_lock(&bql_callback_lock);
    hire(&other);
    begin(&other, barriers_while_online);
    for (int i = 0; i < ROUNDS; i++) {
        bql_lock();
        synchronize_rcu();
        bql_unlock();
    }
    finish(&other);
    dismiss(&other);
}
END_TEST

static void serve_until_ended(void)
{
    enum vcpu_state state;

    while ((state = process_cpu_events(current_cpu)) != VCPU_ENDED)
        vcpu_wait_for_kick(current_cpu);
}

static void pause_while_online(void)
{
    rcu_register_thread();
    for (int i = 0; i < ROUNDS; i++) {
        bql_lock();
        rcu_thread_online();
        pause_all_vcpus();
        rcu_thread_offline();
        bql_unlock();
        resume_all_vcpus();
    }
    rcu_unregister_thread();
}

START_TEST(so_does_one_that_waits_for_a_vcpu)
{
    struct vcpu cpu;
    struct actor vcpu;

    hire_vcpu(&vcpu, &cpu);
    hire(&other);
    begin(&vcpu, serve_until_ended);
    begin(&other, pause_while_online);
    while (is_busy(&other)) {
        bql_lock();
        synchronize_rcu();
        bql_unlock();
    }
    dismiss(&other);
    vcpu_unplug(&cpu);
    finish(&vcpu);
    dismiss_vcpu(&vcpu, &cpu);
}
END_TEST

START_TEST(the_lock_of_callbacks_knows_who_holds_it)
{
    ck_assert(!bql_callback_lock.held(bql_callback_lock.data));
    bql_callback_lock.lock(bql_callback_lock.data);
    ck_assert(bql_locked());
    ck_assert(bql_callback_lock.held(bql_callback_lock.data));
    bql_callback_lock.unlock(bql_callback_lock.data);
    ck_assert(!bql_locked());
}
END_TEST

/* ---- misuse ---- */

/* The numbers are the lines of the last statements: the messages name them, and those before. */
static void lock_twice(void)
{
    bql_lock();
    bql_lock();
}
enum { LOCK_TWICE = __LINE__ - 2 };

START_TEST(a_lock_taken_twice_is_diagnosed_with_both_places)
{
    char text[300];

    snprintf(text, sizeof text,
             "bql_lock() at %s:%d by the thread that holds the big lock, taken at %s:%d; it is not "
             "recursive",
             __FILE__, LOCK_TWICE, __FILE__, LOCK_TWICE - 1);
    dies_saying(lock_twice, text);
}
END_TEST

/* Also after RCU has let go of it meanwhile. */
static void lock_after_barrier(void)
{
    bql_lock();
    rcu_barrier();
    bql_lock();
}
enum { LOCK_AFTER_BARRIER = __LINE__ - 2 };

START_TEST(a_barrier_of_a_holder_does_not_change_where_the_lock_was_taken)
{
    char text[300];

    rcu_set_callback_lock(&bql_callback_lock);
    snprintf(text, sizeof text, "the thread that holds the big lock, taken at %s:%d;", __FILE__,
             LOCK_AFTER_BARRIER - 2);
    dies_saying(lock_after_barrier, text);
}
END_TEST

static void start_with_lock(void)
{
    bql_lock();
    start_exclusive();
}
enum { START_WITH_LOCK = __LINE__ - 2 };

START_TEST(a_section_asked_for_with_the_lock_held_is_diagnosed_with_both_places)
{
    char text[300];

    snprintf(text, sizeof text, "start_exclusive() at %s:%d with the big lock held, taken at %s:%d",
             __FILE__, START_WITH_LOCK, __FILE__, START_WITH_LOCK - 1);
    dies_saying(start_with_lock, text);
}
END_TEST

START_TEST(an_unlock_by_another_thread_is_diagnosed)
{
    static const char text[] = "bql_unlock() by a thread that does not hold the big lock";

    hire(&other);
    make(&other, lock);
    dies_saying(bql_unlock, text);
    make(&other, bql_unlock);
    dies_saying(bql_unlock, text);
    bql_lock();
    bql_unlock();
    dies_saying(bql_unlock, text);
    dismiss(&other);
}
END_TEST

/* A vCPU must not hold the lock where it may have to wait: diagnosed when it has to, which is the
 * loop's first way, and in a build with DEBUG=1 at once. */
#ifdef STILLPOINT_DEBUG
#define MISUSE_WAYS 2
#else
#define MISUSE_WAYS 1
#endif

static struct vcpu own_cpu;

static void execute_with_lock(void)
{
    bql_lock();
    cpu_exec_start(&own_cpu);
}
enum { EXECUTE_WITH_LOCK = __LINE__ - 2 };

START_TEST(an_execution_with_the_lock_held_is_diagnosed_with_the_place)
{
    char text[300];

    become_new_vcpu(&own_cpu);
    hire(&other);
    if (_i == 0)
        make(&other, section_start);
    snprintf(text, sizeof text, "cpu_exec_start() with the big lock held, taken at %s:%d", __FILE__,
             EXECUTE_WITH_LOCK - 1);
    dies_saying(execute_with_lock, text);
    if (_i == 0)
        make(&other, section_end);
    stop_being_vcpu();
    dismiss(&other);
}
END_TEST

/* ---- the suite ---- */

static Suite *big_lock_suite(void)
{
    Suite *suite = suite_create("big_lock");
    TCase *threads = add_case(suite, "the lock"), *callbacks = add_case(suite, "callbacks"),
          *misuse = add_case(suite, "misuse");

    tcase_add_test(threads, the_lock_is_of_the_thread_that_took_it);
    tcase_add_test(threads, a_second_thread_waits_until_the_lock_is_let_go_of);
    tcase_add_test(threads, one_thread_at_a_time_has_the_lock);
    tcase_add_test(threads, the_lock_may_be_taken_in_a_read_section);
    tcase_add_test(threads, the_lock_may_be_taken_in_an_exclusive_section_and_kept_at_its_end);
    tcase_add_test(threads, the_lock_may_be_taken_while_a_vcpu_executes);

    tcase_add_test(callbacks, callbacks_run_with_the_lock_held);
    tcase_add_test(callbacks, no_callback_runs_while_another_thread_has_the_lock);
    tcase_add_test(callbacks, a_barrier_of_a_holder_lets_go_of_the_lock_and_takes_it_again);
    tcase_add_test(callbacks, an_online_thread_waits_for_the_lock_as_one_that_is_offline);
    tcase_add_test(callbacks, so_does_one_that_waits_for_a_vcpu);
    tcase_add_test(callbacks, the_lock_of_callbacks_knows_who_holds_it);

    tcase_add_test(misuse, a_lock_taken_twice_is_diagnosed_with_both_places);
    tcase_add_test(misuse, a_barrier_of_a_holder_does_not_change_where_the_lock_was_taken);
    tcase_add_test(misuse, a_section_asked_for_with_the_lock_held_is_diagnosed_with_both_places);
    tcase_add_test(misuse, an_unlock_by_another_thread_is_diagnosed);
    tcase_add_loop_test(misuse, an_execution_with_the_lock_held_is_diagnosed_with_the_place, 0,
                        MISUSE_WAYS);
    return suite;
}

int main(void)
{
    return run_suite(big_lock_suite());
}
