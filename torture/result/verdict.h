/* From runs to one verdict: correctness, performance, exit code, confidence. */
#ifndef STILLPOINT_VERDICT_H
#define STILLPOINT_VERDICT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

/* What one finished run is worth: sets its "verdict" and "coverage". `require` maps names to least
 * counts, `least` to shares of what its "floor" has; `declared` (array of names) is what the
 * workloads may reach. What is missing becomes a line of "missing" in the run. */
void verdict_of_run(json_t *run, json_t *require, json_t *least, json_t *declared);

/* It passed, or only measured. */
bool verdict_is_good(json_t *run);

/* The "verdict" object over all runs, each of which gets the bound of its point. `scenario` is
 * the effective one, with its "budgets"; `reasons` (array of strings, kept) what else happened,
 * such as an interruption; `cut_short`: runs that were asked for are missing. */
json_t *verdict_overall(json_t *runs, json_t *scenario, json_t *reasons, bool cut_short);

/* The verdict's exit code by name. */
const char *exit_code_meaning(int code);

/* A count by name: the library's statistics first, then the workloads' counters, all of that name
 * added up. False when the run has none. */
bool verdict_count(json_t *run, const char *name, json_int_t *count);
/* The same of the workloads' counters alone, which are the same for any flavor. */
bool verdict_counter(json_t *run, const char *name, json_int_t *count);

/* ---- budgets.c ---- */

/* The figure that a metric names in a run: "gp.total.p99", "gp.mean", "library.heavy_fences",
 * "counters.rcu-pipe.reads", "rate.gps" (a counter or statistic, per second),
 * "rate.gp-latency.gps" (that workload's counter, per second), or one of those in settings.h. False
 * when the run has none. */
bool verdict_metric(json_t *run, const char *metric, double *value);
/* What it is a number of, in any run. */
enum metric_unit { METRIC_NS, METRIC_BYTES, METRIC_COUNT };
enum metric_unit verdict_metric_unit(const char *metric);

/* Each budget at each of its points, as in the verdict's "budgets"; those of a part by its own
 * runs. */
json_t *verdict_budgets(json_t *runs, json_t *scenario);

#endif
