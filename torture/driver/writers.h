/* Writers: everything that an invocation leaves behind is a row of one table in writers.c. */
#ifndef STILLPOINT_WRITERS_H
#define STILLPOINT_WRITERS_H

#include "console.h"
#include "torture/record/diagnostics.h"
#include "torture/result/output.h"

#include <jansson.h>
#include <stdbool.h>

/* An event of a run, as it comes. */
void writers_event(struct output *output, json_t *event, struct diagnostics *d);

/* The whole result of an invocation, or of one that is salvaged (`output` NULL). Returns the exit
 * code: the verdict's, but for a result that could not be written. */
int writers_conclude(json_t *result, const char *directory, struct output *output,
                     struct console *console, struct diagnostics *d);

#endif
