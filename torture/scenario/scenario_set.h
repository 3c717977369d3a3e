/* Sets of scenarios: what `run --for` and `validate` take instead of one.
 *
 * An argument is a scenario; a folder, which stands for the scenarios in it; or a file that names a
 * set, such as configs/soak.json:
 *
 *     {"name": "soak", "turn": "2m", "set": {"interval": "10s"}, "scenarios": ["torture"]}
 */
#ifndef STILLPOINT_SCENARIO_SET_H
#define STILLPOINT_SCENARIO_SET_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario_entry {
    char *path;
    int64_t turn_ns; /* so long a turn is at least, which its runs share; 0: as the scenario says */
    json_t *settings; /* {"interval": "10s"}: as if they had been given by --set, before others */
};

struct scenario_set {
    char *name; /* of the set or folder, when that is all; else "night" */
    size_t count;
    struct scenario_entry *entries; /* no file twice */
};

/* Whether the argument may stand for more than one scenario. */
bool scenario_set_is(const char *argument);
/* Scenarios are not read: only what folders and sets say is checked. False with lines in d; free
 * the set also then. */
bool scenario_set_read(struct scenario_set *set, char *const *arguments, size_t count,
                       struct diagnostics *d);
void scenario_set_free(struct scenario_set *set);

#endif
