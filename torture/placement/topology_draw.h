/* The machine drawn as text, with who runs where on it. */
#ifndef STILLPOINT_TOPOLOGY_DRAW_H
#define STILLPOINT_TOPOLOGY_DRAW_H

#include "placement.h"
#include "topology.h"

#include <stdio.h>

/* Draws one line per core, and the threads on its PUs by their slots; under 100 columns. On a large
 * machine a run of empty cores is one line. Threads without a PU come last. */
void topology_draw(FILE *out, const struct topology *t, const char *const *names,
                   const struct placement_slot *slots, size_t count);

#endif
