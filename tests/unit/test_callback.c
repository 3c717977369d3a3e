/* Callbacks: in which order and when they run, as stillpoint/rcu_callback.h promises. Barriers, the
 * lock and statistics have a file of their own, test_callback_lock.c. */
#include <stillpoint/rcu.h>

#include "items.h"

#include <check.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- the queue ---- */

START_TEST(all_callbacks_run_in_the_order_in_which_they_were_queued)
{
    use_policy(_i);
    for (unsigned round = 0; round < 4; round++) {
        unsigned size = CALLBACKS / 4;

        queue(round * size, (round + 1) * size);
        if (round % 2 == 0)
            rcu_barrier();
    }
    rcu_barrier();
    for (unsigned i = 0; i < CALLBACKS; i++)
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
}
END_TEST

START_TEST(callbacks_need_no_barrier_to_run)
{
    use_policy(_i);
    for (unsigned i = 0; i < 50; i++) {
        queue(i, i + 1);
        UNTIL(has_run(i));
    }
}
END_TEST

START_TEST(batches_of_any_size_run_all)
{
    static const unsigned sizes[] = {1, 2, 99, 100, 101, UINT_MAX};
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);

    settings.callback_batch = sizes[_i];
    use(settings);
    queue(0, 100);
    rcu_barrier();
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
}
END_TEST

static atomic_uint out_of_order;
static unsigned next_number[PRODUCERS]; /* the callback thread's */

static void check_number(struct rcu_head *head)
{
    struct item *item = item_of(head);

    if (item->number != next_number[item->producer]++)
        atomic_fetch_add(&out_of_order, 1);
    atomic_fetch_add(&ran_count, 1);
}

static void *producer_main(void *argument)
{
    struct item *mine = argument;

    for (unsigned i = 0; i < CALLBACKS; i++) {
        mine[i].producer = (int)((mine - items) / CALLBACKS);
        mine[i].number = i;
        call_rcu(&mine[i].head, check_number);
        if (i % 100 == 0)
            sched_yield();
    }
    /* All of its own have run, whatever the others still queue. */
    rcu_barrier();
    if (next_number[mine[0].producer] != CALLBACKS)
        atomic_fetch_add(&out_of_order, 1);
    return NULL;
}

static void nothing(struct rcu_head *head)
{
    (void)head;
}

START_TEST(counts_are_exact_after_a_barrier)
{
    static struct rcu_head heads[3];
    struct rcu_stats before, after;

    rcu_barrier();
    rcu_get_stats(&before);
    for (unsigned i = 1; i <= 1000; i++) {
        for (unsigned j = 0; j < 3; j++)
            call_rcu(&heads[j], nothing);
        rcu_barrier();
        rcu_get_stats(&after);
        ck_assert_uint_eq(after.callbacks_invoked - before.callbacks_invoked, 4 * i);
        ck_assert_uint_eq(after.callbacks_queued - before.callbacks_queued, 4 * i);
    }
}
END_TEST

START_TEST(callbacks_of_several_threads_keep_the_order_of_each)
{
    pthread_t threads[PRODUCERS];

    use_policy(_i);
    for (int i = 0; i < PRODUCERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, producer_main, &items[i * CALLBACKS]),
                         0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&out_of_order), 0);
    ck_assert_uint_eq(atomic_load(&ran_count), PRODUCERS * CALLBACKS);
}
END_TEST

static void free_item(struct rcu_head *head)
{
    memset(item_of(head), 0x5a, sizeof(struct item));
    free(item_of(head));
}

START_TEST(a_callback_may_free_what_its_head_is_in)
{
    use_policy(_i);
    for (unsigned i = 0; i < CALLBACKS; i++) {
        struct item *item = malloc(sizeof *item);

        ck_assert_ptr_nonnull(item);
        call_rcu(&item->head, free_item);
    }
    rcu_barrier();
}
END_TEST

static void run_and_queue_the_next(struct rcu_head *head)
{
    struct item *item = item_of(head);

    if (item != &items[CALLBACKS - 1])
        call_rcu(&item[1].head, run_and_queue_the_next);
    run_item(head);
}

START_TEST(a_callback_may_queue_another)
{
    use_policy(RCU_GP_ADAPTIVE);
    call_rcu(&items[0].head, run_and_queue_the_next);
    UNTIL(has_run(CALLBACKS - 1));
    for (unsigned i = 0; i < CALLBACKS; i++)
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
}
END_TEST

static void run_and_queue_itself(struct rcu_head *head)
{
    if (atomic_fetch_add(&ran_count, 1) + 1 < 100)
        call_rcu(head, run_and_queue_itself);
}

START_TEST(a_callback_may_queue_its_own_head)
{
    use_policy(RCU_GP_ADAPTIVE);
    call_rcu(&items[0].head, run_and_queue_itself);
    UNTIL(atomic_load(&ran_count) == 100);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
}
END_TEST

static atomic_bool section_ok;

static void enter_a_section(struct rcu_head *head)
{
    rcu_read_lock();
    atomic_store(&section_ok, rcu_read_locked());
    rcu_read_unlock();
    run_item(head);
}

START_TEST(a_callback_may_enter_sections)
{
    call_rcu(&items[0].head, enter_a_section);
    rcu_barrier();
    ck_assert(atomic_load(&section_ok));
}
END_TEST

/* ---- when callbacks run ---- */

START_TEST(a_section_from_before_is_waited_for)
{
    struct reader reader;

    use_policy(_i);
    reader_enters(&reader);
    queue(0, 1);
    UNTIL(leader_waits() || has_run(0));
    ck_assert(!has_run(0));
    force_rcu();
    ck_assert(!has_run(0));
    reader_leaves(&reader);
    rcu_barrier();
    ck_assert(has_run(0));
}
END_TEST

/* The grace period that runs is not the second callback's: the second reader came after that had
 * begun, and before the callback was queued. */
START_TEST(a_callback_queued_during_a_grace_period_waits_for_the_next)
{
    struct reader first, second;

    use_policy(_i);
    reader_enters(&first);
    queue(0, 1);
    UNTIL(leader_waits());
    reader_enters(&second);
    queue(1, 2);
    reader_leaves(&first);
    UNTIL(has_run(0));
    UNTIL(leader_waits() || has_run(1));
    ck_assert_msg(!has_run(1), "it ran before a section ended that was there when it was queued");
    reader_leaves(&second);
    rcu_barrier();
    ck_assert(has_run(1));
}
END_TEST

START_TEST(callbacks_may_be_queued_inside_a_section)
{
    use_policy(_i);
    rcu_register_thread();
    rcu_read_lock();
    queue(0, 10);
    UNTIL(leader_waits() || has_run(0));
    ck_assert(!has_run(0));
    rcu_read_unlock();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 10);
    rcu_unregister_thread();
}
END_TEST

static int64_t callback_start_ns, callback_end_ns;
static bool callback_knew;

static void ask_times(struct rcu_head *head)
{
    callback_knew = rcu_gp_times(&callback_start_ns, &callback_end_ns);
    run_item(head);
}

START_TEST(a_callback_knows_the_times_of_its_grace_period)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);
    struct reader reader;
    int64_t queued_ns, left_ns;

    settings.gp_times = true;
    use(settings);
    reader_enters(&reader);
    queued_ns = now_ns();
    call_rcu(&items[0].head, ask_times);
    UNTIL(leader_waits());
    left_ns = now_ns();
    reader_leaves(&reader);
    rcu_barrier();
    ck_assert(callback_knew);
    ck_assert_int_le(queued_ns, callback_start_ns);
    ck_assert_int_le(callback_start_ns, left_ns);
    ck_assert_int_le(left_ns, callback_end_ns);
    ck_assert_int_le(callback_end_ns, now_ns());
}
END_TEST

/* ---- piling up ---- */

static struct rcu_settings piling_up(void)
{
    struct rcu_settings settings = patient(RCU_GP_EVENT, HOUR_NS);

    settings.force_naps = 5;
    settings.force_callbacks = 10;
    return settings;
}

START_TEST(under_the_event_policy_callbacks_wait_until_there_are_enough)
{
    use(piling_up());
    queue(0, 9);
    /* Grace periods come and go, none of theirs. */
    for (int i = 0; i < 100; i++) {
        synchronize_rcu();
        ck_assert(!has_run(0));
    }
    queue(9, 10);
    UNTIL(has_run(9));
}
END_TEST

static void force(void)
{
    force_rcu();
}

static void change_policy(void)
{
    use(patient(RCU_GP_POLL, MS_NS));
}

static void lower_the_limit(void)
{
    struct rcu_settings settings = piling_up();

    settings.force_callbacks = 5;
    use(settings);
}

static void shorten_the_intervals(void)
{
    struct rcu_settings settings = piling_up();

    settings.poll_interval_ns = 1;
    use(settings);
}

static void want_no_intervals(void)
{
    struct rcu_settings settings = piling_up();

    settings.force_naps = 0;
    use(settings);
}

static void (*const requests[])(void) = {
    force,           rcu_barrier,           drain_call_rcu,   change_policy,
    lower_the_limit, shorten_the_intervals, want_no_intervals};
enum { REQUESTS = sizeof requests / sizeof *requests };

static bool piles_up(void)
{
    struct rcu_duty duties[4];
    unsigned count = rcu_duties(duties, 4);

    for (unsigned i = 0; i < count; i++)
        if (strcmp(duties[i].what, "lets callbacks pile up") == 0)
            return true;
    return false;
}

START_TEST(a_request_ends_the_piling_up)
{
    use(piling_up());
    queue(0, 5);
    UNTIL(piles_up());
    for (int i = 0; i < 10; i++)
        synchronize_rcu();
    ck_assert(!has_run(0));
    requests[_i]();
    UNTIL(has_run(4));
}
END_TEST

static atomic_bool busy, let_go;

static void keep_busy(struct rcu_head *head)
{
    atomic_store(&busy, true);
    while (!atomic_load(&let_go))
        sched_yield();
    run_item(head);
}

/* The next grace period, which is forced, is another's: it is over when the callback thread, busy
 * so far, looks at what was queued meanwhile. */
START_TEST(a_request_is_for_the_callbacks_though_another_takes_its_grace_period)
{
    struct rcu_settings settings = piling_up();
    struct reader reader;
    struct rcu_stats stats;
    unsigned long forced;

    use(settings);
    call_rcu(&items[0].head, keep_busy);
    force_rcu();
    UNTIL(atomic_load(&busy));
    queue(1, 2);
    force_rcu();
    synchronize_rcu();
    rcu_get_stats(&stats);
    forced = stats.gps_forced;
    reader_enters(&reader);
    atomic_store(&let_go, true);
    UNTIL((rcu_get_stats(&stats), stats.gps_forced == forced + 1));
    reader_leaves(&reader);
    UNTIL(has_run(1));
}
END_TEST

START_TEST(piling_up_ends_with_its_time)
{
    struct rcu_settings settings = piling_up();

    settings.poll_interval_ns = MS_NS;
    use(settings);
    queue(0, 1);
    UNTIL(has_run(0));
}
END_TEST

/* An hour, so many times: more than a number of nanoseconds can hold. */
START_TEST(piling_up_may_be_without_end)
{
    struct rcu_settings settings = piling_up();

    settings.force_naps = _i == 0 ? UINT_MAX : 3000000;
    use(settings);
    queue(0, 9);
    FOR_A_WHILE(1000)
    {
        synchronize_rcu();
        sched_yield();
    }
    ck_assert_uint_eq(atomic_load(&ran_count), 0);
    queue(9, 10);
    UNTIL(has_run(9));
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_the_queue(Suite *suite)
{
    TCase *order = add_case(suite, "order"), *when = add_case(suite, "when"),
          *pile = add_case(suite, "piling up");

    tcase_add_loop_test(order, all_callbacks_run_in_the_order_in_which_they_were_queued, 0,
                        POLICIES);
    tcase_add_loop_test(order, callbacks_need_no_barrier_to_run, 0, POLICIES);
    tcase_add_loop_test(order, batches_of_any_size_run_all, 0, 6);
    tcase_add_test(order, counts_are_exact_after_a_barrier);
    tcase_add_loop_test(order, callbacks_of_several_threads_keep_the_order_of_each, 0, POLICIES);
    tcase_add_loop_test(order, a_callback_may_free_what_its_head_is_in, 0, POLICIES);
    tcase_add_test(order, a_callback_may_queue_another);
    tcase_add_test(order, a_callback_may_queue_its_own_head);
    tcase_add_test(order, a_callback_may_enter_sections);

    tcase_add_loop_test(when, a_section_from_before_is_waited_for, 0, POLICIES);
    tcase_add_loop_test(when, a_callback_queued_during_a_grace_period_waits_for_the_next, 0,
                        POLICIES);
    tcase_add_loop_test(when, callbacks_may_be_queued_inside_a_section, 0, POLICIES);
    tcase_add_test(when, a_callback_knows_the_times_of_its_grace_period);

    tcase_add_test(pile, under_the_event_policy_callbacks_wait_until_there_are_enough);
    tcase_add_loop_test(pile, a_request_ends_the_piling_up, 0, REQUESTS);
    tcase_add_test(pile, a_request_is_for_the_callbacks_though_another_takes_its_grace_period);
    tcase_add_test(pile, piling_up_ends_with_its_time);
    tcase_add_loop_test(pile, piling_up_may_be_without_end, 0, 2);
}

int main(void)
{
    Suite *suite = suite_create("callback");

    add_tests_of_the_queue(suite);
    return run_suite(suite);
}
