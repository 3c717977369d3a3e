/* A machine drawn by hwloc's own exporter, the program lstopo. */
#ifndef STILLPOINT_TOPOLOGY_SVG_H
#define STILLPOINT_TOPOLOGY_SVG_H

#include "torture/record/diagnostics.h"

#include <stdbool.h>

/* Draws what placement_xml() made into a file, as SVG. False with a line in d when lstopo is
 * missing (with the package to install) or failed, or the file cannot be written; nothing
 * half-written is left. */
bool topology_svg(const char *xml, const char *path, struct diagnostics *d);

#endif
