/* Polled grace periods that nobody waits for, waiting for cookies, misuse. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <dirent.h>
#include <sched.h>

static unsigned long (*const takes[])(void) = {
    get_state_synchronize_rcu, start_poll_synchronize_rcu, start_poll_synchronize_rcu_expedited};
static struct actor reader, updater;

static void begin_test(struct rcu_settings settings)
{
    use(settings);
    hire_reader(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

static bool expired(unsigned long cookie)
{
    return poll_state_synchronize_rcu(cookie);
}

/* ---- grace periods that nobody waits for ---- */

START_TEST(a_started_one_expires_with_nobody_waiting)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)(_i / 2), HOUR_NS);
    unsigned long (*start)(void) = takes[1 + _i % 2];

    use(settings);
    for (int i = 0; i < 50; i++) {
        unsigned long cookie = start();

        UNTIL(expired(cookie));
    }
}
END_TEST

START_TEST(a_started_one_expires_when_its_reader_leaves)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)_i, MS_NS);

    if (settings.gp_policy == RCU_GP_ADAPTIVE) /* by the age of the grace period, not by this */
        settings.poll_interval_ns = HOUR_NS;
    begin_test(settings);
    for (int i = 0; i < 3; i++) {
        unsigned long cookie;

        make(&reader, enter);
        cookie = start_poll_synchronize_rcu();
        UNTIL(leader_waits_for(1));
        ck_assert(!expired(cookie));
        make(&reader, leave);
        UNTIL(expired(cookie));
    }
    end_test();
}
END_TEST

START_TEST(each_started_one_expires_while_others_are_under_way)
{
    struct actor others[2];
    unsigned long first, second;

    begin_test(patient((enum rcu_gp_policy)_i, MS_NS));
    for (int i = 0; i < 2; i++)
        hire_reader(&others[i]);
    make(&others[0], enter);
    first = start_poll_synchronize_rcu();
    UNTIL(leader_waits_for(1));
    if (!TWO_PHASES)
        make(&others[1], enter);
    second = start_poll_synchronize_rcu();
    ck_assert(!same_state_synchronize_rcu(first, second));
    ck_assert(!expired(first) && !expired(second));
    make(&others[0], leave);
    if (!TWO_PHASES) {
        UNTIL(expired(first));
        UNTIL(leader_waits_for(1));
        ck_assert(!expired(second));
        make(&others[1], leave);
    }
    UNTIL(expired(first) && expired(second));
    for (int i = 0; i < 2; i++)
        dismiss_reader(&others[i]);
    end_test();
}
END_TEST

/* The naps are of an hour, but for the forced state. */
START_TEST(an_expedited_one_is_forced_under_every_policy)
{
    struct rcu_stats before;
    unsigned long cookie;

    begin_test(patient((enum rcu_gp_policy)_i, HOUR_NS));
    make(&reader, enter);
    before = stats();
    cookie = start_poll_synchronize_rcu_expedited();
    UNTIL(stats().sleeps > before.sleeps);
    ck_assert_uint_eq(stats().gps_forced, before.gps_forced + 1);
    ck_assert_uint_eq(stats().naps, before.naps);
    ck_assert(!expired(cookie));
    make(&reader, leave);
    UNTIL(expired(cookie));
    ck_assert_uint_eq(stats().gps_forced_by_call, before.gps_forced_by_call);
    ck_assert_uint_eq(stats().gps_forced_by_time, before.gps_forced_by_time);
    end_test();
}
END_TEST

START_TEST(an_expedited_one_ends_the_naps_of_the_one_under_way)
{
    struct rcu_stats before;
    unsigned long first, second;

    begin_test(patient((enum rcu_gp_policy)_i, HOUR_NS));
    make(&reader, enter);
    before = stats();
    first = start_poll_synchronize_rcu();
    UNTIL(leader_waits_for(1));
    second = start_poll_synchronize_rcu_expedited();
    UNTIL(stats().sleeps > before.sleeps);
    UNTIL(stats().gps_forced > before.gps_forced);
    make(&reader, leave);
    UNTIL(expired(first) && expired(second));
    end_test();
}
END_TEST

#define STARTERS 8
static atomic_uint ready;
static unsigned long cookies[STARTERS];

static void *starter_main(void *cookie)
{
    atomic_fetch_add(&ready, 1);
    UNTIL(atomic_load(&ready) == STARTERS);
    *(unsigned long *)cookie = start_poll_synchronize_rcu();
    return NULL;
}

static unsigned threads_called(const char *name)
{
    DIR *directory = opendir("/proc/self/task");
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *d = readdir(directory); d != NULL; d = readdir(directory)) {
        char path[300], got[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", d->d_name);
        file = fopen(path, "r");
        if (file != NULL) {
            count += fgets(got, sizeof got, file) != NULL && strncmp(got, name, strlen(name)) == 0;
            fclose(file);
        }
    }
    closedir(directory);
    return count;
}

START_TEST(threads_that_start_the_first_at_once_start_one_thread)
{
    pthread_t threads[STARTERS];

    for (int i = 0; i < STARTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, starter_main, &cookies[i]), 0);
    for (int i = 0; i < STARTERS; i++) {
        pthread_join(threads[i], NULL);
        UNTIL(expired(cookies[i]));
    }
    ck_assert_uint_eq(threads_called("rcu-poll"), 1);
}
END_TEST

START_TEST(the_thread_may_be_started_before)
{
    rcu_start_poll_thread();
    UNTIL(threads_called("rcu-poll") == 1);
    for (int i = 0; i < 3; i++) {
        unsigned long cookie = start_poll_synchronize_rcu();

        UNTIL(poll_state_synchronize_rcu(cookie));
        rcu_start_poll_thread();
    }
    ck_assert_uint_eq(threads_called("rcu-poll"), 1);
}
END_TEST

/* ---- waiting for a cookie ---- */

static void (*const cond_waits[])(unsigned long) = {cond_synchronize_rcu,
                                                    cond_synchronize_rcu_expedited};
static unsigned long cookie_of_job;
static int cond_of_job;

static void cond_wait(void)
{
    cond_waits[cond_of_job](cookie_of_job);
}

START_TEST(waiting_for_a_cookie_that_has_expired_returns_at_once)
{
    unsigned long cookie = get_state_synchronize_rcu(), gps;

    begin_test(patient(the_policy, HOUR_NS));
    synchronize_rcu();
    gps = stats().gps;
    make(&reader, enter); /* whoever waited now would not return */
    cond_waits[_i % 2](cookie);
    cond_waits[_i % 2](get_completed_synchronize_rcu());
    ck_assert_uint_eq(stats().gps, gps);
    make(&reader, leave);
    end_test();
}
END_TEST

START_TEST(waiting_for_a_cookie_waits_for_its_grace_period)
{
    struct rcu_stats before;

    begin_test(patient(the_policy, MS_NS));
    cond_of_job = _i % 2;
    for (int i = 0; i < 5; i++) {
        make(&reader, enter);
        before = stats();
        cookie_of_job = get_state_synchronize_rcu();
        begin_and_wait(&updater, cond_wait, 1);
        ck_assert(!expired(cookie_of_job));
        make(&reader, leave);
        finish(&updater);
        ck_assert(expired(cookie_of_job));
        ck_assert_uint_eq(stats().gps, before.gps + 1);
        ck_assert_uint_eq(stats().gps_forced, before.gps_forced + (cond_of_job == 1 ? 1 : 0));
    }
    end_test();
}
END_TEST

/* ---- where cookies may be taken ---- */

static atomic_uint polled;

static void poll_in_callback(struct rcu_head *head)
{
    static unsigned long cookie;

    if (atomic_load(&polled) == 0) {
        atomic_store(&polled, 1);
        cookie = start_poll_synchronize_rcu();
        expired(get_state_synchronize_rcu());
        call_rcu(head, poll_in_callback);
    } else {
        /* The grace period of this callback began after the cookie was taken. */
        atomic_store(&polled, expired(cookie) ? 2 : 3);
    }
}

START_TEST(callbacks_may_take_and_poll_cookies)
{
    static struct rcu_head head;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    call_rcu(&head, poll_in_callback);
    rcu_barrier();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&polled), 2);
}
END_TEST

static void cond_in_a_section(void)
{
    rcu_register_thread();
    rcu_read_lock();
    cond_synchronize_rcu(get_completed_synchronize_rcu());
}

static void cond_expedited_in_a_section(void)
{
    rcu_register_thread();
    rcu_read_lock();
    cond_synchronize_rcu_expedited(get_completed_synchronize_rcu());
}

#ifdef STILLPOINT_DEBUG
static unsigned long parents_cookie;

static void poll_the_parents(void)
{
    poll_state_synchronize_rcu(parents_cookie);
}

static void wait_for_the_parents(void)
{
    cond_synchronize_rcu(parents_cookie);
}

static void poll_none(void)
{
    poll_state_synchronize_rcu(0);
}
#endif

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {cond_in_a_section, "cond_synchronize_rcu() inside a read section"},
    {cond_expedited_in_a_section, "cond_synchronize_rcu_expedited() inside a read section"},
#ifdef STILLPOINT_DEBUG
    {poll_the_parents, "a cookie of another process"},
    {wait_for_the_parents, "a cookie of another process"},
    {poll_none, "a cookie of another process, or none at all"},
#endif
};

START_TEST(misuse_aborts_with_a_message)
{
#ifdef STILLPOINT_DEBUG
    parents_cookie = get_state_synchronize_rcu();
#endif
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_waits(Suite *suite)
{
    TCase *started = add_case(suite, "started"), *cond = add_case(suite, "cond"),
          *places = add_case(suite, "places");

    tcase_add_loop_test(started, a_started_one_expires_with_nobody_waiting, 0, WAYS);
    tcase_add_loop_test(started, a_started_one_expires_when_its_reader_leaves, 0, POLICIES);
    tcase_add_loop_test(started, each_started_one_expires_while_others_are_under_way, 0, POLICIES);
    tcase_add_loop_test(started, an_expedited_one_is_forced_under_every_policy, 0, POLICIES);
    tcase_add_loop_test(started, an_expedited_one_ends_the_naps_of_the_one_under_way, 0, POLICIES);
    tcase_add_test(started, threads_that_start_the_first_at_once_start_one_thread);
    tcase_add_test(started, the_thread_may_be_started_before);

    tcase_add_loop_test(cond, waiting_for_a_cookie_that_has_expired_returns_at_once, 0, WAYS);
    tcase_add_loop_test(cond, waiting_for_a_cookie_waits_for_its_grace_period, 0, WAYS);

    tcase_add_loop_test(places, callbacks_may_take_and_poll_cookies, 0, POLICIES);
    tcase_add_loop_test(places, misuse_aborts_with_a_message, 0,
                        (int)(sizeof misuses / sizeof *misuses));
}

int main(void)
{
    Suite *suite = suite_create("poll started");

    add_tests_of_waits(suite);
    return run_suite(suite);
}
