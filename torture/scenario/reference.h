/* What there is, made from the tables: for `stillpoint list`, and for docs/. */
#ifndef STILLPOINT_REFERENCE_H
#define STILLPOINT_REFERENCE_H

#include "torture/record/diagnostics.h"

/* Workloads and flavors (`what` NULL), or one of them in detail; heap text. NULL with a line in d
 * when there is nothing of that name. A flavor whose runner does not answer is listed with why. */
char *list_text(const char *what, struct diagnostics *d);
/* The reference of scenarios, in Markdown; heap. */
char *scenario_reference(void);

#endif
