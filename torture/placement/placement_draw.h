/* Plans as text, for people: no part of a runner. */
#ifndef STILLPOINT_PLACEMENT_DRAW_H
#define STILLPOINT_PLACEMENT_DRAW_H

#include "placement.h"

/* A plan as it was carried out: each thread on the CPU of that number of the system's, -1: on any.
 * `synthetic` as of placement_plan(). NULL with a line in d, also when there is no such CPU. */
struct placement *placement_at(const char *const *names, const int *cpus, size_t count,
                               const char *synthetic, const char *where, struct diagnostics *d);
/* Lines that belong below any drawing: where memory comes from, and that a plan is only one; the
 * caller frees it. */
char *placement_remarks(const struct placement *p);
/* Which thread goes where, drawn as text, one line per PU or pair of PUs, and the remarks; the
 * caller frees it. */
char *placement_draw(const struct placement *p);
/* All that `stillpoint topology` prints: the drawing, and then the notes, each after "note: ". The
 * caller frees it. */
char *placement_text(const struct placement *p, const char *notes);

/* A plan in one line of at most `width` columns, for --dry-run; the caller frees it:
 * "PU 0  reader-0 reader-2   PU 1  reader-1 reader-3 ...". */
char *placement_line(const struct placement *p, const char *const *names, size_t count,
                     size_t width);

#endif
