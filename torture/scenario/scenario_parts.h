/* The parts of a scenario that need more than a row of a table. */
#ifndef STILLPOINT_SCENARIO_PARTS_H
#define STILLPOINT_SCENARIO_PARTS_H

#include "document.h"
#include "options_complete.h"
#include "torture/record/options.h"

/* The largest whole number that every JSON reader keeps exactly. */
#define SEED_MAX 9007199254740992.0

/* A scenario while it is read: the context of scenario_members[]. */
struct scenario_reading {
    struct document doc;
    json_t *root;         /* as read, --set applied */
    json_t *flavors;      /* that are going to run, strings */
    json_t *file_flavors; /* that the file alone would run */
    struct diagnostics *notes;
};

/* scenario_parts.c, but for the last ones. What was left of a part once its items were checked:
 * itself, or NULL when one was bad. */
json_t *part_result(json_t *part, bool good);
bool list_has(const char *const *names, const char *name);

/* Whether the flavor has a runner that answers; otherwise a line in the diagnostics. */
bool flavor_answers(const struct document *doc, const char *flavor, const char *pointer);
/* A setting that the file has for its own flavor, when --flavor names one that does not know it:
 * it is left out, with a note, so that every scenario takes every flavor. */
bool is_foreign_setting(struct scenario_reading *reading, const char *name, const char *pointer);

/* scenario_figures.c: what the scenario names of its results. Whether anything that runs here can
 * have it; a line in the diagnostics when not. Left out, with a line in the notes: only the
 * flavor of the file has it, and another one is run. */
enum figure_found { FIGURE_KNOWN, FIGURE_UNKNOWN, FIGURE_LEFT_OUT };
/* A counter, coverage or statistic: of `require`. */
enum figure_found find_count(struct scenario_reading *reading, const char *name,
                             const char *pointer);
/* A counter of the scenario's workloads, which any flavor's runs have: of `floors`. */
bool find_counter(struct scenario_reading *reading, const char *name, const char *pointer);
/* Of a budget. */
enum figure_found find_metric(struct scenario_reading *reading, const char *metric,
                              const char *pointer);

/* scenario_sweep.c: as `complete` of struct member. */
json_t *complete_sweep(void *context, json_t *given, const char *pointer);
json_t *complete_require(void *context, json_t *given, const char *pointer);
json_t *complete_floors(void *context, json_t *given, const char *pointer);
json_t *complete_budgets(void *context, json_t *given, const char *pointer);

/* Members of the top level that are not in scenario_options, or need more checks. */
extern const struct member scenario_members[];

#endif
