/* The signals that the driver takes. */
#include "execution_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted, dump_wanted, continued;

static char last_words[512]; /* of an end without a result */

void execution_name_results(const char *program, const char *directory)
{
    snprintf(last_words, sizeof last_words,
             "\n%s: ended at once, without a result; what there is: %s salvage %s\n", program,
             program, directory);
}

static void on_interrupt(int number)
{
    if (interrupted) { /* twice: the person means it */
        ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));

        (void)written;
        signal(number, SIG_DFL);
        raise(number);
    }
    interrupted = number;
}

static void on_dump(int number)
{
    (void)number;
    dump_wanted = 1;
}

static void on_continue(int number)
{
    (void)number;
    continued = 1;
}

void execution_signals(bool gdb)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;

    sigaction(SIGTERM, &action, NULL);
    /* A terminal that goes away is an end as well, unless nohup ignores it. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    if (gdb)
        action.sa_handler = SIG_IGN; /* a Ctrl-C is for gdb */
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_dump;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_continue;
    sigaction(SIGCONT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool execution_interrupted(void)
{
    return interrupted != 0;
}

bool execution_dump_wanted(void)
{
    bool wanted = dump_wanted != 0;

    dump_wanted = 0;
    return wanted;
}

bool execution_continued(void)
{
    bool was = continued != 0;

    continued = 0;
    return was;
}
