/* Plans as text, for people: no part of a runner. */
#ifndef STILLPOINT_PLACEMENT_DRAW_H
#define STILLPOINT_PLACEMENT_DRAW_H

#include "placement.h"

/* Which thread goes where, drawn as text, one line per PU or pair of PUs; the caller frees it. */
char *placement_draw(const struct placement *p);
/* All that `stillpoint topology` prints: plans as placement_plan() does (a config of NULL binds
 * nothing), draws, and ends with the notes, each after "note: ". The caller frees it; NULL with a
 * line in d where there is no plan. */
char *placement_text(json_t *config, const char *const *names, const char *const *roles,
                     size_t count, const char *synthetic, const char *where, struct diagnostics *d);

/* A plan in one line of at most `width` columns, for --dry-run; the caller frees it:
 * "PU 0  reader-0 reader-2   PU 1  reader-1 reader-3 ...". */
char *placement_line(const struct placement *p, const char *const *names, size_t count,
                     size_t width);

#endif
