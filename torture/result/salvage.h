/* `stillpoint salvage DIR`: a result from the events of an invocation that never got to write
 * one. */
#ifndef STILLPOINT_SALVAGE_H
#define STILLPOINT_SALVAGE_H

#include "torture/record/diagnostics.h"

#include <jansson.h>

/* The result as far as the events go, or NULL with a line in d. Runs that had ended are whole; one
 * that was cut short is rebuilt from its intervals and findings, and is at best inconclusive. A
 * torn last line is left out. */
json_t *salvage_events(const char *path, struct diagnostics *d);

#endif
