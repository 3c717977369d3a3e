/* What all unit tests have in common. */
#ifndef STILLPOINT_TESTS_LIBRARY_H
#define STILLPOINT_TESTS_LIBRARY_H

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Looks again until it holds; the time limit of the test is the end of it. */
#define UNTIL(condition)     \
    do {                     \
        while (!(condition)) \
            sched_yield();   \
    } while (0)

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
    while ((got = read(ends[0], said + length, sizeof said - 1 - length)) > 0)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it lived: %d, %s", status,
                  said);
    ck_assert_msg(strstr(said, text) != NULL, "it said: %s", said);
}

/* No signal is blocked, and none ignored that tests send or wait for. Those by which a person ends
 * the program stay as they are: nohup keeps SIGHUP away. So do the sanitizers' handlers. */
static inline void use_default_signals(void)
{
    sigset_t none;

    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;

        if (number != SIGHUP && number != SIGINT && number != SIGQUIT && number != SIGTERM &&
            sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A file that a test opens is none of the first three. */
static inline void open_first_files(void)
{
    FILE *file;

    while ((file = fopen("/dev/null", "r+")) != NULL && fileno(file) <= STDERR_FILENO) {
    }
    if (file != NULL)
        fclose(file);
}

/* Before all that main() does, however the program was started. */
static void __attribute__((constructor)) set_what_tests_rely_on(void)
{
    use_default_signals();
    open_first_files();
    umask(022);
}

/* The exit status of a program that runs the suite: each test in a process of its own, as statics
 * begin at 0. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
