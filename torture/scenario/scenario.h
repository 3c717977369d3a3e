/* Scenarios: from a JSON file and --set to a list of runs.
 *
 * Everything is checked before anything runs. What is kept is JSON with every default filled in, so
 * that the effective scenario can be written next to the result and a run handed to a runner.
 */
#ifndef STILLPOINT_SCENARIO_H
#define STILLPOINT_SCENARIO_H

#include "torture/record/options.h"
#include "torture/record/workload.h"

/* What a flavor's runner says about itself (`runner-NAME --describe`). */
struct flavor_description {
    char *name;
    unsigned capabilities;
    unsigned missing; /* capabilities that it would have on another machine; none of the above */
    struct option *settings; /* table of the "library" object, NULL-name-ended, heap */
    json_t *json;            /* the whole description, owner of the strings */
};

/* Finds the flavor's runner and asks it. NULL with a line in d ("no runner for flavor ..."). The
 * result is cached and lives until the program ends. */
const struct flavor_description *flavor_describe(const char *name, struct diagnostics *d);

/* Why this machine does not offer capability number `bit`: a line, or NULL when it is not
 * `missing`. */
const char *flavor_missing_reason(const struct flavor_description *description, unsigned bit);

struct scenario {
    char *path;        /* as given */
    json_t *effective; /* the whole scenario, complete, sweep included */
    uint64_t seed; /* chosen at random when the file and --seed give none; kept in `effective` */
    /* What the file says for another flavor than the one asked for, and was left out: for main()
     * to show. */
    struct diagnostics notes;
};

struct run_plan {
    /* The scenario at this point, without description, sweep and repeat: what the runner gets.
     * Its budgets are those that apply here: "where" selects the point, and "ratio_to" another. */
    json_t *config;
    json_t *point; /* {"library.gp_policy": "fqs"}; empty object without sweep */
    char *label;   /* "gp_policy=fqs" for tables; "" without sweep */
    int64_t repeat;
    char *flavor;
    char *skip;     /* why this flavor cannot run this point, or NULL */
    bool skip_here; /* with skip: on another machine it could */
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
/* Runs in the order in which they are executed: repeats outermost, every second one backwards, so
 * that points alternate (ABBA). Repeat 0 has the scenario's seed, each later one a seed derived
 * from that and its number, the same at all points. A scenario without sweep that asks more of its
 * flavor than that can do on any machine is refused with a line in d; within a sweep such a point
 * gets `skip`. What only this machine does not offer is `skip` with and without a sweep. */
bool scenario_expand(const struct scenario *s, struct run_plan **plans, size_t *count,
                     struct diagnostics *d);
/* The seed of a repeat: the scenario's own for repeat 0, else derived from it. */
int64_t scenario_repeat_seed(uint64_t seed, int64_t repeat);
void scenario_free(struct scenario *s);
void run_plans_free(struct run_plan *plans, size_t count);

/* Options of the top level ("duration", "seed", ...) and of "placement", and the structs that
 * options_store() fills by them. */
struct scenario_settings {
    const char *name, *description, *flavor;
    int64_t duration_ns, warmup_ns, interval_ns, stall_limit_ns;
    int64_t seed, repeat;
    int on_finding, fence;
};
enum on_finding { ON_FINDING_STOP, ON_FINDING_CONTINUE };
enum fence_choice { FENCE_AUTO, FENCE_FULL };
extern const struct option scenario_options[];

struct placement_settings {
    int policy, memory;
};
enum placement_policy { PLACEMENT_SCATTER, PLACEMENT_COMPACT, PLACEMENT_NONE };
enum placement_memory { MEMORY_LOCAL, MEMORY_REMOTE, MEMORY_INTERLEAVE };
extern const struct option placement_options[];

/* Names of the threads that a run config asks for, in order: "reader-0", ... with the role and the
 * workload index. The same order as in the runner. When two workloads have a role of one name, the
 * numbers in the names go on, so that a name is one thread. */
struct planned_thread {
    char name[32];
    const struct workload *workload;
    const struct role *role;
    unsigned workload_index, index_in_role;
};
size_t scenario_threads(json_t *config, struct planned_thread **threads);

/* The JSON Schema of a scenario, and the reference in Markdown, both made from the tables. */
json_t *scenario_schema(void);
char *scenario_reference(void);

#endif
