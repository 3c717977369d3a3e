/* The machine of a result, with who was where, drawn by hwloc. */
#ifndef STILLPOINT_PLOT_TOPOLOGY_H
#define STILLPOINT_PLOT_TOPOLOGY_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What is to be drawn; NULL where it does not matter. */
struct topology_wish {
    const char *point;     /* the label of the run; the first that has threads */
    const char *metric;    /* whose values make the colours; roles do */
    const char *synthetic; /* the machine, as hwloc describes it; this one */
    const char *svg;       /* a file */
};

/* The first run of that point (NULL: of any) which has threads, borrowed; NULL: there is none. */
json_t *plot_topology_run(json_t *result, const char *point);
/* Draws a run of a result that is called `where` in messages: as text, unless that is NULL, and as
 * SVG, if that is wished for. False with lines in d. */
bool plot_topology(json_t *result, const char *where, const struct topology_wish *wish, FILE *text,
                   struct diagnostics *d);

#endif
