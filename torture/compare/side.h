/* One side of a comparison: results of one build, in the order in which they began; side.c. */
#ifndef STILLPOINT_SIDE_H
#define STILLPOINT_SIDE_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

struct side {
    const char *path; /* as it was named */
    json_t *results;  /* array; at least one */
    json_t *paths;    /* where each lies */
};

/* A result (its directory, or result.json), or a folder of them. False with lines in d. `notes`
 * (array of strings) gets what was passed over. */
bool side_read(struct side *s, const char *path, json_t *notes, struct diagnostics *d);
void side_free(struct side *s);
/* Where a result lies: its directory, or the file. */
const char *side_path(const struct side *s, size_t i);

/* Why they are no two measurements of the same: another machine, scenario or environment; heap, or
 * NULL. Seeds may differ. */
char *side_difference(const struct side *base, const struct side *fresh);

/* Why a side is not of one build alone, that of the first result of `like`; heap, or NULL. */
char *side_build_difference(const struct side *s, const struct side *like);

/* Whether the runs of both took turns, the i-th of one next to the i-th of the other. */
bool side_alternate(const struct side *base, const struct side *fresh);

#endif
