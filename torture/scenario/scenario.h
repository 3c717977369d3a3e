/* Scenarios: from a JSON file and --set to a list of runs.
 *
 * Everything is checked before anything runs. What is kept is JSON with every default filled in, so
 * that the effective scenario can be written next to the result and a run handed to a runner.
 */
#ifndef STILLPOINT_SCENARIO_H
#define STILLPOINT_SCENARIO_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario {
    char *path;        /* as given */
    json_t *effective; /* the whole scenario, complete, sweep included */
    json_t *parts;     /* of it, each complete; one that has none is its only part */
    json_t *by_hand;   /* for each part, pointers to what --set gave */
    uint64_t seed; /* chosen at random when the file and --seed give none; kept in `effective` */
    /* What was left out, since the flavor has no such thing: for main() to show. */
    struct diagnostics notes;
};

/* Overrides in the order of the command line: "duration=5s", "library.gp_policy=fqs",
 * "rcu-pipe.readers=4" (every workload of that type), "workloads.0.readers=4", "sweep.KEY=[...]".
 * The value is JSON when it parses as JSON, else a string. Overriding a swept key removes it from
 * the sweep. */
struct override {
    const char *key, *value;
};

bool scenario_load(struct scenario *s, const char *path, const struct override *overrides,
                   size_t override_count, struct diagnostics *d);
/* Another seed in all that the scenario holds. */
void scenario_set_seed(struct scenario *s, uint64_t seed);
/* A seed short enough to be typed again. */
int64_t scenario_random_seed(void);
void scenario_free(struct scenario *s);
#endif
