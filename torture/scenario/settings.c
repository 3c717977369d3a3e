#include "settings.h"

#include "scenario_parts.h"

#include <stddef.h>

#define NS_PER_MS 1e6
#define NS_PER_S  1e9

#define FIELD(field) offsetof(struct scenario_settings, field)

const struct option scenario_options[] = {
    {"name", OPTION_STRING, FIELD(name), NULL, 0, 0, NULL, NULL,
     "What the scenario is called; part of the name of its results"},
    {"description", OPTION_STRING, FIELD(description), "", 0, 0, NULL, NULL,
     "What it is for, in a sentence"},
    {"duration", OPTION_DURATION, FIELD(duration_ns), "5s", 100 * NS_PER_MS,
     7 * 24 * 3600 * NS_PER_S, NULL, NULL, "How long each run is, its warm-up included"},
    {"warmup", OPTION_DURATION, FIELD(warmup_ns), "500ms", 0, 3600 * NS_PER_S, NULL, NULL,
     "The first part of each run, left out of its latencies; checks are on. A run that is no "
     "longer "
     "than it is measured whole"},
    {"interval", OPTION_DURATION, FIELD(interval_ns), "250ms", 10 * NS_PER_MS, 3600 * NS_PER_S,
     NULL, NULL, "Step of the time series in the result"},
    {"seed", OPTION_INT, FIELD(seed), "0", 0, SEED_MAX, NULL, NULL,
     "Seed of all random choices; 0 chooses one, which the result tells"},
    {"flavor", OPTION_STRING, FIELD(flavor), "stillpoint", 0, 0, NULL, NULL,
     "The implementation under test"},
    {"repeat", OPTION_INT, FIELD(repeat), "1", 1, 10000, NULL, NULL,
     "How many runs each point gets, every second round backwards"},
    {"on_finding", OPTION_CHOICE, FIELD(on_finding), "stop", 0, 0, NULL, "stop continue",
     "Whether a finding ends the run"},
    {"stall_limit", OPTION_DURATION, FIELD(stall_limit_ns), "10s", 100 * NS_PER_MS, 3600 * NS_PER_S,
     NULL, NULL, "How long a thread may be without progress"},
    {"fence", OPTION_CHOICE, FIELD(fence), "auto", 0, 0, NULL, "auto full",
     "Full fences on both sides instead of the asymmetric pair"},
    {0},
};
