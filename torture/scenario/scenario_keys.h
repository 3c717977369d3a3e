/* Keys of settings as typed after --set and in a sweep: "duration", "library.gp_policy",
 * "placement.policy", "rcu-pipe.readers" (every workload of that type), "workloads.0.readers";
 * after --set also "sweep.KEY", "require.NAME" and "floors.NAME".
 *
 * `root` is a scenario or run config, complete or as read; nothing here trusts its types.
 */
#ifndef STILLPOINT_SCENARIO_KEYS_H
#define STILLPOINT_SCENARIO_KEYS_H

#include "torture/record/options.h"
#include "torture/record/workload.h"

/* The flavors that the scenario runs: those swept, else the one given, else the default. A new
 * array of strings. */
json_t *scenario_flavors(json_t *root);
/* The first row of that name among the settings of the flavors; NULL when none has it. */
const struct option *library_option(json_t *flavors, const char *name);
/* False when the runner of one of the flavors does not describe itself. */
bool flavors_known(json_t *flavors);

/* JSON pointers to what the key means, a new array of strings; empty when it means nothing. */
json_t *key_pointers(json_t *root, const char *key);
/* "sweep.KEY+": one more value of those that KEY takes. */
bool key_adds(const char *key);
/* The option behind a key that can be swept, or NULL. */
const struct option *key_option(json_t *root, json_t *flavors, const char *key);
/* The key nearest to a misspelt one, or NULL; heap. */
char *key_nearest(json_t *root, json_t *flavors, const char *key);
/* Whether two arrays of pointers meet: one pointer is, or lies in, another. */
bool pointers_meet(json_t *left, json_t *right);

/* Follows a pointer; NULL when it leads nowhere. */
json_t *pointer_get(json_t *root, const char *pointer);
/* Puts the value (a new reference is taken) at the pointer; a missing object is made, a missing
 * array element is not. False when there is no such place. */
bool pointer_set(json_t *root, const char *pointer, json_t *value);

#endif
