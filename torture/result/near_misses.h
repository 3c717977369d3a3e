/* Near misses: what came close to a broken promise, or looks like one by the clock alone. They are
 * counted and shown, and part of no verdict. */
#ifndef STILLPOINT_NEAR_MISSES_H
#define STILLPOINT_NEAR_MISSES_H

#include <jansson.h>

/* The watchdog's: silences that it did not call a stall. */
#define NEAR_STALLS "near_stalls"

/* Sets the "near_misses" of a run: those counters of its workloads that count some, by name, and
 * the watchdog's; -1: that is not known. */
void near_misses_describe(json_t *run, json_int_t near_stalls);
/* Adds those of a run, and of the earlier ones that it stands for, to an object of the same form.
 */
void near_misses_add(json_t *sums, json_t *run);
/* All of a run, likewise. */
json_int_t near_misses_total(json_t *run);
/* What the line "Near misses" has of one kind: "kicks acted on after cpu_limit by the clock". */
const char *near_misses_words(const char *name);

#endif
