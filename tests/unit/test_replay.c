/* Deterministic mode: what stillpoint/rcu_replay.h promises. */
#include <stillpoint/rcu.h>
#include <stillpoint/rcu_replay.h>

#include "actor.h"

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>

#define CALLBACKS 200

/* ---- what the tests have in common ---- */

/* What happened, in order: the number of a callback that ran, or a batch that begins. */
#define BATCH UINT_MAX
static struct {
    unsigned events[4 * CALLBACKS];
    atomic_uint length;
} trace;

static void note(unsigned event)
{
    unsigned i = atomic_fetch_add(&trace.length, 1);

    if (i < 4 * CALLBACKS)
        trace.events[i] = event;
}

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint batches;

static void take(void *data)
{
    pthread_mutex_lock(data);
    atomic_fetch_add(&batches, 1);
    note(BATCH);
}

static void let_go(void *data)
{
    pthread_mutex_unlock(data);
}

static const struct rcu_callback_lock lock = {.lock = take, .unlock = let_go, .data = &big};

static struct item {
    struct rcu_head head;
    unsigned number;
} items[CALLBACKS];
static atomic_uint ran;

static void run(struct rcu_head *head)
{
    note(((struct item *)head)->number);
    atomic_fetch_add(&ran, 1);
}

static void queue(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        items[i].number = i;
        call_rcu(&items[i].head, run);
    }
}

/* Under it callbacks pile up for ever, are forced at once, and batches are of one. */
static struct rcu_settings contrary(enum rcu_gp_policy policy)
{
    struct rcu_settings settings = patient(policy, MS_NS);

    settings.poll_interval_ns = policy == RCU_GP_EVENT ? HOUR_NS : MS_NS;
    settings.force_naps = policy == RCU_GP_EVENT ? UINT_MAX : 0;
    settings.force_callbacks = policy == RCU_GP_EVENT ? UINT_MAX : 1;
    settings.force_after_ns = 0;
    settings.callback_batch = 1;
    settings.callback_hold_ns = 1;
    return settings;
}

static void begin_test(int policy, struct rcu_replay replay)
{
    use(contrary((enum rcu_gp_policy)policy));
    rcu_set_callback_lock(&lock);
    ck_assert_int_eq(rcu_set_replay(&replay), 0);
}

static void let_grace_periods_pass(void)
{
    for (int i = 0; i < 20; i++) {
        synchronize_rcu();
        sched_yield();
    }
}

/* ---- groups ---- */

START_TEST(a_group_waits_until_it_is_whole)
{
    begin_test(_i, (struct rcu_replay){.group = 3});
    for (unsigned i = 0; i < 30; i++) {
        queue(i, i + 1);
        if (i % 3 == 2)
            UNTIL(atomic_load(&ran) == i + 1);
        else if (i < 6)
            let_grace_periods_pass();
        ck_assert_uint_eq(atomic_load(&ran), (i + 1) / 3 * 3);
    }
    ck_assert_uint_eq(atomic_load(&batches), 10);
    queue(30, 32);
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 30);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 32);
}
END_TEST

START_TEST(each_group_has_one_grace_period_and_one_batch)
{
    static struct actor reader;
    struct rcu_stats before;

    begin_test(_i, (struct rcu_replay){.group = 10});
    hire_reader(&reader);
    make(&reader, enter);
    before = stats();
    queue(0, 105);
    UNTIL(leader_waits_for(1));
    ck_assert_uint_eq(atomic_load(&ran), 0);
    make(&reader, leave);
    UNTIL(atomic_load(&ran) == 100);
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 100);
    ck_assert_uint_eq(stats().gps, before.gps + 10 + 20);
    ck_assert_uint_eq(atomic_load(&batches), 10);
    for (unsigned i = 0; i < 110; i++) /* in order, and a batch is of ten */
        ck_assert_uint_eq(trace.events[i], i % 11 == 0 ? BATCH : i - i / 11 - 1);
    dismiss_reader(&reader);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 105);
}
END_TEST

START_TEST(a_group_of_one_runs_each_by_itself)
{
    begin_test(_i, (struct rcu_replay){.group = 1});
    queue(0, 20);
    UNTIL(atomic_load(&ran) == 20);
    ck_assert_uint_eq(atomic_load(&batches), 20);
}
END_TEST

/* ---- the program decides ---- */

static struct {
    atomic_ulong queued; /* by the last question */
    atomic_uint asked, wrong;
    atomic_ulong answer;
} decision;

static unsigned long decide(void *data, unsigned long queued)
{
    if (data != &decision)
        atomic_fetch_add(&decision.wrong, 1);
    if (pthread_mutex_trylock(&big) != 0) /* outside of the lock: nobody else takes it now */
        atomic_fetch_add(&decision.wrong, 1);
    else
        pthread_mutex_unlock(&big);
    atomic_store(&decision.queued, queued);
    atomic_fetch_add(&decision.asked, 1);
    return atomic_load(&decision.answer);
}

static const struct rcu_replay by_thousands = {.group = 1000}, by_fours = {.group = 4};
static const struct rcu_replay deciding = {.decide = decide, .data = &decision};

START_TEST(the_hook_is_asked_with_what_is_queued_and_0_is_not_yet)
{
    begin_test(_i, deciding);
    for (unsigned i = 0; i < 10; i++) {
        queue(i, i + 1);
        UNTIL(atomic_load(&decision.queued) == i + 1);
    }
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 0);
    atomic_store(&decision.answer, 4);
    queue(10, 11); /* asks again */
    UNTIL(atomic_load(&ran) >= 8);
    /* 4, 4, and then there are fewer: not yet. */
    UNTIL(atomic_load(&decision.queued) == 3);
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 8);
    ck_assert_uint_eq(atomic_load(&batches), 2);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 11);
    ck_assert_uint_eq(atomic_load(&decision.wrong), 0);
}
END_TEST

START_TEST(the_hook_is_asked_again_when_the_program_says_so)
{
    begin_test(_i, deciding);
    queue(0, 5);
    UNTIL(atomic_load(&decision.queued) == 5);
    for (unsigned i = 0; i < 5; i++) {
        unsigned asked = atomic_load(&decision.asked);

        rcu_replay_ask();
        UNTIL(atomic_load(&decision.asked) > asked);
        ck_assert_uint_eq(atomic_load(&decision.queued), 5);
        ck_assert_uint_eq(atomic_load(&ran), 0);
    }
    atomic_store(&decision.answer, 6); /* more than there are */
    rcu_replay_ask();
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 0);
    atomic_store(&decision.answer, 5);
    rcu_replay_ask();
    UNTIL(atomic_load(&ran) == 5);
    ck_assert_uint_eq(atomic_load(&batches), 1);
    ck_assert_uint_eq(atomic_load(&decision.wrong), 0);
}
END_TEST

START_TEST(the_hook_is_not_asked_about_nothing)
{
    unsigned asked;

    begin_test(_i, deciding);
    atomic_store(&decision.answer, 1);
    queue(0, 1);
    UNTIL(atomic_load(&ran) == 1);
    UNTIL(stats().callbacks_invoked == stats().callbacks_queued);
    asked = atomic_load(&decision.asked);
    for (int i = 0; i < 20; i++) {
        rcu_replay_ask();
        synchronize_rcu();
        sched_yield();
    }
    ck_assert_uint_eq(atomic_load(&decision.asked), asked);
}
END_TEST

/* ---- barriers ---- */

START_TEST(a_barrier_runs_all_whatever_is_decided)
{
    static void (*const barriers[])(void) = {rcu_barrier, drain_call_rcu};

    begin_test(_i / 4, _i % 2 == 0 ? by_thousands : deciding);
    for (unsigned i = 0; i < 10; i++) {
        queue(5 * i, 5 * (i + 1));
        ck_assert_uint_eq(atomic_load(&ran), 5 * i);
        barriers[_i / 2 % 2]();
        ck_assert_uint_eq(atomic_load(&ran), 5 * (i + 1));
    }
}
END_TEST

static void run_and_queue_another(struct rcu_head *head)
{
    struct item *item = (struct item *)head;

    run(head);
    item[CALLBACKS / 2].number = item->number + CALLBACKS / 2;
    call_rcu(&item[CALLBACKS / 2].head, run);
}

/* However late its caller wakes up. */
START_TEST(a_barrier_runs_nothing_of_what_callbacks_queue)
{
    begin_test(_i / 2, _i % 2 == 0 ? by_thousands : deciding);
    for (unsigned i = 0; i < 20; i++) {
        items[i].number = i;
        call_rcu(&items[i].head, run_and_queue_another);
    }
    rcu_barrier();
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 20);
    ck_assert_uint_eq(atomic_load(&batches), 1);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 40);
    ck_assert_uint_eq(atomic_load(&batches), 2);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_uint_eq(trace.events[1 + i], i);
        ck_assert_uint_eq(trace.events[22 + i], CALLBACKS / 2 + i);
    }
}
END_TEST

static atomic_bool inside_callback, go_on;

/* One batch of one, and then nothing. */
static unsigned long decide_first(void *data, unsigned long queued)
{
    (void)data;
    (void)queued;
    return atomic_load(&inside_callback) ? 0 : 1;
}

static void run_when_told(struct rcu_head *head)
{
    atomic_store(&inside_callback, true);
    UNTIL(atomic_load(&go_on));
    run(head);
}

START_TEST(a_barrier_runs_nothing_that_was_queued_after_it)
{
    struct actor waiter;

    begin_test(_i, (struct rcu_replay){.decide = decide_first});
    call_rcu(&items[0].head, run_when_told);
    UNTIL(atomic_load(&inside_callback));
    queue(1, 6);
    hire(&waiter);
    begin(&waiter, rcu_barrier);
    UNTIL(is_asleep(&waiter));
    queue(6, 11);
    atomic_store(&go_on, true);
    finish(&waiter);
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 6);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran), 11);
    ck_assert_uint_eq(atomic_load(&batches), 3);
    dismiss(&waiter);
}
END_TEST

/* ---- the same again ---- */

static const unsigned long sizes[] = {3, 1, 7, 2, 11, 5};
static unsigned decided;

/* By the count of batches alone. */
static unsigned long decide_by_table(void *data, unsigned long queued)
{
    unsigned long size = sizes[decided % (sizeof sizes / sizeof *sizes)];

    (void)data;
    if (size > queued)
        return 0;
    decided++;
    return size;
}

START_TEST(the_same_program_leaves_the_same_trace)
{
    static unsigned first[4 * CALLBACKS], again[4 * CALLBACKS];
    const struct rcu_replay by_table = {.decide = decide_by_table};

    begin_test(_i / 2, _i % 2 == 0 ? by_fours : by_table);
    for (unsigned round = 0; round < 4; round++) {
        unsigned length, next = 0;

        atomic_store(&trace.length, 0);
        atomic_store(&ran, 0);
        decided = 0;
        for (unsigned i = 0; i < 116; i++) { /* four times through the table: nothing is left */
            queue(i, i + 1);
            if ((i * 7 + round) % 5 < round)
                sched_yield();
        }
        UNTIL(atomic_load(&ran) == 116);
        UNTIL(stats().callbacks_invoked == stats().callbacks_queued);
        length = atomic_load(&trace.length);
        memcpy(round == 0 ? first : again, trace.events, sizeof first);
        ck_assert_uint_eq(length, 116 + (_i % 2 == 0 ? 29 : 24));
        for (unsigned i = 0; i < length; i++)
            if (trace.events[i] != BATCH)
                ck_assert_uint_eq(trace.events[i], next++);
        if (round > 0)
            ck_assert_mem_eq(first, again, length * sizeof *first);
    }
}
END_TEST

/* ---- forcing ---- */

START_TEST(only_the_program_forces)
{
    static struct actor reader;
    struct rcu_stats before;
    bool force = _i % 2 == 1;

    begin_test(_i / 2, (struct rcu_replay){.group = 2, .force = force});
    hire_reader(&reader);
    make(&reader, enter);
    before = stats();
    queue(0, 2);
    UNTIL(leader_waits_for(1));
    if (force)
        UNTIL(stats().sleeps > before.sleeps);
    else
        UNTIL(stats().naps > before.naps + 10 || stats().sleeps > before.sleeps);
    ck_assert_uint_eq(stats().gps_forced, before.gps_forced + force);
    ck_assert_uint_eq(stats().gps_forced_by_call, before.gps_forced_by_call);
    ck_assert_uint_eq(stats().gps_forced_by_time, before.gps_forced_by_time);
    make(&reader, leave);
    UNTIL(atomic_load(&ran) == 2);
    dismiss_reader(&reader);
}
END_TEST

/* ---- on and off ---- */

START_TEST(a_group_of_none_is_refused_and_changes_nothing)
{
    const struct rcu_replay wrong = {.group = 0, .force = true};

    ck_assert_int_eq(rcu_set_replay(&wrong), -EINVAL);
    use(patient(RCU_GP_ADAPTIVE, MS_NS));
    queue(0, 1); /* it is still off */
    UNTIL(atomic_load(&ran) == 1);
    rcu_barrier();
    begin_test(RCU_GP_ADAPTIVE, (struct rcu_replay){.group = 2});
    ck_assert_int_eq(rcu_set_replay(&wrong), -EINVAL);
    queue(1, 2); /* and still on */
    let_grace_periods_pass();
    ck_assert_uint_eq(atomic_load(&ran), 1);
    queue(2, 3);
    UNTIL(atomic_load(&ran) == 3);
}
END_TEST

START_TEST(off_again_callbacks_wait_for_no_group)
{
    begin_test(_i, (struct rcu_replay){.group = 10});
    for (unsigned i = 0; i < 10; i++) {
        const struct rcu_replay again = {.group = 10};

        use(contrary((enum rcu_gp_policy)_i));
        ck_assert_int_eq(rcu_set_replay(&again), 0);
        queue(2 * i, 2 * i + 1);
        let_grace_periods_pass();
        ck_assert_uint_eq(atomic_load(&ran), 2 * i);
        rcu_barrier();
        ck_assert_int_eq(rcu_set_replay(NULL), 0);
        use(patient(RCU_GP_ADAPTIVE, MS_NS));
        queue(2 * i + 1, 2 * i + 2);
        UNTIL(atomic_load(&ran) == 2 * i + 2);
        rcu_barrier();
    }
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *groups = add_case(suite, "groups"), *hook = add_case(suite, "hook"),
          *modes = add_case(suite, "modes");

    tcase_add_loop_test(groups, a_group_waits_until_it_is_whole, 0, POLICIES);
    tcase_add_loop_test(groups, each_group_has_one_grace_period_and_one_batch, 0, POLICIES);
    tcase_add_loop_test(groups, a_group_of_one_runs_each_by_itself, 0, POLICIES);
    tcase_add_loop_test(groups, a_barrier_runs_all_whatever_is_decided, 0, 4 * POLICIES);

    tcase_add_loop_test(groups, a_barrier_runs_nothing_that_was_queued_after_it, 0, POLICIES);
    tcase_add_loop_test(groups, a_barrier_runs_nothing_of_what_callbacks_queue, 0, 2 * POLICIES);

    tcase_add_loop_test(hook, the_hook_is_asked_with_what_is_queued_and_0_is_not_yet, 0, POLICIES);
    tcase_add_loop_test(hook, the_hook_is_asked_again_when_the_program_says_so, 0, POLICIES);
    tcase_add_loop_test(hook, the_hook_is_not_asked_about_nothing, 0, POLICIES);

    tcase_add_loop_test(modes, the_same_program_leaves_the_same_trace, 0, 2 * POLICIES);
    tcase_add_loop_test(modes, only_the_program_forces, 0, 2 * POLICIES);
    tcase_add_test(modes, a_group_of_none_is_refused_and_changes_nothing);
    tcase_add_loop_test(modes, off_again_callbacks_wait_for_no_group, 0, POLICIES);
    return run_suite(suite);
}
