/* What there is, told from the tables: for `stillpoint list`, and for docs/ (scenario_schema() and
 * scenario_reference() are in scenario.h).
 */
#ifndef STILLPOINT_REFERENCE_H
#define STILLPOINT_REFERENCE_H

#include "torture/record/diagnostics.h"

/* Workloads and flavors (`what` NULL), or one of them in detail; heap text. NULL with a line in d
 * when there is nothing of that name. A flavor whose runner does not answer is listed with why. */
char *list_text(const char *what, struct diagnostics *d);

#endif
