/* What a scenario would do: --dry-run, and whether its runs can be placed at all. */
#ifndef STILLPOINT_DRY_RUN_H
#define STILLPOINT_DRY_RUN_H

#include "torture/scenario/expand.h"

#include <stdio.h>

/* How long the run takes. */
double plan_duration_s(const struct run_plan *plan);
/* Lines in d for what cannot be placed. `until_failure`: the runs are a round of many. */
void dry_run(FILE *out, const struct scenario *s, const struct run_plan *plans, size_t count,
             bool until_failure, struct diagnostics *d);
/* False with a line in d when the threads cannot be placed; `path` is the scenario's. */
bool can_be_placed(const struct run_plan *plan, const char *path, struct diagnostics *d);

#endif
