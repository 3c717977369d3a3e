/* Whether the kernel keeps a thread, by accounts as of the kernel, and by its own. */
#include "torture/record/cpu_wait.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN    100 /* the process */
#define THREAD 101
#define OTHER  102 /* sleeps by its own wish */

static char proc[64];

static void put(int tid, const char *what, const char *text)
{
    char path[128];
    FILE *out;

    snprintf(path, sizeof path, "%s/%d/task/%d", proc, RUN, tid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/task/%d/%s", proc, RUN, tid, what);
    out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static void set(int tid, char state, unsigned long sleeps, const char *place)
{
    char text[256];

    snprintf(text, sizeof text,
             "Name:\ta\nState:\t%c (any)\nvoluntary_ctxt_switches:\t%lu\n"
             "nonvoluntary_ctxt_switches:\t7\n",
             state, sleeps);
    put(tid, "status", text);
    put(tid, "wchan", place);
}

static void begin(void)
{
    char path[128];

    snprintf(proc, sizeof proc, "/tmp/stillpoint-cpu-wait-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(proc));
    snprintf(path, sizeof path, "%s/%d", proc, RUN);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/task", proc, RUN);
    mkdir(path, 0700);
    cpu_wait_proc = proc;
}

static void end(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r %s", proc);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
    cpu_wait_proc = "/proc";
}

START_TEST(who_sleeps_nowhere_at_two_looks_is_kept)
{
    struct cpu_keep keep = {.tid = 0};

    set(OTHER, 'S', 5, "futex_do_wait");
    set(THREAD, 'S', 30, "0");
    ck_assert(!cpu_wait_keeps(&keep, RUN, THREAD));
    ck_assert(cpu_wait_keeps(&keep, RUN, THREAD));
    ck_assert(cpu_wait_keeps(&keep, RUN, THREAD));
    ck_assert(!cpu_wait_keeps(&keep, RUN, OTHER));
    ck_assert(!cpu_wait_keeps(&keep, RUN, THREAD));
    set(OTHER, 'S', 30, "0");
    ck_assert(!cpu_wait_keeps(&keep, RUN, OTHER));
}
END_TEST

/* What it is at the second look. */
static const struct {
    char state;
    unsigned long sleeps;
    const char *place;
    bool kept;
} seconds[] = {
    {'S', 30, "0", true},  {'S', 31, "0", false}, {'S', 30, "do_wait", false},
    {'R', 30, "0", false}, {'T', 30, "0", false}, {'D', 31, "rwsem_down_write_slowpath", true},
    {'X', 31, "0", true},
};

START_TEST(who_slept_meanwhile_or_runs_is_not)
{
    struct cpu_keep keep = {.tid = 0};

    set(OTHER, 'S', 5, "futex_do_wait");
    set(THREAD, 'S', 30, "0");
    cpu_wait_keeps(&keep, RUN, THREAD);
    set(THREAD, seconds[_i].state, seconds[_i].sleeps, seconds[_i].place);
    ck_assert_int_eq(cpu_wait_keeps(&keep, RUN, THREAD), seconds[_i].kept);
}
END_TEST

START_TEST(where_no_place_is_named_all_may_be_asleep)
{
    struct cpu_keep keep = {.tid = 0};

    set(OTHER, 'S', 5, "0");
    set(THREAD, 'S', 30, "0");
    cpu_wait_keeps(&keep, RUN, THREAD);
    ck_assert(!cpu_wait_keeps(&keep, RUN, THREAD));
}
END_TEST

START_TEST(who_lost_its_cpu_on_its_way_to_sleep_does_not_sleep)
{
    set(OTHER, 'S', 5, "futex_do_wait");
    set(THREAD, 'S', 30, "0");
    ck_assert(!cpu_sleep_of(RUN, THREAD).asleep);
    ck_assert(cpu_sleep_of(RUN, OTHER).asleep);
    ck_assert_uint_eq(cpu_sleep_of(RUN, OTHER).begun, 5);
    set(THREAD, 'R', 30, "0");
    ck_assert(!cpu_sleep_of(RUN, THREAD).asleep);
}
END_TEST

START_TEST(where_no_place_is_named_the_state_has_the_word)
{
    set(OTHER, 'R', 5, "0");
    set(THREAD, 'S', 30, "0");
    ck_assert(cpu_sleep_of(RUN, THREAD).asleep);
}
END_TEST

/* The kernel's own: a parent waits for what vfork() made, and nothing else ends that. */
START_TEST(a_parent_in_vfork_is_kept)
{
    pid_t parent = fork();
    struct cpu_keep keep = {.tid = 0};

    if (parent == 0) {
        setpgid(0, 0);
        if (vfork() == 0) { /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
            alarm(100);     /* should the test end first */
            pause();
            _exit(0);
        }
        _exit(0);
    }
    while (!cpu_wait_keeps(&keep, parent, parent))
        usleep(1000);
    kill(-parent, SIGKILL);
    waitpid(parent, NULL, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_wait");
    TCase *accounts = tcase_create("accounts"), *kernel = tcase_create("kernel");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(accounts, begin, end);
    tcase_add_test(accounts, who_sleeps_nowhere_at_two_looks_is_kept);
    tcase_add_loop_test(accounts, who_slept_meanwhile_or_runs_is_not, 0,
                        sizeof seconds / sizeof *seconds);
    tcase_add_test(accounts, where_no_place_is_named_all_may_be_asleep);
    tcase_add_test(accounts, who_lost_its_cpu_on_its_way_to_sleep_does_not_sleep);
    tcase_add_test(accounts, where_no_place_is_named_the_state_has_the_word);
    suite_add_tcase(suite, accounts);
    tcase_add_test(kernel, a_parent_in_vfork_is_kept);
    suite_add_tcase(suite, kernel);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
