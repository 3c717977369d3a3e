/* What the kernel counts of threads: torture/runner/perf.h; and what it refuses to count. */
#include "torture/runner/perf.h"

#include "actor.h"
#include "sandbox.h"

#include <check.h>
#include <errno.h>

/* --- What is counted --- */

static void expect_between(struct perf_count after, uint64_t value, bool is_scaled)
{
    struct perf_count before = {.value = 100, .enabled_ns = 1000, .running_ns = 500};
    bool scaled = false;

    after.value += before.value;
    after.enabled_ns += before.enabled_ns;
    after.running_ns += before.running_ns;
    ck_assert_uint_eq(perf_between(&before, &after, &scaled), value);
    ck_assert_int_eq(scaled, is_scaled);
}

START_TEST(an_event_that_was_counted_by_turns_is_scaled_to_all_of_the_time)
{
    expect_between((struct perf_count){.value = 7, .enabled_ns = 90, .running_ns = 90}, 7, false);
    expect_between((struct perf_count){.value = 7, .enabled_ns = 90, .running_ns = 30}, 21, true);
    expect_between((struct perf_count){.value = 0, .enabled_ns = 90, .running_ns = 0}, 0, true);
    /* It slept. */
    expect_between((struct perf_count){.value = 0, .enabled_ns = 0, .running_ns = 0}, 0, false);
}
END_TEST

static atomic_int napper_id;
static atomic_bool opened, napped, over;

static void *napper(void *unused)
{
    atomic_store(&napper_id, gettid());
    UNTIL(atomic_load(&opened));
    for (int i = 0; i < 5; i++)
        nanosleep(&(struct timespec){.tv_nsec = MS_NS}, NULL);
    atomic_store(&napped, true);
    UNTIL(atomic_load(&over));
    return unused;
}

START_TEST(a_thread_that_sleeps_leaves_its_cpu_each_time)
{
    struct perf_count before[PERF_COUNT], after[PERF_COUNT];
    struct perf perf;
    pthread_t thread;
    bool scaled = false;
    int id;

    ck_assert_int_eq(pthread_create(&thread, NULL, napper, NULL), 0);
    UNTIL(atomic_load(&napper_id) != 0);
    id = atomic_load(&napper_id);
    perf_open(&perf, &id, 1);
    perf_read(&perf, 0, before);
    atomic_store(&opened, true);
    UNTIL(atomic_load(&napped));
    perf_read(&perf, 0, after);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    if (perf_counts(&perf, PERF_CONTEXT_SWITCHES))
        ck_assert_uint_ge(
            perf_between(&before[PERF_CONTEXT_SWITCHES], &after[PERF_CONTEXT_SWITCHES], &scaled),
            1);
    if (perf_counts(&perf, PERF_INSTRUCTIONS))
        ck_assert_uint_gt(
            perf_between(&before[PERF_INSTRUCTIONS], &after[PERF_INSTRUCTIONS], &scaled), 0);
    /* Its counts outlive it. */
    perf_read(&perf, 0, before);
    for (unsigned i = 0; i < PERF_COUNT; i++)
        ck_assert_uint_ge(before[i].value, after[i].value);
    perf_close(&perf);
}
END_TEST

/* --- What is refused --- */

/* Nothing is counted of two threads, and each event has this reason. */
static void expect_refused(const char *reason)
{
    struct perf_count counts[PERF_COUNT] = {{.value = 1}};
    int ids[] = {gettid(), gettid()};
    struct perf perf;

    perf_open(&perf, ids, 2);
    for (unsigned i = 0; i < PERF_COUNT; i++) {
        ck_assert(!perf_counts(&perf, i));
        ck_assert_msg(strstr(perf.refused[i], reason) != NULL, "%s: %s", perf_names[i],
                      perf.refused[i]);
        ck_assert_int_eq(perf.descriptors[0][i], -1);
        ck_assert_int_eq(perf.descriptors[1][i], -1);
    }
    perf_read(&perf, 0, counts);
    for (unsigned i = 0; i < PERF_COUNT; i++)
        ck_assert_uint_eq(counts[i].value, 0);
    perf_close(&perf);
}

#define CASES_ERRORS 4
static const struct {
    int error;
    const char *reason;
} errors[CASES_ERRORS] = {
    {EPERM, "perf_event_open: Operation not permitted; a sandbox forbids it"},
    {EACCES, "Permission denied; lower /proc/sys/kernel/perf_event_paranoid"},
    {ENOENT, "No such file or directory; this machine, or its hypervisor, has no such counter"},
    {EMFILE, "Too many open files; raise the limit of open files (ulimit -n)"},
};

/* Each test is a process of its own. */
START_TEST(what_is_refused_is_left_out_with_the_reason)
{
    if (refuse(SYS_perf_event_open, ANY, errors[_i].error))
        expect_refused(errors[_i].reason);
    else
        puts("left out: it needs seccomp filters, which are not permitted here");
}
END_TEST

START_TEST(descriptors_are_left_to_the_code_under_test)
{
    struct rlimit limit = {.rlim_cur = 15, .rlim_max = 15};

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_refused("4 descriptors for each of 2 threads are too many of 15; raise the limit of "
                   "open files (ulimit -n)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("perf");
    TCase *counted = add_case(suite, "counted"), *refused = add_case(suite, "refused");

    tcase_add_test(counted, an_event_that_was_counted_by_turns_is_scaled_to_all_of_the_time);
    tcase_add_test(counted, a_thread_that_sleeps_leaves_its_cpu_each_time);
    tcase_add_loop_test(refused, what_is_refused_is_left_out_with_the_reason, 0, CASES_ERRORS);
    tcase_add_test(refused, descriptors_are_left_to_the_code_under_test);
    return run_suite(suite);
}
