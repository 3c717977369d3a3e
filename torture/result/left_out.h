/* What a benchmark presupposes, and the runs in which it did not hold: their figures are shown, and
 * are in no median and no budget. */
#ifndef STILLPOINT_LEFT_OUT_H
#define STILLPOINT_LEFT_OUT_H

#include <jansson.h>
#include <stdbool.h>

/* Sets "left_out" in a finished run, a line, where it is to be left out. */
void left_out_judge(json_t *run);
/* Whether its figures count: it passed or measured, and is not left out. */
bool left_out_is_not(json_t *run);
/* A new array: the runs without those that are left out, as far as their point has others. */
json_t *left_out_without(json_t *runs);

#endif
