/* Callbacks that wait for grace periods. */
#include <stillpoint/rcu.h>

#include "items.h"

#include <check.h>

static void wait_for_a_cookie(void)
{
    cond_synchronize_rcu(get_state_synchronize_rcu());
}

static void wait_for_a_cookie_in_haste(void)
{
    cond_synchronize_rcu_expedited(get_state_synchronize_rcu());
}

static void (*const waits[])(void) = {synchronize_rcu, synchronize_rcu_expedited, wait_for_a_cookie,
                                      wait_for_a_cookie_in_haste};
#define WAITS        4
#define WAYS_TO_WAIT (WAITS * POLICIES)

static struct actor reader, updater;
static void (*wait_in_callback)(void);
static atomic_bool begun, go_on, returned, next_ran_early;

static void begin_test(int i)
{
    use_policy(i / WAITS);
    wait_in_callback = waits[i % WAITS];
    hire_reader(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

static void wait_when_told(struct rcu_head *head)
{
    atomic_store(&begun, true);
    UNTIL(atomic_load(&go_on));
    wait_in_callback();
    atomic_store(&returned, true);
    run_item(head);
}

static void expect_to_be_after_it(struct rcu_head *head)
{
    if (!atomic_load(&returned))
        atomic_store(&next_ran_early, true);
    run_item(head);
}

/* Leads itself. A section from before is waited for, and the callbacks behind it wait. */
START_TEST(a_callback_may_wait_for_a_grace_period)
{
    begin_test(_i);
    call_rcu(&items[0].head, wait_when_told);
    call_rcu(&items[1].head, expect_to_be_after_it);
    UNTIL(atomic_load(&begun));
    make(&reader, enter);
    atomic_store(&go_on, true);
    UNTIL(leader_waits_for(1) || atomic_load(&returned));
    ck_assert(!atomic_load(&returned));
    call_rcu(&items[2].head, expect_to_be_after_it);
    ck_assert(!has_run(1));
    make(&reader, leave);
    rcu_barrier();
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
    ck_assert(!atomic_load(&next_ran_early));
    end_test();
}
END_TEST

/* It finds one under way, which is not its own; another thread may serve it. */
START_TEST(a_callback_may_follow_the_leader)
{
    struct actor late;

    begin_test(_i);
    hire_reader(&late);
    call_rcu(&items[0].head, wait_when_told);
    UNTIL(atomic_load(&begun));
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    if (!TWO_PHASES)
        make(&late, enter); /* in the way of the next one alone */
    atomic_store(&go_on, true);
    make(&reader, leave);
    finish(&updater);
    if (!TWO_PHASES) {
        UNTIL(leader_waits_for(1) || atomic_load(&returned));
        ck_assert(!atomic_load(&returned));
        make(&late, leave);
    }
    rcu_barrier();
    ck_assert(has_run(0));
    dismiss_reader(&late);
    end_test();
}
END_TEST

/* ---- with the lock ---- */

static struct {
    pthread_mutex_t mutex;
    atomic_int owner;
} big = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void big_take(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&big.mutex);
    atomic_store(&big.owner, gettid());
}

static void big_release(void *unused)
{
    (void)unused;
    atomic_store(&big.owner, 0);
    pthread_mutex_unlock(&big.mutex);
}

static bool big_is_held(void *unused)
{
    (void)unused;
    return atomic_load(&big.owner) == gettid();
}

static const struct rcu_callback_lock big_lock = {big_take, big_release, big_is_held, NULL};
static atomic_bool lock_lost;

static void wait_under_lock(struct rcu_head *head)
{
    if (!big_is_held(NULL))
        atomic_store(&lock_lost, true);
    wait_in_callback();
    if (!big_is_held(NULL))
        atomic_store(&lock_lost, true);
    run_item(head);
}

static void read_and_then_lock(void)
{
    for (int i = 0; i < 20; i++) {
        rcu_read_lock();
        rcu_read_unlock();
        big_take(NULL);
        synchronize_rcu();
        big_release(NULL);
    }
}

/* Beside threads that wait for the lock outside sections, wait under it, and wait for callbacks. */
START_TEST(the_lock_stays_held_meanwhile)
{
    begin_test(_i);
    rcu_set_callback_lock(&big_lock);
    begin(&reader, read_and_then_lock);
    for (unsigned i = 0; i < 20; i++) {
        call_rcu(&items[i].head, wait_under_lock);
        if (i % 4 == 0)
            rcu_barrier();
    }
    finish(&reader);
    big_take(NULL);
    call_rcu(&items[20].head, wait_under_lock);
    rcu_barrier(); /* lets go of it */
    ck_assert(big_is_held(NULL));
    big_release(NULL);
    ck_assert_uint_eq(atomic_load(&ran_count), 21);
    ck_assert(!atomic_load(&lock_lost));
    end_test();
}
END_TEST

/* ---- what it knows ---- */

static int64_t times[3][2];
static bool known[3];

static void take_times(int i)
{
    known[i] = rcu_gp_times(&times[i][0], &times[i][1]);
}

static void take_times_and_wait(struct rcu_head *head)
{
    take_times(0);
    synchronize_rcu();
    take_times(1);
    run_item(head);
}

static void take_times_again(struct rcu_head *head)
{
    take_times(2);
    run_item(head);
}

START_TEST(times_are_those_of_the_callbacks_grace_period)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);

    settings.gp_times = true;
    use(settings);
    hire_reader(&reader);
    make(&reader, enter);
    queue(0, 1); /* the others are queued during its grace period, and share the next */
    UNTIL(leader_waits_for(1));
    call_rcu(&items[1].head, take_times_and_wait);
    call_rcu(&items[2].head, take_times_again);
    make(&reader, leave);
    rcu_barrier();
    ck_assert(known[0] && known[1] && known[2]);
    for (int i = 1; i < 3; i++)
        for (int k = 0; k < 2; k++)
            ck_assert_int_eq(times[i][k], times[0][k]);
    dismiss_reader(&reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("callback wait");
    TCase *waiting = add_case(suite, "waiting");

    tcase_add_loop_test(waiting, a_callback_may_wait_for_a_grace_period, 0, WAYS_TO_WAIT);
    tcase_add_loop_test(waiting, a_callback_may_follow_the_leader, 0, WAYS_TO_WAIT);
    tcase_add_loop_test(waiting, the_lock_stays_held_meanwhile, 0, WAYS_TO_WAIT);
    tcase_add_test(waiting, times_are_those_of_the_callbacks_grace_period);
    return run_suite(suite);
}
