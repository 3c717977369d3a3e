/* Floors: of some counters a run must have a share of what a flavor that is known to be good, the
 * reference, counted in a moment at the same point. Otherwise it did too little to be clean. */
#ifndef STILLPOINT_FLOOR_H
#define STILLPOINT_FLOOR_H

#include <jansson.h>

/* The "floor" of a run, from that of the reference: what it counted of those in `least`, or why
 * that is no measure. */
json_t *floor_describe(json_t *reference, json_t *least);
/* Judges a run that has a "floor", or does nothing. `least`: {"reads": "1 %"}. What is below gets a
 * line of `missing`, what is not judged one of its notes. */
void floor_judge(json_t *run, json_t *least, json_t *missing);

#endif
