/* Records of grace periods: what their leaders tell those that they served. */
#include "actor.h"

static struct actor reader, first, second;
static struct kept {
    struct rcu_gp_record served, before;
    bool known;
} firsts, seconds;

static void keep(struct kept *k)
{
    synchronize_rcu();
    k->known = rcu_gp_records(&k->served, &k->before);
}

static void keep_first(void)
{
    keep(&firsts);
}

/* Of the call before. */
static void ask_first(void)
{
    firsts.known = rcu_gp_records(&firsts.served, &firsts.before);
}

static void keep_second(void)
{
    keep(&seconds);
}

static void record(enum rcu_gp_policy policy, bool on)
{
    struct rcu_settings settings = patient(policy, MS_NS / 10);

    settings.gp_records = on;
    use(settings);
}

static void setup(void)
{
    firsts = seconds = (struct kept){.known = false};
    hire_reader(&reader);
    hire(&first);
    hire(&second);
}

static void teardown(void)
{
    dismiss_reader(&reader);
    dismiss(&first);
    dismiss(&second);
}

static bool naps(enum rcu_gp_policy policy)
{
    return policy != RCU_GP_EVENT;
}

START_TEST(a_record_names_the_reader_that_was_in_the_way)
{
    const struct rcu_gp_record *r = &firsts.served;
    int64_t asked_ns, leaves_ns;

    record((enum rcu_gp_policy)_i, true);
    make(&reader, enter);
    asked_ns = now_ns();
    begin_and_wait(&first, keep_first, 1);
    leaves_ns = now_ns();
    make(&reader, leave);
    finish(&first);

    ck_assert(firsts.known);
    ck_assert_int_eq(r->leader, first.thread_id);
    ck_assert_uint_eq(r->reader_count, 1);
    ck_assert_int_eq(r->readers[0], reader.thread_id);
    ck_assert_int_le(asked_ns, r->start_ns);
    ck_assert_int_le(r->start_ns, r->pending_ns);
    ck_assert_int_le(r->pending_ns, r->wake_ns);
    ck_assert_int_le(leaves_ns, r->end_ns); /* it may leave between the wake-up and the scan */
    ck_assert_int_le(r->wake_ns, r->end_ns);
    ck_assert_int_le(r->end_ns, now_ns());
    if (naps((enum rcu_gp_policy)_i))
        ck_assert_int_gt(r->nap_ends_ns, r->pending_ns);
    else
        ck_assert_int_eq(r->nap_ends_ns, 0);
    ck_assert_int_ge(r->ran_ns, 0);
    /* Two clocks, which may go at rates that differ a little. */
    ck_assert_int_le(r->ran_ns, r->end_ns - r->wake_ns + (r->end_ns - r->wake_ns) / 1000 + 100);
    /* The 0 of the reader that left needs a fence, if there was none before the wait. */
    if (naps((enum rcu_gp_policy)_i) && !TWO_PHASES)
        ck_assert_int_gt(r->fence_ns, 0);
    ck_assert(!r->forced);
}
END_TEST

START_TEST(nobody_in_the_way_is_no_reader_and_no_wait)
{
    const struct rcu_gp_record *r = &firsts.served;

    record((enum rcu_gp_policy)_i, true);
    make(&reader, enter); /* in the way of the one before */
    begin_and_wait(&first, synchronize_rcu, 1);
    make(&reader, leave);
    finish(&first);
    make(&first, keep_first);
    ck_assert(firsts.known);
    ck_assert_int_eq(r->pending_ns, 0);
    ck_assert_uint_eq(r->reader_count, 0);
    ck_assert_int_eq(r->wake_ns, 0);
    ck_assert_int_gt(r->end_ns, r->start_ns);
    ck_assert_int_gt(r->ran_ns, 0);
}
END_TEST

/* A second call comes while the first one's grace period waits for the reader. */
static void queue_second(void)
{
    make(&reader, enter);
    begin_and_wait(&first, keep_first, 1);
    begin(&second, keep_second);
    UNTIL(atomic_load(&second.started));
    FOR_A_WHILE(1000)
    sched_yield();
    make(&reader, leave);
    finish(&first);
    finish(&second);
}

START_TEST(a_call_that_was_queued_knows_what_it_was_queued_behind)
{
    record((enum rcu_gp_policy)_i, true);
    /* Whether the second call comes in time is the scheduler's. */
    do {
        queue_second();
        ck_assert(firsts.known && seconds.known);
        ck_assert_int_ge(seconds.served.start_ns, firsts.served.end_ns);
        ck_assert_int_ge(seconds.served.start_ns, seconds.before.end_ns);
    } while (seconds.before.end_ns != firsts.served.end_ns);
    ck_assert_int_eq(seconds.before.start_ns, firsts.served.start_ns);
    ck_assert_int_eq(seconds.before.readers[0], reader.thread_id);
    ck_assert_int_eq(seconds.before.leader, first.thread_id);
}
END_TEST

START_TEST(a_forced_grace_period_says_so)
{
    record((enum rcu_gp_policy)_i, true);
    make(&reader, enter);
    begin_and_wait(&first, keep_first, 1);
    force_rcu();
    make(&reader, leave);
    finish(&first);
    ck_assert(firsts.known);
    ck_assert(firsts.served.forced);
}
END_TEST

START_TEST(without_the_setting_nothing_is_known)
{
    record(RCU_GP_ADAPTIVE, false);
    make(&first, keep_first);
    ck_assert(!firsts.known);
    record(RCU_GP_ADAPTIVE, true);
    make(&first, keep_first);
    ck_assert(firsts.known);
    record(RCU_GP_ADAPTIVE, false);
    make(&first, keep_first);
    ck_assert(!firsts.known);
    /* Nor of the call before, by a later wish. */
    record(RCU_GP_ADAPTIVE, true);
    make(&first, ask_first);
    ck_assert(!firsts.known);
}
END_TEST

static void keep_times_alone(void)
{
    struct rcu_settings settings = patient(RCU_GP_POLL, MS_NS / 10);

    settings.gp_times = true;
    use(settings);
}

START_TEST(the_one_before_is_of_the_same_call_when_settings_change_meanwhile)
{
    int64_t before_ns;

    record(RCU_GP_POLL, true);
    make(&reader, enter);
    begin_and_wait(&first, keep_first, 1);
    make(&reader, leave);
    finish(&first);
    before_ns = firsts.served.end_ns;
    make(&reader, enter);
    begin_and_wait(&first, synchronize_rcu, 1);
    keep_times_alone();
    make(&reader, leave);
    finish(&first);
    record(RCU_GP_POLL, true);
    make(&first, ask_first);
    ck_assert(firsts.known);
    ck_assert_int_eq(firsts.before.end_ns, before_ns);
}
END_TEST

static struct kept callbacks;

static void keep_in_callback(struct rcu_head *head)
{
    (void)head;
    callbacks.known = rcu_gp_records(&callbacks.served, &callbacks.before);
}

START_TEST(a_callback_knows_the_record_of_its_grace_period)
{
    static struct rcu_head head;

    record(RCU_GP_POLL, true);
    make(&reader, enter);
    call_rcu(&head, keep_in_callback);
    UNTIL(leader_waits_for(1));
    make(&reader, leave);
    rcu_barrier();
    ck_assert(callbacks.known);
    ck_assert_int_eq(callbacks.served.readers[0], reader.thread_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("records of grace periods");
    TCase *records = add_case(suite, "records");

    tcase_add_checked_fixture(records, setup, teardown);
    tcase_add_loop_test(records, a_record_names_the_reader_that_was_in_the_way, 0, POLICIES);
    tcase_add_loop_test(records, nobody_in_the_way_is_no_reader_and_no_wait, 0, POLICIES);
    tcase_add_loop_test(records, a_call_that_was_queued_knows_what_it_was_queued_behind, 0,
                        POLICIES);
    tcase_add_loop_test(records, a_forced_grace_period_says_so, 0, POLICIES);
    tcase_add_test(records, without_the_setting_nothing_is_known);
    tcase_add_test(records, the_one_before_is_of_the_same_call_when_settings_change_meanwhile);
    tcase_add_test(records, a_callback_knows_the_record_of_its_grace_period);
    return run_suite(suite);
}
