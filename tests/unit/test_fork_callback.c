/* Fork and callbacks: the child has a thread of its own, and the parent's lock. What becomes of
 * those that were queued in the parent has a file of its own, test_fork_inherited.c.
 *
 * Nothing here names what rcu_fork.h declares: the handler must be there in programs that do
 * not. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/rcu.h>
#include <stillpoint/rcu_replay.h>

#include "fork_callbacks.h"

#include <check.h>

/* ---- what the tests have in common ---- */

/* A program's big lock; the thread that holds it when it forks holds it in the child. */
static struct {
    pthread_mutex_t mutex;
    atomic_ulong owner;
    atomic_uint taken, wrong;
} big = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void big_take(void *data)
{
    (void)data;
    pthread_mutex_lock(&big.mutex);
    atomic_store(&big.owner, (unsigned long)pthread_self());
    atomic_fetch_add(&big.taken, 1);
}

static bool big_is_held(void *data)
{
    (void)data;
    return atomic_load(&big.owner) == (unsigned long)pthread_self();
}

static void big_release(void *data)
{
    (void)data;
    if (!big_is_held(NULL))
        atomic_fetch_add(&big.wrong, 1);
    atomic_store(&big.owner, 0);
    pthread_mutex_unlock(&big.mutex);
}

static const struct rcu_callback_lock big_lock = {big_take, big_release, big_is_held, NULL};

static void run_under_lock(struct rcu_head *head)
{
    if (!big_is_held(NULL))
        atomic_fetch_add(&big.wrong, 1);
    run(head);
}

/* ---- deterministic mode ---- */

/* In deterministic mode a barrier decides; one of the parent's decides nothing here. */
static void expect_groups_of_three(void)
{
    for (int i = 0; i < 2; i++)
        call_rcu(&heads[i], run);
    for (int i = 0; i < 20; i++) {
        synchronize_rcu();
        sched_yield();
    }
    ck_assert_uint_eq(atomic_load(&ran), 0);
    call_rcu(&heads[2], run);
    UNTIL(atomic_load(&ran) == 3);
}

START_TEST(a_childs_deterministic_mode_goes_on_without_the_parents_barriers)
{
    const struct rcu_replay replay = {.group = 3};
    struct actor waiter;

    use_policy(RCU_GP_POLL);
    ck_assert_int_eq(rcu_set_replay(&replay), 0);
    hire_reader(&reader);
    hire(&waiter);
    make(&reader, enter);
    begin_and_wait(&waiter, rcu_barrier, 1);
    succeeds(child_of(expect_groups_of_three));
    let_go();
    finish(&waiter);
    dismiss(&waiter);
}
END_TEST

/* ---- the thread ---- */

#define STARTERS 8
static atomic_uint ready;
static struct rcu_head first[STARTERS];

static void *starter_main(void *head)
{
    atomic_fetch_add(&ready, 1);
    UNTIL(atomic_load(&ready) == STARTERS);
    call_rcu(head, run);
    return NULL;
}

static void use_first_from_several(void)
{
    pthread_t threads[STARTERS];

    atomic_store(&ready, 0);
    atomic_store(&ran, 0);
    ck_assert_uint_eq(stats().callback_threads, 0);
    for (int i = 0; i < STARTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, starter_main, &first[i]), 0);
    for (int i = 0; i < STARTERS; i++)
        pthread_join(threads[i], NULL);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), STARTERS);
    ck_assert_uint_eq(stats().callback_threads, 1);
    rcu_start_callback_thread();
    ck_assert_uint_eq(stats().callback_threads, 1);
}

START_TEST(threads_that_queue_the_first_at_once_start_one_thread)
{
    /* In a child of one that has none, in its parent, in a child of one that has one. */
    for (int i = 0; i < 10; i++)
        succeeds(child_of(use_first_from_several));
    use_first_from_several();
    for (int i = 0; i < 10; i++)
        succeeds(child_of(use_first_from_several));
    ck_assert_uint_eq(stats().callback_threads, 1);
}
END_TEST

/* ---- the lock ---- */

static void expect_to_hold_the_lock(void)
{
    ck_assert(big_is_held(NULL));
    for (int i = 1; i < CALLBACKS; i++)
        call_rcu(&heads[i], run_under_lock);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    rcu_barrier(); /* lets go of it, and takes it again */
    ck_assert(big_is_held(NULL));
    ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
    big_release(NULL);
    call_rcu(&heads[1], run_under_lock);
    UNTIL(atomic_load(&ran) == CALLBACKS + 1);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}

START_TEST(a_child_may_be_forked_with_the_callback_lock_held)
{
    use_policy(_i);
    rcu_set_callback_lock(&big_lock);
    rcu_barrier();
    big_take(NULL);
    call_rcu(&heads[0], run_under_lock);
    succeeds(child_of(expect_to_hold_the_lock));
    ck_assert(big_is_held(NULL));
    big_release(NULL);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 1);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

static atomic_bool inside_callback, go_on;

static void run_long(struct rcu_head *head)
{
    atomic_store(&inside_callback, true);
    UNTIL(atomic_load(&go_on));
    run(head);
}

/* The one that has half run can be neither finished nor begun again. */
static void expect_the_second_alone(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, 1);
    own_callbacks_run();
    ck_assert_uint_eq(atomic_load(&ran), 1);
    ck_assert_uint_eq(stats().callbacks_dropped, 1);
}

START_TEST(a_child_may_be_forked_while_a_callback_runs)
{
    use(patient(RCU_GP_ADAPTIVE, MS_NS));
    call_rcu(&heads[0], run_long);
    call_rcu(&heads[1], run);
    UNTIL(atomic_load(&inside_callback));
    succeeds(child_of(expect_the_second_alone));
    atomic_store(&go_on, true);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 2);
}
END_TEST

/* ---- callbacks that fork ---- */

static atomic_int child_status;

static void fork_and_exit(struct rcu_head *head)
{
    int status = -1;
    pid_t child;

    UNTIL(atomic_load(&go_on));
    child = fork();
    if (child == 0) {
        /* It goes on here; the one behind it is pending. */
        bool lost = stats().callbacks_dropped > 0;

        synchronize_rcu();
        UNTIL(atomic_load(&ran) == 1);
        _exit(lost ? 8 : 7);
    }
    waitpid(child, &status, 0);
    atomic_store(&child_status, status);
    run(head);
}

START_TEST(a_callback_may_fork_and_exit_in_the_child)
{
    call_rcu(&heads[0], fork_and_exit);
    call_rcu(&heads[1], run);
    atomic_store(&go_on, true);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 2);
    ck_assert(WIFEXITED(atomic_load(&child_status)));
    ck_assert_int_eq(WEXITSTATUS(atomic_load(&child_status)), 7);
}
END_TEST

/* The child is what returns; whoever asked for the callback waits for it, and dies as it did. */
static void fork_and_return(struct rcu_head *head)
{
    pid_t child = fork();
    int status = 0;

    (void)head;
    if (child == 0)
        return;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        abort();
    _exit(EXIT_FAILURE);
}

static void return_in_the_child(void)
{
    call_rcu(&heads[0], fork_and_return);
    for (;;)
        pause();
}

START_TEST(a_callback_that_returns_in_the_child_aborts)
{
    dies_saying(return_in_the_child, "a callback forked, and returned in the child");
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("fork callback");
    TCase *thread = add_case(suite, "thread"), *lock = add_case(suite, "lock");

    tcase_add_test(thread, a_childs_deterministic_mode_goes_on_without_the_parents_barriers);
    tcase_add_test(thread, threads_that_queue_the_first_at_once_start_one_thread);
    tcase_add_test(thread, a_child_may_be_forked_while_a_callback_runs);
    tcase_add_test(thread, a_callback_may_fork_and_exit_in_the_child);
    tcase_add_test(thread, a_callback_that_returns_in_the_child_aborts);

    tcase_add_loop_test(lock, a_child_may_be_forked_with_the_callback_lock_held, 0, POLICIES);
    return run_suite(suite);
}
