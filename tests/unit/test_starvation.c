/* Who could run and has no CPU, by accounts as of the kernel: torture/driver/starvation.h. */
#include "torture/driver/starvation.h"

#include "torture/record/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RUN 100 /* the process */

static char proc[64];
static struct starvation starvation;

static void put_of(int pid, int tid, const char *what, const char *text)
{
    char path[128];
    FILE *out;

    snprintf(path, sizeof path, "%s/%d", proc, pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/task", proc, pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/task/%d", proc, pid, tid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/task/%d/%s", proc, pid, tid, what);
    out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static void set_of(int pid, int tid, char state, unsigned user_ticks, const char *account)
{
    char line[128];

    snprintf(line, sizeof line, "%d (a ) R 7) %c 1 2 3 0 -1 4194304 9 0 0 0 %u 5 0 0 20 0\n", tid,
             state, user_ticks);
    put_of(pid, tid, "stat", line);
    put_of(pid, tid, "schedstat", account);
}

static void set(int tid, char state, unsigned user_ticks, const char *account)
{
    set_of(RUN, tid, state, user_ticks, account);
}

static void remove_all(const char *below)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r %s%s", proc, below);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void begin(void)
{
    snprintf(proc, sizeof proc, "/tmp/stillpoint-starvation-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(proc));
    starvation_open(&starvation, proc, RUN);
}

static void end(void)
{
    starvation_close(&starvation);
    remove_all("");
}

/* Whether somebody starves. */
static bool look(void)
{
    starvation.next_ns = 0;
    starvation_look(&starvation);
    return starvation.longest_ns > 0;
}

START_TEST(who_could_run_and_did_not_is_starved_from_look_to_look)
{
    int64_t before;

    set(101, 'S', 3, "1000 20 7\n");
    set(102, 'R', 3, "1000 20 7\n");
    ck_assert(!look());
    ck_assert(!look()); /* its ticks are new */
    ck_assert(look());
    before = starvation.longest_ns;
    ck_assert(look());
    ck_assert_int_eq(starvation.tid, 102);
    ck_assert_int_gt(starvation.longest_ns, before);
    starvation_forget(&starvation);
    ck_assert(!look());
}
END_TEST

/* What changes ends it: a thread that it is not. */
static const struct {
    char state;
    unsigned ticks;
    const char *account;
} others[] = {
    {'S', 3, "1000 20 7\n"}, {'D', 4, "1000 20 7\n"},
    {'T', 3, "1000 20 7\n"}, {'R', 4, "1000 20 7\n"},
    {'R', 3, "1001 20 7\n"}, {'R', 3, "1000 20 8\n"},
    {'R', 3, "1000 21 7\n"}, {'R', 3, ""},
};

START_TEST(who_ran_or_slept_is_not)
{
    set(101, 'R', 3, "1000 20 7\n");
    look();
    look();
    ck_assert(look());
    set(101, others[_i].state, others[_i].ticks, others[_i].account);
    ck_assert(!look());
}
END_TEST

START_TEST(who_lost_its_cpu_on_its_way_to_sleep_is_too)
{
    set(101, 'S', 3, "1000 20 7\n");
    put_of(RUN, 101, "wchan", "0");
    look();
    look();
    ck_assert(!look()); /* what it says of everybody says nothing */
    set(102, 'S', 3, "1000 20 7\n");
    put_of(RUN, 102, "wchan", "futex_do_wait");
    look();
    look();
    ck_assert(look());
    ck_assert_int_eq(starvation.tid, 101);
    ck_assert_int_eq(starvation.state, 'R');
    ck_assert_uint_eq(starvation.waiting, 1);
}
END_TEST

START_TEST(who_is_kept_in_the_kernel_is_too)
{
    set(101, 'D', 3, "1000 20 7\n");
    look();
    look();
    ck_assert(look());
    ck_assert_int_eq(starvation.tid, 101);
    ck_assert_int_eq(starvation.state, 'D');
}
END_TEST

START_TEST(those_that_wait_for_a_cpu_are_counted)
{
    for (int tid = 101; tid < 111; tid++)
        set(tid, tid < 104 ? 'D' : 'R', 3, "1000 20 7\n");
    look();
    look();
    set(110, 'R', 3, "1001 20 8\n"); /* its turn came */
    ck_assert(look());
    ck_assert_uint_eq(starvation.waiting, 6);
    starvation_forget(&starvation);
    ck_assert_uint_eq(starvation.waiting, 0);
}
END_TEST

START_TEST(children_and_theirs_may_be_starved)
{
    set(101, 'S', 3, "1000 20 7\n");
    put_of(RUN, 101, "children", "200 300 ");
    set_of(200, 200, 'S', 3, "1000 20 7\n");
    set_of(300, 300, 'S', 3, "1000 20 7\n");
    put_of(300, 300, "children", "400 ");
    set_of(400, 400, 'S', 3, "1000 20 7\n");
    set_of(400, 401, 'R', 3, "1000 20 7\n");
    set_of(500, 500, 'R', 3, "1000 20 7\n"); /* somebody else's */
    look();
    look();
    ck_assert(look());
    ck_assert_int_eq(starvation.pid, 400);
    ck_assert_int_eq(starvation.tid, 401);
    put_of(300, 300, "children", "");
    ck_assert(!look());
}
END_TEST

START_TEST(who_slept_is_starved_since_then_at_most)
{
    int64_t awake_ns;

    set(101, 'R', 3, "1000 20 7\n");
    look();
    look();
    set(101, 'S', 3, "1000 20 7\n");
    for (int i = 0; i < 100; i++)
        ck_assert(!look());
    awake_ns = clock_monotonic_ns();
    look();
    set(101, 'R', 3, "1000 20 7\n");
    ck_assert(look());
    ck_assert_int_lt(starvation.longest_ns, clock_monotonic_ns() - awake_ns);
}
END_TEST

START_TEST(threads_come_and_go)
{
    int64_t begin_ns;

    for (int tid = 101; tid < 106; tid++)
        set(tid, 'R', 3, "1000 20 7\n");
    look();
    look();
    begin_ns = clock_monotonic_ns();
    for (int left = 5; left > 0; left--) {
        int64_t before_ns = clock_monotonic_ns();
        char name[32];

        set(110 + left, 'S', 3, "1 0 1\n");
        ck_assert(look());
        ck_assert_int_ge(starvation.longest_ns, before_ns - begin_ns);
        snprintf(name, sizeof name, "/%d/task/%d", RUN, starvation.tid);
        remove_all(name);
    }
    ck_assert(!look());
}
END_TEST

/* Holds up who reads. */
static void *write_late(void *path)
{
    struct timespec late = {.tv_nsec = 200 * 1000 * 1000};
    FILE *out = fopen(path, "w"); /* once somebody reads */

    nanosleep(&late, NULL);
    fputs("1000 20 7\n", out);
    fclose(out);
    return NULL;
}

START_TEST(a_look_that_is_held_up_is_no_dear_one)
{
    char path[128];
    pthread_t writer;
    int64_t begin_ns = clock_monotonic_ns(), end_ns;

    set(101, 'R', 3, "");
    snprintf(path, sizeof path, "%s/%d/task/101/schedstat", proc, RUN);
    remove(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_late, path), 0);
    starvation_look(&starvation);
    pthread_join(writer, NULL);
    end_ns = clock_monotonic_ns();
    ck_assert_int_ge(end_ns - begin_ns, 200 * 1000 * 1000);
    ck_assert_int_lt(starvation.next_ns - end_ns, 1000 * 1000 * 1000);
}
END_TEST

START_TEST(without_accounts_nobody_starves)
{
    set(101, 'R', 3, "");
    for (int i = 0; i < 4; i++)
        ck_assert(!look());
}
END_TEST

START_TEST(a_process_that_is_gone_starves_nobody)
{
    struct starvation gone;

    starvation_open(&gone, "/nonexistent", RUN);
    starvation_look(&gone);
    ck_assert_int_eq(gone.longest_ns, 0);
    starvation_close(&gone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("starvation");
    TCase *tests = tcase_create("starvation");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, who_could_run_and_did_not_is_starved_from_look_to_look);
    tcase_add_test(tests, who_lost_its_cpu_on_its_way_to_sleep_is_too);
    tcase_add_test(tests, who_is_kept_in_the_kernel_is_too);
    tcase_add_test(tests, those_that_wait_for_a_cpu_are_counted);
    tcase_add_test(tests, children_and_theirs_may_be_starved);
    tcase_add_loop_test(tests, who_ran_or_slept_is_not, 0, sizeof others / sizeof *others);
    tcase_add_test(tests, who_slept_is_starved_since_then_at_most);
    tcase_add_test(tests, threads_come_and_go);
    tcase_add_test(tests, a_look_that_is_held_up_is_no_dear_one);
    tcase_add_test(tests, without_accounts_nobody_starves);
    tcase_add_test(tests, a_process_that_is_gone_starves_nobody);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
