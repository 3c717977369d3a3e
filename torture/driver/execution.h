/* One run, from the driver's side: start the runner, watch it, write down what came of it. */
#ifndef STILLPOINT_EXECUTION_H
#define STILLPOINT_EXECUTION_H

#include "console.h"
#include "torture/result/output.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/scenario.h"

#include <stdbool.h>

/* What the whole invocation shares. */
struct invocation {
    const struct scenario *scenario;
    struct output *output;
    struct console *console;
    unsigned run, runs;     /* for the status line */
    unsigned executed;      /* runs that were not skipped */
    double done_s, total_s; /* total 0: there is no end in sight */
    unsigned findings;
    bool continue_on_finding;
    bool gdb;
    bool aside; /* what runs is a reference: no finding, event or log of it is the result's */
    json_t *references; /* that ran, by their configs: floors.c */
    const char *repro;  /* the command line up to the point's settings */
    bool interrupted;   /* out: SIGINT, SIGTERM or SIGHUP came */
    bool cut_short;     /* out: so that points are missing */
};

/* execution_signals.c. Printed at a second Ctrl-C: how to salvage. */
void execution_name_results(const char *program, const char *directory);
/* execution_signals.c. Installs the handlers of SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGCONT; gdb
 * keeps SIGINT to itself. */
void execution_signals(bool gdb);
/* execution_signals.c. Whether one of the first three has come. */
bool execution_interrupted(void);

/* Runs one plan. `floor`: what it is held against, NULL when it has none. Returns the run as it
 * stands in a result, whatever became of the runner; NULL with a line in d when it could not be
 * started at all. */
json_t *execution_run(struct invocation *inv, const struct run_plan *plan, json_t *floor,
                      struct diagnostics *d);

#endif
