/* What the tests of the library have in common. */
#ifndef STILLPOINT_TESTS_LIBRARY_H
#define STILLPOINT_TESTS_LIBRARY_H

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Looks again until it holds; the time limit of the test is the end of it. */
#define UNTIL(condition)   \
    while (!(condition)) { \
        sched_yield();     \
    }

/* Runs it in a child, which must say this on stderr and abort. */
static inline void dies_saying(void (*function)(void), const char *text)
{
    char said[4096];
    size_t length = 0;
    int ends[2], status;
    ssize_t got;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        function();
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + length, sizeof said - 1 - length)) > 0) {
        length += (size_t)got;
    }
    said[length] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it lived: %d, %s", status,
                  said);
    ck_assert_msg(strstr(said, text) != NULL, "it said: %s", said);
}

/* The exit status of a program that runs the suite. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
