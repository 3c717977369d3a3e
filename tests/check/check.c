#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct added {
    struct added *next;
    const TTest *test;
    int signal, first, end;
};

struct TCase {
    TCase *next;
    const char *name;
    double seconds;
    void (*set_up)(void), (*tear_down)(void);
    struct added *first, **last;
};

struct Suite {
    const char *name;
    TCase *first, **last;
};

struct SRunner {
    Suite *suite;
    FILE *tap;
    int ran, failed;
};

/* Of the test that runs, written by its processes. */
static struct report {
    const char *file;
    int line;
    char message[4096]; /* of the first assertion that failed */
} * report;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        abort();
    return memory;
}

static double number_of(const char *variable, double otherwise)
{
    const char *value = getenv(variable);

    return value ? strtod(value, NULL) : otherwise;
}

Suite *suite_create(const char *name)
{
    Suite *suite = allocate(sizeof *suite);

    suite->name = name;
    suite->last = &suite->first;
    return suite;
}

void suite_add_tcase(Suite *suite, TCase *c)
{
    *suite->last = c;
    suite->last = &c->next;
}

TCase *tcase_create(const char *name)
{
    TCase *c = allocate(sizeof *c);

    c->name = name;
    c->last = &c->first;
    c->seconds = number_of("CK_DEFAULT_TIMEOUT", 4);
    return c;
}

void tcase_set_timeout(TCase *c, double seconds)
{
    c->seconds = seconds;
}

void tcase_add_checked_fixture(TCase *c, void (*set_up)(void), void (*tear_down)(void))
{
    c->set_up = set_up;
    c->tear_down = tear_down;
}

void check_add(TCase *c, const TTest *test, int signal, int first, int end)
{
    struct added *a = allocate(sizeof *a);

    *a = (struct added){.test = test, .signal = signal, .first = first, .end = end};
    *c->last = a;
    c->last = &a->next;
}

void check_reached(const char *file, int line)
{
    report->file = file;
    report->line = line;
}

void check_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    if (!*report->message) {
        check_reached(file, line);
        va_start(arguments, format);
        vsnprintf(report->message, sizeof report->message, format, arguments);
        va_end(arguments);
    }
    _exit(EXIT_FAILURE);
}

/* The process of the test that runs, which leads a group. */
static volatile pid_t running;
static volatile sig_atomic_t timed_out;

static void end_test(int signal)
{
    (void)signal;
    timed_out = 1;
    kill(-running, SIGKILL);
}

static void run_here(const TCase *c, const struct added *a, int round)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, SIG_DFL);
    if (c->set_up)
        c->set_up();
    a->test->run(round);
    if (c->tear_down)
        c->tear_down();
    exit(EXIT_SUCCESS);
}

/* How it ended, as waitpid() says. */
static int run_one(const TCase *c, const struct added *a, int round)
{
    unsigned limit = (unsigned)(c->seconds * number_of("CK_TIMEOUT_MULTIPLIER", 1) + 1);
    int status = 0;

    *report = (struct report){.file = a->test->file};
    timed_out = 0;
    fflush(NULL);
    running = fork();
    if (running < 0)
        abort();
    if (running == 0)
        run_here(c, a, round);
    setpgid(running, running); /* whichever comes first */
    alarm(limit);
    while (waitpid(running, &status, 0) < 0 && errno == EINTR) {
    }
    alarm(0);
    kill(-running, SIGKILL); /* what it has left */
    return status;
}

/* NULL: as it should. */
static const char *what_is_wrong(int status, int signal)
{
    static char text[80];

    if (*report->message)
        return report->message;
    if (timed_out)
        return "over its time limit";
    if (WIFSIGNALED(status) ? WTERMSIG(status) == signal : !signal && WEXITSTATUS(status) == 0)
        return NULL;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "ended with code %d", WEXITSTATUS(status));
    return text;
}

static void run_rounds(SRunner *runner, const TCase *c, const struct added *a)
{
    for (int round = a->first; round < a->end; round++) {
        const char *wrong = what_is_wrong(run_one(c, a, round), a->signal);

        runner->ran++;
        if (runner->tap)
            fprintf(runner->tap, "%sok %d - %s:%s:%s: %s\n", wrong ? "not " : "", runner->ran,
                    a->test->file, c->name, a->test->name, wrong ? wrong : "Passed");
        if (wrong) {
            runner->failed++;
            printf("%s:%d: %s:%s:%d: %s\n", report->file, report->line, c->name, a->test->name,
                   round, wrong);
        }
    }
}

SRunner *srunner_create(Suite *suite)
{
    SRunner *runner = allocate(sizeof *runner);

    runner->suite = suite;
    return runner;
}

void srunner_run_all(SRunner *runner, enum print_output output)
{
    const char *tap = getenv("CK_TAP_LOG_FILE_NAME");
    struct sigaction action = {.sa_handler = end_test, .sa_flags = SA_RESTART};

    (void)output;
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    runner->tap = tap ? fopen(tap, "w") : NULL;
    if (report == MAP_FAILED || (tap && !runner->tap) || sigaction(SIGALRM, &action, NULL) != 0)
        abort();
    for (const TCase *c = runner->suite->first; c; c = c->next)
        for (const struct added *a = c->first; a; a = a->next)
            run_rounds(runner, c, a);
    printf("%s: %d of %d failed\n", runner->suite->name, runner->failed, runner->ran);
    if (runner->tap)
        fclose(runner->tap);
}

int srunner_ntests_failed(SRunner *runner)
{
    return runner->failed;
}

void srunner_free(SRunner *runner)
{
    TCase *c = runner->suite->first, *next_case;
    struct added *a, *next;

    for (; c; c = next_case) {
        next_case = c->next;
        for (a = c->first; a; a = next) {
            next = a->next;
            free(a);
        }
        free(c);
    }
    free(runner->suite);
    free(runner);
}
