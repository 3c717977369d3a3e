/* Variables of the environment that change a run: a result without them cannot be repeated. */
#ifndef STILLPOINT_ENVIRONMENT_H
#define STILLPOINT_ENVIRONMENT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Those that are set to anything, by name. */
json_t *environment_describe(void);
/* False, with a line in d for each, when one of our own has a value that nothing knows. */
bool environment_check(struct diagnostics *d);
/* Our own, in the order in which a command line shows them; NULL after the last. */
const char *environment_own(size_t i);

#endif
