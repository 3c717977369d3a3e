/* Callbacks that are pending in the parent when a fork comes: they run in both processes, as far as
 * the child can reach them. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/rcu.h>

#include "fork_callbacks.h"

#include "rcu/callback_queue.h"

#include <check.h>

/* ---- the queue ---- */

/* All but the first, for which the grace period is held. */
static void queue_the_others(void)
{
    for (int i = 1; i < CALLBACKS; i++)
        call_rcu(&heads[i], run_in_order);
}

static unsigned long pending(void)
{
    return stats().callbacks_queued - stats().callbacks_invoked;
}

static void run_what_is_inherited(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, 0);
    ck_assert_uint_eq(stats().callback_threads, 0);
    ck_assert_uint_eq(pending(), CALLBACKS);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
    ck_assert_uint_eq(atomic_load(&in_disorder), 0);
    ck_assert_uint_eq(pending(), 0);
    own_callbacks_run();
    /* They are free to be queued again. */
    for (int i = 0; i < CALLBACKS; i++)
        call_rcu(&heads[i], run);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 2 * CALLBACKS);
}

START_TEST(callbacks_of_the_parents_run_once_in_either_process)
{
    use_policy(_i);
    hold_a_grace_period();
    queue_the_others();
    succeeds(child_of(run_what_is_inherited));
    ck_assert_uint_eq(stats().callbacks_dropped, 0);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    let_go();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
    ck_assert_uint_eq(atomic_load(&in_disorder), 0);
    succeeds(child_of(own_callbacks_run));
}
END_TEST

/* Each of them alone makes those run that a child was left. */
static void call_one(void)
{
    static struct rcu_head own;

    call_rcu(&own, run_own);
}

static void wait_for_a_cookie(void)
{
    cond_synchronize_rcu(get_state_synchronize_rcu());
}

static void start_a_cookie(void)
{
    start_poll_synchronize_rcu();
}

static void (*const uses[])(void) = {call_one,
                                     rcu_barrier,
                                     drain_call_rcu,
                                     synchronize_rcu,
                                     synchronize_rcu_expedited,
                                     wait_for_a_cookie,
                                     start_a_cookie,
                                     rcu_start_callback_thread};
#define USES (int)(sizeof uses / sizeof *uses)
static int use_of_loop;

static void use_and_expect_all(void)
{
    uses[use_of_loop]();
    UNTIL(atomic_load(&ran) == CALLBACKS);
    UNTIL(pending() == 0);
    ck_assert_uint_eq(stats().callback_threads, 1);
}

START_TEST(any_use_of_the_library_makes_them_run_in_the_child)
{
    use_policy(RCU_GP_ADAPTIVE);
    hold_a_grace_period();
    queue_the_others();
    use_of_loop = _i;
    succeeds(child_of(use_and_expect_all));
    let_go();
    rcu_barrier();
}
END_TEST

/* A child that execs makes no thread. */
static void expect_no_thread(void)
{
    struct rcu_settings settings = rcu_default_settings;

    rcu_set_settings(&settings);
    rcu_read_locked();
    get_state_synchronize_rcu();
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    ck_assert_uint_eq(stats().callback_threads, 0);
    ck_assert_uint_eq(pending(), CALLBACKS);
}

static void fork_before_any_use(void)
{
    succeeds(child_of(run_what_is_inherited));
    expect_no_thread();
    rcu_unregister_thread();
    succeeds(child_of(run_what_is_inherited));
    run_what_is_inherited();
}

START_TEST(they_are_handed_on_by_a_child_that_uses_nothing)
{
    use_policy(RCU_GP_ADAPTIVE);
    hold_a_grace_period();
    queue_the_others();
    succeeds(child_of(fork_before_any_use));
    let_go();
    rcu_barrier();
}
END_TEST

static void expect_to_hold_them_up(void)
{
    rcu_start_callback_thread();
    UNTIL(leader_waits_for(1) || atomic_load(&ran) > 0);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    rcu_read_unlock();
    UNTIL(atomic_load(&ran) == CALLBACKS);
}

/* What was retired since the section began, the section may hold. */
START_TEST(the_section_of_the_fork_holds_them_up_in_the_child)
{
    use_policy(_i);
    rcu_register_thread();
    rcu_read_lock();
    call_rcu(&heads[0], run_in_order);
    queue_the_others();
    UNTIL(leader_waits_for(1)); /* the thread that a fork leaves behind has begun */
    succeeds(child_of(expect_to_hold_them_up));
    ck_assert_uint_eq(atomic_load(&ran), 0);
    rcu_read_unlock();
    rcu_barrier();
    rcu_unregister_thread();
}
END_TEST

static void expect_an_empty_queue(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, CALLBACKS);
    ck_assert_uint_eq(pending(), 0);
    ck_assert_uint_eq(stats().callback_threads, 0);
    own_callbacks_run();
    ck_assert_uint_eq(atomic_load(&ran), 0);
    /* What was dropped is free to be queued again. */
    for (int i = 0; i < CALLBACKS; i++)
        call_rcu(&heads[i], run);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
    ck_assert_uint_eq(stats().callbacks_dropped, CALLBACKS);
}

static void expect_none_dropped(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, 0);
    ck_assert_uint_eq(pending(), 0);
    own_callbacks_run();
}

/* What the parent's process had dropped when it was forked is its own affair. */
static void expect_an_empty_queue_and_fork(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, CALLBACKS);
    succeeds(child_of(expect_none_dropped));
    expect_an_empty_queue();
}

START_TEST(with_the_setting_they_are_dropped_in_the_child)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)_i, MS_NS);

    settings.force_naps = 0;
    settings.drop_at_fork = true;
    use(settings);
    hold_a_grace_period();
    queue_the_others();
    succeeds(child_of(expect_an_empty_queue_and_fork));
    ck_assert_uint_eq(stats().callbacks_dropped, 0);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    let_go();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
}
END_TEST

static void expect_two_of_them(void)
{
    ck_assert_uint_eq(stats().callbacks_dropped, 2);
    ck_assert_uint_eq(pending(), 2);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 2);
    ck_assert_uint_eq(atomic_load(&in_disorder), 0);
    own_callbacks_run();
    ck_assert_uint_eq(pending(), 0);
}

/* As a producer does that has exchanged the tail and not linked its node yet. */
START_TEST(what_no_link_leads_to_is_dropped_in_the_child)
{
    struct rcu_head *before;

    use_policy(RCU_GP_ADAPTIVE);
    hold_a_grace_period();
    call_rcu(&heads[1], run_in_order);
    heads[2] = (struct rcu_head){.callback = run_in_order};
    before = atomic_exchange(&callback_queue.tail, &heads[2]);
    call_rcu(&heads[3], run_in_order);
    succeeds(child_of(expect_two_of_them));
    before->next = &heads[2];
    atomic_fetch_add(&callback_queue.queued, 1);
    let_go();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 4);
    ck_assert_uint_eq(atomic_load(&in_disorder), 0);
}
END_TEST

/* Forked in the middle of things many times: links that were on their way are left behind. */
#define PRODUCERS 2
#define OWN       64
static struct {
    struct rcu_head heads[OWN];
    atomic_uint begun, queued, ran, twice;
    atomic_bool pending[OWN];
} producers[PRODUCERS];
static atomic_bool stop;

static void run_of_producer(struct rcu_head *head)
{
    unsigned i = 0;

    while (head < producers[i].heads || head >= producers[i].heads + OWN)
        i++;
    if (!atomic_exchange(&producers[i].pending[head - producers[i].heads], false))
        atomic_fetch_add(&producers[i].twice, 1);
    atomic_fetch_add(&producers[i].ran, 1);
    run(head);
}

static void *producer_main(void *which)
{
    unsigned p = *(unsigned *)which;

    for (unsigned i = 0; !atomic_load(&stop); i++) {
        if (i % OWN == 0)
            rcu_barrier();
        atomic_store(&producers[p].pending[i % OWN], true);
        atomic_fetch_add(&producers[p].begun, 1);
        call_rcu(&producers[p].heads[i % OWN], run_of_producer);
        atomic_fetch_add(&producers[p].queued, 1);
    }
    rcu_barrier();
    return NULL;
}

/* Each that was queued has run, here or in the parent, or was dropped; the one that was running may
 * be counted twice, and the barriers of the producers are counted, too. */
static void expect_each_once(void)
{
    unsigned long begun = 0, queued = 0, accounted = stats().callbacks_dropped, before = 0,
                  left = pending();

    for (int i = 0; i < PRODUCERS; i++)
        before += atomic_load(&producers[i].ran);
    own_callbacks_run();
    for (int i = 0; i < PRODUCERS; i++) {
        begun += atomic_load(&producers[i].begun);
        queued += atomic_load(&producers[i].queued);
        accounted += atomic_load(&producers[i].ran);
        ck_assert_uint_eq(atomic_load(&producers[i].twice), 0);
    }
    ck_assert_uint_eq(accounted - stats().callbacks_dropped, before + left);
    ck_assert_uint_le(queued, accounted);
    ck_assert_uint_le(accounted, begun + 1 + PRODUCERS);
}

START_TEST(a_child_may_be_forked_while_others_queue)
{
    static unsigned which[PRODUCERS];
    pthread_t threads[PRODUCERS];

    use(patient(RCU_GP_ADAPTIVE, MS_NS / 20));
    for (unsigned i = 0; i < PRODUCERS; i++) {
        which[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, producer_main, &which[i]), 0);
    }
    /* All threads have begun, and so have allocated and freed: a fork in that moment leaves
     * AddressSanitizer's allocator locked in the child. */
    for (int i = 0; i < PRODUCERS; i++)
        UNTIL(atomic_load(&producers[i].ran) > 0);
    for (int i = 0; i < 40; i++)
        succeeds(child_of(expect_each_once));
    atomic_store(&stop, true);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("fork inherited");
    TCase *queue = add_case(suite, "queue");

    tcase_add_loop_test(queue, callbacks_of_the_parents_run_once_in_either_process, 0, POLICIES);
    tcase_add_loop_test(queue, any_use_of_the_library_makes_them_run_in_the_child, 0, USES);
    tcase_add_test(queue, they_are_handed_on_by_a_child_that_uses_nothing);
    tcase_add_loop_test(queue, the_section_of_the_fork_holds_them_up_in_the_child, 0, POLICIES);
    tcase_add_loop_test(queue, with_the_setting_they_are_dropped_in_the_child, 0, POLICIES);
    tcase_add_test(queue, what_no_link_leads_to_is_dropped_in_the_child);
    tcase_add_test(queue, a_child_may_be_forked_while_others_queue);
    return run_suite(suite);
}
