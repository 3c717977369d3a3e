/* What a request waited for: pieces of time whose cause is known, put together. */
#include "bench/gp_causes.h"
#include "library.h"

#include <time.h>

/* Times in the tests are small numbers of nanoseconds. */
static struct stays logs[2];

static void in_log(struct stays *log, int thread_id, struct stay s)
{
    log->thread_id = thread_id;
    log->kept[log->count++ % STAYS_KEPT] = s;
}

static void setup(void)
{
    memset(logs, 0, sizeof logs);
    stays_init(&logs[0]);
    stays_init(&logs[1]);
}

/* A request that was due at 1000 and begun at 1100. Its grace period went from 1200 to 2000, and
 * was last found held up by reader 7 at 1500; the leader then napped until 1800, and ran again at
 * 1900. The answer came at 2300. */
static struct gp_request example(void)
{
    return (struct gp_request){
        .thread_id = 3,
        .due_ns = 1000,
        .begun_ns = 1100,
        .answered_ns = 2300,
        .served = {.leader = 9,
                   .start_ns = 1200,
                   .end_ns = 2000,
                   .pending_ns = 1500,
                   .reader_count = 1,
                   .readers = {7},
                   .nap_ends_ns = 1800,
                   .wake_ns = 1900,
                   .ran_ns = 70,
                   .fence_ns = 30},
    };
}

static struct gp_shares explain(const struct gp_request *r)
{
    struct gp_shares shares = {.own = {0}};
    int64_t sum = 0;

    gp_causes_explain(r, logs, 2, &shares);
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        ck_assert_int_ge(shares.own[i], 0);
        ck_assert_int_ge(shares.queued[i], 0);
        sum += shares.own[i] + shares.queued[i];
    }
    ck_assert_int_eq(sum, r->answered_ns - r->due_ns);
    return shares;
}

START_TEST(each_piece_goes_to_its_cause)
{
    struct gp_request r = example();
    struct gp_shares s;

    /* Of its 1000 ns inside the reader ran for 300 and waited for a CPU for 200. */
    in_log(&logs[0], 7, (struct stay){600, 1600, 300, 200});
    s = explain(&r);
    ck_assert_int_eq(s.own[WOKEN_LATE], 100 + 300);
    ck_assert_int_eq(s.own[READER_RUNNING], 120); /* of 1200 to 1600 */
    ck_assert_int_eq(s.own[READER_PREEMPTED], 80);
    ck_assert_int_eq(s.own[READER_BLOCKED], 200);
    ck_assert_int_eq(s.own[LEADER_NAPS], 200);
    ck_assert_int_eq(s.own[LEADER_WAITS_FOR_CPU], 100 + 100 + 30);
    ck_assert_int_eq(s.own[HEAVY_FENCE], 30);
    ck_assert_int_eq(s.own[LEADER_WORKS], 40);
    ck_assert_int_eq(s.own[UNKNOWN], 0);
    ck_assert_int_eq(s.thread_id[READER_BLOCKED], 7);
    ck_assert_int_eq(s.thread_id[LEADER_NAPS], 9);
    ck_assert_int_eq(s.thread_id[WOKEN_LATE], 3);
}
END_TEST

START_TEST(of_several_readers_the_last_to_leave_counts)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.served.reader_count = 2;
    r.served.readers[1] = 8;
    in_log(&logs[0], 7, (struct stay){600, 1600, 0, 0});
    in_log(&logs[1], 8, (struct stay){600, 1700, 1100, 0});
    s = explain(&r);
    ck_assert_int_eq(s.own[READER_RUNNING], 500);
    ck_assert_int_eq(s.own[READER_BLOCKED], 0);
    ck_assert_int_eq(s.thread_id[READER_RUNNING], 8);
    ck_assert_int_eq(s.own[LEADER_NAPS], 100);
}
END_TEST

START_TEST(a_reader_that_was_not_in_the_way_does_not_count)
{
    struct gp_request r = example();
    struct gp_shares s;

    in_log(&logs[0], 7, (struct stay){600, 1600, 0, 0});
    in_log(&logs[1], 8, (struct stay){1300, 1890, 590, 0}); /* entered since */
    s = explain(&r);
    ck_assert_int_eq(s.own[READER_BLOCKED], 400);
    ck_assert_int_eq(s.own[READER_RUNNING], 0);
}
END_TEST

START_TEST(the_section_is_the_one_of_that_moment)
{
    struct gp_request r = example();
    struct gp_shares s;

    in_log(&logs[0], 7, (struct stay){100, 500, 400, 0});
    in_log(&logs[0], 7, (struct stay){600, 1600, 0, 0});
    in_log(&logs[0], 7, (struct stay){1700, 1850, 150, 0});
    s = explain(&r);
    ck_assert_int_eq(s.own[READER_BLOCKED], 400);
    ck_assert_int_eq(s.own[READER_RUNNING], 0);
    ck_assert(gp_causes_known(&r, logs, 2));
}
END_TEST

START_TEST(a_section_that_is_not_logged_yet_is_waited_for)
{
    struct gp_request r = example();

    logs[0].thread_id = 7;
    logs[0].inside_since_ns = 600;
    ck_assert(!gp_causes_known(&r, logs, 2));
    ck_assert_int_eq(explain(&r).own[READER_INSIDE], 700); /* until the leader found out */
    logs[0].inside_since_ns = 1700;                        /* the next one */
    in_log(&logs[0], 7, (struct stay){600, 1600, 0, 0});
    ck_assert(gp_causes_known(&r, logs, 2));
}
END_TEST

START_TEST(a_queued_request_inherits_what_held_up_the_one_before)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.before = (struct gp_facts){.leader = 8,
                                 .start_ns = 500,
                                 .end_ns = 1190,
                                 .pending_ns = 900,
                                 .reader_count = 1,
                                 .readers = {7},
                                 .wake_ns = 1180,
                                 .ran_ns = 10};
    in_log(&logs[0], 7, (struct stay){400, 1150, 750, 0});
    in_log(&logs[0], 7, (struct stay){1160, 1600, 0, 0});
    s = explain(&r);
    ck_assert_int_eq(s.queued[READER_RUNNING], 50);       /* from 1100 to 1150 */
    ck_assert_int_eq(s.queued[LEADER_WAITS_FOR_CPU], 30); /* to be woken */
    ck_assert_int_eq(s.queued[LEADER_WORKS], 10);
    ck_assert_int_eq(s.own[READER_BLOCKED], 400);
    /* From 1190 on the next leader was on its way; the rest as in the first test. */
    ck_assert_int_eq(s.own[LEADER_WAITS_FOR_CPU], 10 + 100 + 30);
}
END_TEST

START_TEST(a_grace_period_without_readers_is_its_leaders)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.served.pending_ns = r.served.wake_ns = r.served.nap_ends_ns = 0;
    r.served.reader_count = 0;
    s = explain(&r);
    ck_assert_int_eq(s.own[LEADER_WAITS_FOR_CPU], 100 + 730);
    ck_assert_int_eq(s.own[HEAVY_FENCE], 30);
    ck_assert_int_eq(s.own[LEADER_WORKS], 40);
}
END_TEST

START_TEST(a_reader_that_leaves_in_a_spin_is_found_at_once)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.served.wake_ns = 1400; /* from a nap before */
    r.served.nap_ends_ns = 0;
    in_log(&logs[0], 7, (struct stay){600, 1990, 1390, 0});
    s = explain(&r);
    ck_assert_int_eq(s.own[READER_RUNNING], 790);
    ck_assert_int_eq(s.own[LEADER_WAITS_FOR_CPU], 100 + 10);
}
END_TEST

START_TEST(late_because_all_were_busy_is_not_woken_late)
{
    struct gp_request r = example();

    r.busy = true;
    ck_assert_int_eq(explain(&r).own[ALL_BUSY], 100);
}
END_TEST

START_TEST(a_callback_waits_for_its_thread)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.by_callback = true;
    s = explain(&r);
    ck_assert_int_eq(s.own[CALLBACK_THREAD], 100 + 300);
    ck_assert_int_eq(s.own[WOKEN_LATE], 100);
}
END_TEST

START_TEST(from_outside_the_readers_of_that_moment_are_known_and_no_more)
{
    struct gp_request r = example();
    struct gp_shares s;

    r.served.leader = 0;
    in_log(&logs[0], 7, (struct stay){600, 1600, 1000, 0});
    in_log(&logs[1], 8, (struct stay){1200, 2200, 0, 0}); /* may have been in the way, or not */
    s = explain(&r);
    ck_assert_int_eq(s.own[WOKEN_LATE], 100);
    ck_assert_int_eq(s.own[READER_RUNNING], 500);
    ck_assert_int_eq(s.own[UNKNOWN], 700);
}
END_TEST

START_TEST(a_thread_logs_where_it_was)
{
    const struct timespec nap = {.tv_nsec = 20000000};
    struct stay s;

    stays_open(&logs[0]);
    stays_enter(&logs[0]);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    stays_leave(&logs[0]);
    stays_close(&logs[0]);
    s = logs[0].kept[0];
    ck_assert_int_eq(logs[0].thread_id, gettid());
    ck_assert_uint_eq(logs[0].count, 1);
    ck_assert_int_ge(s.leave_ns - s.enter_ns, 20000000);
    ck_assert_int_ge(s.ran_ns, 0);
    /* What is left over it slept. */
    ck_assert_int_ge(s.leave_ns - s.enter_ns - s.ran_ns - s.waited_ns, 10000000);
    ck_assert_int_eq(logs[0].inside_since_ns, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("causes of waits for grace periods");
    TCase *c = tcase_create("causes");

    tcase_set_timeout(c, 120);
    suite_add_tcase(suite, c);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, each_piece_goes_to_its_cause);
    tcase_add_test(c, of_several_readers_the_last_to_leave_counts);
    tcase_add_test(c, a_reader_that_was_not_in_the_way_does_not_count);
    tcase_add_test(c, the_section_is_the_one_of_that_moment);
    tcase_add_test(c, a_section_that_is_not_logged_yet_is_waited_for);
    tcase_add_test(c, a_queued_request_inherits_what_held_up_the_one_before);
    tcase_add_test(c, a_grace_period_without_readers_is_its_leaders);
    tcase_add_test(c, a_reader_that_leaves_in_a_spin_is_found_at_once);
    tcase_add_test(c, late_because_all_were_busy_is_not_woken_late);
    tcase_add_test(c, a_callback_waits_for_its_thread);
    tcase_add_test(c, from_outside_the_readers_of_that_moment_are_known_and_no_more);
    tcase_add_test(c, a_thread_logs_where_it_was);
    return run_suite(suite);
}
