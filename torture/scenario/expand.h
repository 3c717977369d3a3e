/* From a scenario to a list of runs. */
#ifndef STILLPOINT_EXPAND_H
#define STILLPOINT_EXPAND_H

#include "scenario.h"

struct run_plan {
    /* The scenario at this point, without description, sweep and repeat: what the runner gets.
     * Its budgets are those that apply here: "where" selects the point, and "ratio_to" another. */
    json_t *config;
    json_t *point; /* {"library.gp_policy": "fqs"}; empty object without sweep */
    char *label;   /* "gp_policy=fqs" for tables; "" without sweep */
    int64_t repeat;
    char *flavor;
    char *skip;       /* why this flavor cannot run this point, or NULL */
    bool refused;     /* with skip: where it is the only point, the scenario is refused */
    json_t *left_out; /* lines: what the flavor lacks of the rest, and config has no longer */
    /* The same for the moment that the reference of "floors" runs what config has. Its point is
     * without the flavor and settings of the library, and what the reference lacks is left out
     * whatever it is. NULL: there is no floor, or the reference is what is run. */
    struct run_plan *reference;
};

/* Runs in the order in which they are executed: repeats outermost, every second one backwards, so
 * that points alternate (ABBA). Repeat 0 has the scenario's seed, each later one a seed derived
 * from that and its number, the same at all points. What the flavor lacks is left out of a run,
 * with a line in the notes of the scenario; a point of which nothing is left gets `skip`. What was
 * set by hand, or is swept, stays: a point that the flavor cannot run for it gets `skip`, and
 * without a sweep the scenario is refused with a line in d. What only this machine does not offer
 * is `skip`. Values that make no run anywhere are refused, with a line for each such point. */
bool scenario_expand(struct scenario *s, struct run_plan **plans, size_t *count,
                     struct diagnostics *d);
/* The seed of a repeat: the scenario's own for repeat 0, else derived from it. */
int64_t scenario_repeat_seed(uint64_t seed, int64_t repeat);
/* Seeds of the scenario's: in round 0 those that scenario_expand() gave, in each other round
 * others. */
void run_plans_set_seed(const struct run_plan *plans, size_t count, const struct scenario *s,
                        unsigned round);
void run_plans_free(struct run_plan *plans, size_t count);

#endif
