#include "refusal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const char *const refusable_calls[REFUSABLE_COUNT] = {
    [REFUSABLE_THREAD] = "pthread_create",
    [REFUSABLE_PROCESS] = "fork",
    [REFUSABLE_SIGNAL] = "tgkill",
};

static const struct remedy {
    int error;
    const char *call; /* only of this one; NULL: of any other */
    const char *text;
} remedies[] = {
    {EAGAIN, "tgkill", "raise the limit of pending signals (ulimit -i)"},
    {EAGAIN, "pthread_create", /* also when there is no room for the stack */
     "use fewer threads, or raise the limit of processes (ulimit -u), or of memory (ulimit -v)"},
    {EAGAIN, NULL, "use fewer threads, or raise the limit of processes (ulimit -u)"},
    {ENOMEM, NULL, "use fewer threads, or give it more memory (ulimit -v, a cgroup, the machine)"},
    {EMFILE, NULL, "raise the limit of open files (ulimit -n)"},
    {ENFILE, NULL, "close files elsewhere: the machine has as many open as it may have"},
    {EFBIG, NULL, "raise the limit of the size of files (ulimit -f)"},
};

const char *refusal_remedy(int error, const char *call)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].error == error && (!remedies[i].call || strstr(call, remedies[i].call)))
            return remedies[i].text;
    return NULL;
}

int refusal_in_text(const char *text)
{
    for (size_t i = 0; text && i < sizeof remedies / sizeof *remedies; i++)
        if (strstr(text, strerror(remedies[i].error)))
            return remedies[i].error;
    return 0;
}
