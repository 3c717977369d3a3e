/* Pictures of a result, drawn by gnuplot. */
#ifndef STILLPOINT_PLOT_H
#define STILLPOINT_PLOT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

/* Draws every plot that the result has data for, as SVG and PNG, into the directory; the names of
 * the files made are appended to `made` (an array of strings). Data files handed to gnuplot are
 * temporary. False with a line in d when gnuplot or a font is missing (with the package to
 * install), gnuplot failed, or the directory cannot be written; no half-written picture is left. */
bool plot_result(json_t *result, const char *directory, json_t *made, struct diagnostics *d);

#endif
