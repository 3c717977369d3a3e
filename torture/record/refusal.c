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
    unsigned kinds;   /* enum refused_kind, as bits: any of these explains it */
    const char *text;
} remedies[] = {
    {EAGAIN, "tgkill", 0, "raise the limit of pending signals (ulimit -i)"},
    {EAGAIN, "pthread_create", REFUSED_PROCESS | REFUSED_MEMORY, /* memory: of its stack */
     "use fewer threads, or raise the limit of processes (ulimit -u), or of memory (ulimit -v)"},
    {EAGAIN, NULL, REFUSED_PROCESS,
     "use fewer threads, or raise the limit of processes (ulimit -u)"},
    {ENOMEM, NULL, REFUSED_MEMORY,
     "use fewer threads, or give it more memory (ulimit -v, a cgroup, the machine)"},
    {EMFILE, NULL, REFUSED_FILE, "raise the limit of open files (ulimit -n)"},
    {ENFILE, NULL, REFUSED_FILE,
     "close files elsewhere: the machine has as many open as it may have"},
    {EFBIG, NULL, 0, "raise the limit of the size of files (ulimit -f)"},
};

const char *refusal_remedy(int error, const char *call)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].error == error && (!remedies[i].call || strstr(call, remedies[i].call)))
            return remedies[i].text;
    return NULL;
}

int refusal_in_text(const char *text, const char **where)
{
    *where = NULL;
    for (size_t i = 0; text && i < sizeof remedies / sizeof *remedies; i++) {
        *where = strstr(text, strerror(remedies[i].error));
        if (!*where && remedies[i].error == ENOMEM)
            *where = strcasestr(text, "out of memory");
        if (*where)
            return remedies[i].error;
    }
    return 0;
}

bool refusal_explains(unsigned kinds, int error)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].error == error && (remedies[i].kinds & kinds))
            return true;
    return false;
}
