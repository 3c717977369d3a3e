/* The driver: `stillpoint run`, from the command line's wishes to an exit code. */
#ifndef STILLPOINT_DRIVER_H
#define STILLPOINT_DRIVER_H

#include "console.h"
#include "torture/record/diagnostics.h"
#include "torture/scenario/scenario.h"

#include <stdbool.h>

struct driver_options {
    const char *path;
    const struct override *overrides;
    size_t override_count;
    const char *out;     /* base directory */
    const char *program; /* argv[0], for repro lines */
    bool fail_fast;      /* no further run after a finding */
    bool until_failure;  /* all runs again and again */
    bool gdb;
    bool dry_run;
};

/* Returns the exit code; what went wrong besides is in d. */
int driver_run(const struct driver_options *options, struct console *console,
               struct diagnostics *d);

#endif
