/* The warning of a grace period that lasts long: stillpoint/rcu_policy.h, warn_after_ns. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

static struct actor reader, updater;
static int said; /* the end from which what goes to stderr is read */

static void catch_stderr(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    said = ends[0];
}

static const char *next_line(void)
{
    static char line[1024];
    size_t length = 0;

    while (length < sizeof line - 1 && read(said, line + length, 1) == 1 && line[length] != '\n')
        length++;
    line[length] = '\0';
    return line;
}

/* Nothing was written that has not been read. */
static bool is_quiet(void)
{
    char byte;
    ssize_t got;

    ck_assert_int_eq(fcntl(said, F_SETFL, O_NONBLOCK), 0);
    got = read(said, &byte, 1);
    ck_assert_int_eq(fcntl(said, F_SETFL, 0), 0);
    return got < 0 && errno == EAGAIN;
}

static void take_a_name(void)
{
    prctl(PR_SET_NAME, "slow-reader");
}

static struct rcu_settings warning_after(int policy, int64_t ns)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)policy, MS_NS);

    settings.warn_after_ns = ns;
    return settings;
}

static void begin_test(struct rcu_settings settings)
{
    use(settings);
    catch_stderr();
    hire_reader(&reader);
    make(&reader, take_a_name);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

/* The leader looks again, some times. */
static void make_leader_look(void)
{
    struct rcu_stats before = stats();

    for (int i = 0; i < 20; i++) {
        unsigned long looks = stats().naps + stats().sleeps;

        force_rcu();
        UNTIL(stats().naps + stats().sleeps > looks);
    }
    UNTIL(stats().naps + stats().sleeps > before.naps + before.sleeps + 10);
}

START_TEST(a_reader_that_stays_is_named_once_in_each_grace_period)
{
    begin_test(warning_after(the_policy, 50 * MS_NS));
    for (int i = 0; i < 2; i++) {
        const char *line;
        char expected[64];

        make(&reader, enter);
        begin_and_wait(&updater, the_wait, 1);
        line = next_line();
        ck_assert_msg(strstr(line, "stillpoint: a grace period has lasted for ") == line, "%s",
                      line);
        snprintf(expected, sizeof expected, ": %d (slow-reader)", reader.thread_id);
        ck_assert_msg(strstr(line, "is a thread") != NULL, "%s", line);
        ck_assert_msg(strstr(line, expected) != NULL, "%s", line);
        make_leader_look();
        ck_assert(is_quiet());
        make(&reader, leave);
        finish(&updater);
        ck_assert(is_quiet());
    }
    end_test();
}
END_TEST

static char handled[1024];
static atomic_uint handled_count;

static void handle(const char *line)
{
    snprintf(handled, sizeof handled, "%s", line);
    atomic_fetch_add(&handled_count, 1);
}

START_TEST(a_handler_takes_the_warning_in_place_of_stderr)
{
    begin_test(warning_after(the_policy, 50 * MS_NS));
    rcu_set_warning_handler(handle);
    make(&reader, enter);
    begin_and_wait(&updater, the_wait, 1);
    UNTIL(atomic_load(&handled_count) == 1);
    ck_assert_msg(strstr(handled, "a grace period has lasted for ") == handled, "%s", handled);
    ck_assert_msg(strstr(handled, "(slow-reader)") != NULL, "%s", handled);
    make(&reader, leave);
    finish(&updater);
    ck_assert(is_quiet());
    rcu_set_warning_handler(NULL);
    make(&reader, enter);
    begin_and_wait(&updater, the_wait, 1);
    ck_assert_msg(strstr(next_line(), "stillpoint: a grace period") != NULL, "nothing on stderr");
    ck_assert_uint_eq(atomic_load(&handled_count), 1);
    make(&reader, leave);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(all_in_the_way_are_counted)
{
    struct actor others[9];
    const char *line;

    begin_test(warning_after(_i, 50 * MS_NS));
    for (int i = 0; i < 9; i++) {
        hire_reader(&others[i]);
        make(&others[i], i % 2 == 0 ? enter : rcu_thread_online);
    }
    begin_and_wait(&updater, synchronize_rcu, 9);
    line = next_line();
    ck_assert_msg(strstr(line, "are threads") != NULL, "%s", line);
    ck_assert_msg(strstr(line, " and 1 more") != NULL, "%s", line);
    for (int i = 0; i < 9; i++) {
        make(&others[i], i % 2 == 0 ? leave : rcu_thread_offline);
        dismiss_reader(&others[i]);
    }
    finish(&updater);
    end_test();
}
END_TEST

/* Also of a leader that sleeps already. */
START_TEST(it_may_be_turned_on_and_off_meanwhile)
{
    begin_test(warning_after(_i, 0));
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    make_leader_look();
    ck_assert(is_quiet());
    use(warning_after(_i, HOUR_NS));
    make_leader_look();
    ck_assert(is_quiet());
    use(warning_after(_i, 1));
    ck_assert_ptr_nonnull(strstr(next_line(), "a grace period has lasted"));
    make(&reader, leave);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(short_grace_periods_are_none_of_its_business)
{
    begin_test(warning_after(_i, HOUR_NS));
    for (int i = 0; i < 20; i++) {
        make(&reader, enter);
        begin_and_wait(&updater, synchronize_rcu, 1);
        make(&reader, leave);
        finish(&updater);
    }
    ck_assert(is_quiet());
    end_test();
}
END_TEST

/* A warning that is due from a sleep is no wake-up, and asks nobody anything. */
START_TEST(the_statistics_do_not_know_of_it)
{
    struct rcu_stats before;

    begin_test(warning_after(RCU_GP_EVENT, 50 * MS_NS));
    make(&reader, enter);
    before = stats();
    begin_and_wait(&updater, synchronize_rcu, 1);
    next_line();
    ck_assert_uint_eq(stats().sleeps, before.sleeps + 1);
    ck_assert_uint_eq(stats().wakeups, before.wakeups);
    make(&reader, leave);
    finish(&updater);
    ck_assert_uint_eq(stats().sleeps, before.sleeps + 1);
    ck_assert_uint_eq(stats().wakeups, before.wakeups + 1);
    end_test();
}
END_TEST

/* Nobody reads: the warning is left out, and the grace period ends. */
START_TEST(a_stderr_that_takes_nothing_holds_nobody_up)
{
    static const char much[4096];
    int64_t due_ns;

    begin_test(warning_after(_i, 0));
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    while (write(STDERR_FILENO, much, sizeof much) > 0) {
    }
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
    use(warning_after(_i, 1));
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    due_ns = now_ns() + 1;
    UNTIL(now_ns() > due_ns);
    make_leader_look();
    make(&reader, leave);
    finish(&updater);
    end_test();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("long wait");
    TCase *warning = add_case(suite, "warning");

    tcase_add_loop_test(warning, a_reader_that_stays_is_named_once_in_each_grace_period, 0, WAYS);
    tcase_add_loop_test(warning, a_handler_takes_the_warning_in_place_of_stderr, 0, WAYS);
    tcase_add_loop_test(warning, all_in_the_way_are_counted, 0, POLICIES);
    tcase_add_loop_test(warning, it_may_be_turned_on_and_off_meanwhile, 0, POLICIES);
    tcase_add_loop_test(warning, short_grace_periods_are_none_of_its_business, 0, POLICIES);
    tcase_add_test(warning, the_statistics_do_not_know_of_it);
    tcase_add_loop_test(warning, a_stderr_that_takes_nothing_holds_nobody_up, 0, POLICIES);
    return run_suite(suite);
}
