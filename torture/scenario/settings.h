/* Settings of a scenario's top level: "duration", "seed", ... */
#ifndef STILLPOINT_SCENARIO_SETTINGS_H
#define STILLPOINT_SCENARIO_SETTINGS_H

#include "torture/record/options.h"

/* What options_store() fills by scenario_options. */
struct scenario_settings {
    const char *name, *description, *flavor;
    int64_t duration_ns, warmup_ns, interval_ns, stall_limit_ns;
    int64_t keep_intervals, seed, repeat;
    int on_finding, fence;
    bool perf;
};
enum on_finding { ON_FINDING_STOP, ON_FINDING_CONTINUE };
enum fence_choice { FENCE_AUTO, FENCE_FULL };
extern const struct option scenario_options[];

/* Of the object "floors", beside the counters that have one; no struct holds them. */
extern const struct option floor_options[];

/* Figures of a run that are none of its latencies, counters or statistics: CPU time of who led its
 * grace periods, for each; the most memory that its process had resident. */
#define METRIC_CPU_OF_GP "cpu.gp"
#define METRIC_PEAK_RSS  "rss.peak"

/* As many repeats, or pairs of them, decide a budget; fewer leave it undecided. */
#define BUDGET_REPEATS 10

/* The stall limit that a run has. Of torture at most half of its duration, for what begins in the
 * first half and never ends is then found; but no lower than what a busy machine needs, so that it
 * may be longer than a short run. Of what only measures it is as given: slow is no fault. */
int64_t scenario_stall_limit_ns(const struct scenario_settings *s, bool tortures);

#endif
