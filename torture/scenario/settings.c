#include "settings.h"

#include "scenario_parts.h"

#include <stddef.h>

#define NS_PER_MS 1e6
#define NS_PER_S  1e9

/* Below that no limit is lowered, so a run of less than 10 s has one that is longer than its half,
 * and waits for who is silent at its end. A lower one accuses a busy machine: who needs a turn of
 * several others (a starter of exclusive sections, a barrier) was silent for 0.9 s at a load of 24,
 * and for 2.3 s at one of 107. Each had its turns, so nobody was starved. */
#define LEAST_LOWERED_NS (INT64_C(5) * 1000000000)

#define FIELD(field) offsetof(struct scenario_settings, field)

const struct option scenario_options[] = {
    {.name = "name",
     .type = OPTION_STRING,
     .offset = FIELD(name),
     .help = "What the scenario is called; part of the name of its results"},
    {.name = "description",
     .type = OPTION_STRING,
     .offset = FIELD(description),
     .default_text = "",
     .help = "What it is for, in a sentence"},
    {.name = "duration",
     .type = OPTION_DURATION,
     .offset = FIELD(duration_ns),
     .default_text = "5s",
     .min = 100 * NS_PER_MS,
     .max = 7 * 24 * 3600 * NS_PER_S,
     .help = "How long each run is, its warm-up included"},
    {.name = "warmup",
     .type = OPTION_DURATION,
     .offset = FIELD(warmup_ns),
     .default_text = "500ms",
     .max = 3600 * NS_PER_S,
     .help = "The first part of each run, left out of its latencies; checks are on. A run that is "
             "no longer than it is measured whole"},
    {.name = "interval",
     .type = OPTION_DURATION,
     .offset = FIELD(interval_ns),
     .default_text = "250ms",
     .min = 10 * NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .help = "Step of the time series in the result"},
    {.name = "keep_intervals",
     .type = OPTION_INT,
     .offset = FIELD(keep_intervals),
     .default_text = "2000",
     .max = 1e9,
     .help =
         "So many steps at most: each time that there are as many, each two become one, and the "
         "steps to come are twice as long. 0 keeps all as they are"},
    {.name = "seed",
     .type = OPTION_INT,
     .offset = FIELD(seed),
     .default_text = "0",
     .max = SEED_MAX,
     .help = "Seed of all random choices; 0 chooses one, which the result tells"},
    {.name = "flavor",
     .type = OPTION_STRING,
     .offset = FIELD(flavor),
     .default_text = "stillpoint",
     .help = "The implementation under test"},
    {.name = "repeat",
     .type = OPTION_INT,
     .offset = FIELD(repeat),
     .default_text = "1",
     .min = 1,
     .max = 10000,
     .help = "How many runs each point gets, every second round backwards"},
    {.name = "on_finding",
     .type = OPTION_CHOICE,
     .offset = FIELD(on_finding),
     .default_text = "stop",
     .choices = "stop continue",
     .help = "Whether a finding ends the run"},
    {.name = "stall_limit",
     .type = OPTION_DURATION,
     .offset = FIELD(stall_limit_ns),
     .default_text = "10s",
     .min = 100 * NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .help = "How long a thread may be without progress; where anything tortures, lowered to half "
             "of the duration, but not below 5s"},
    {.name = "fence",
     .type = OPTION_CHOICE,
     .offset = FIELD(fence),
     .default_text = "auto",
     .choices = "auto full",
     .help = "Full fences on both sides instead of the asymmetric pair"},
    {.name = "perf",
     .type = OPTION_BOOL,
     .offset = FIELD(perf),
     .default_text = "true",
     .help =
         "Of benchmarks also cycles, instructions, context switches and migrations of each role "
         "are counted, as far as the machine lets it (perf_event_open)"},
    {.name = NULL},
};

const struct option floor_options[] = {
    {.name = "flavor",
     .type = OPTION_STRING,
     .default_text = "urcu-memb",
     .help = "The reference: a flavor that is known to be good, which shows what can be done at a "
             "point"},
    {.name = "duration",
     .type = OPTION_DURATION,
     .default_text = "500ms",
     .min = 100 * NS_PER_MS,
     .max = 60 * NS_PER_S,
     .help = "For how long the reference runs a point, before the point's first run"},
    {.name = NULL},
};

int64_t scenario_stall_limit_ns(const struct scenario_settings *s, bool tortures)
{
    int64_t half = s->duration_ns / 2;

    if (!tortures)
        return s->stall_limit_ns;
    if (half < LEAST_LOWERED_NS)
        half = LEAST_LOWERED_NS;
    return s->stall_limit_ns < half ? s->stall_limit_ns : half;
}
