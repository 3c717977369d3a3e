/* A scenario in parts: what cannot run in one process, with points of its own for each.
 *
 * A part is the scenario without "parts", with the part's members in place of its own. A scenario
 * that has none is its only part.
 */
#ifndef STILLPOINT_PARTS_H
#define STILLPOINT_PARTS_H

#include "scenario_parts.h"

/* The key of a point, of --set and of a complete part that names it. */
#define PART_KEY "part"

/* What each part is when it is read as a scenario of its own: a new array of objects, each with
 * PART_KEY where there are parts; NULL with lines in the diagnostics. `only`: the one that is
 * wanted (a string), or NULL. */
json_t *parts_split(const struct document *doc, json_t *root, const char *only);
/* What the part has in place of the scenario's members, and its index in "parts"; a new
 * reference, NULL: there are no parts. */
json_t *parts_origin(json_t *root, json_t *part, size_t *index);
/* Of the complete parts the whole scenario as it can be read again. */
json_t *parts_join(json_t *parts);

#endif
