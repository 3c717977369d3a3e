/* What the machine did to a run, and what follows for it. */
#ifndef STILLPOINT_LOST_H
#define STILLPOINT_LOST_H

#include <jansson.h>
#include <stdbool.h>

enum lost_cause {
    /* These do not count. */
    LOST_MACHINE, /* runner and driver both stood still, or no CPU was given to them */
    LOST_RUNNER,
    LOST_DRIVER,
    /* These are part of the time in which the machine stood still. */
    LOST_STEAL,
    LOST_THROTTLED,
    /* These are notes. */
    LOST_LATE, /* the driver, beyond its own turn */
    LOST_DISK,
    LOST_TERMINAL,
    LOST_PRESSURE_CPU,
    LOST_PRESSURE_MEMORY,
    LOST_PRESSURE_IO,
    LOST_CAUSES,
};

/* Adds one to "disturbances": that much between two times since the start of the run. It lengthens
 * the last of its cause when it follows on that, or when it is only a note, so that the list of a
 * run stays short. `why`: NULL or what else is known. */
void lost_note(json_t *disturbances, enum lost_cause cause, double from_s, double to_s,
               double seconds, const char *why);
/* Whether it is time that does not count. */
bool lost_is_subtracted(enum lost_cause cause);

/* How much of a run it was; seconds. */
double lost_to(json_t *run, enum lost_cause cause);
/* What is left of a run: its seconds less those that do not count. */
double lost_clean_seconds(json_t *run);
/* Judges what the run has lost: a line of "missing" when it is too much, else of "notes" when there
 * is anything worth telling. */
void lost_judge(json_t *run, json_t *missing);
/* Whether that is all that is wrong with an invocation of one run. */
bool lost_is_all(json_t *result);

#endif
