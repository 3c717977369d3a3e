/* A night: `stillpoint run SCENARIO... --for 8h`, round after round until the time is up. */
#ifndef STILLPOINT_NIGHT_H
#define STILLPOINT_NIGHT_H

#include "driver.h"

struct night_options {
    const char *duration;   /* --for, or NULL */
    const char *resume;     /* the directory of a night that goes on, or NULL */
    const char *since;      /* that of an earlier night, or NULL */
    const char *known;      /* a file, or NULL */
    char *const *arguments; /* scenarios, folders and sets */
    size_t argument_count;
};

/* Returns the exit code; what went wrong besides is in d. */
int night_run(const struct driver_options *driver, const struct night_options *night,
              struct console *console, struct diagnostics *d);

#endif
