/* The driver: `stillpoint run`, from the command line's wishes to an exit code. */
#ifndef STILLPOINT_DRIVER_H
#define STILLPOINT_DRIVER_H

#include "console.h"
#include "torture/record/diagnostics.h"
#include "torture/result/output.h"
#include "torture/scenario/expand.h"
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
    bool no_plot; /* draws no pictures */
};

/* A scenario and the runs that it makes. */
struct planned_scenario {
    struct scenario scenario;
    struct run_plan *plans;
    size_t count;
};

/* Reads the scenario and makes the plans of its runs. False with lines in d when it is not to be
 * run: nothing is found out later that could be found out here. Free it also then. */
bool driver_plan(const struct driver_options *options, struct planned_scenario *planned,
                 struct diagnostics *d);
void planned_scenario_free(struct planned_scenario *planned);
/* Runs the plans into an open directory. The result, as yet unwritten; NULL, with lines in d, when
 * nothing could be run. */
json_t *driver_execute(const struct driver_options *options, struct console *console,
                       const struct planned_scenario *planned, struct output *output,
                       struct diagnostics *d);
/* Runs the plans into a directory of their own under `out`, and writes what comes out. The result
 * and its exit code; NULL, with lines in d, when nothing could be run. */
json_t *driver_measure(const struct driver_options *options, struct console *console,
                       const struct planned_scenario *planned, int *code, struct diagnostics *d);
/* Returns the exit code; what went wrong besides is in d. */
int driver_run(const struct driver_options *options, struct console *console,
               struct diagnostics *d);

#endif
