/* A plan as hwloc's XML, in which threads are objects below their PUs: what hwloc's lstopo draws.
 * No part of a runner. */
#ifndef STILLPOINT_PLACEMENT_XML_H
#define STILLPOINT_PLACEMENT_XML_H

#include "placement.h"

/* What is to be seen besides who is where. */
struct placement_marks {
    const char *const *roles; /* of the threads */
    const double *values;     /* of the threads, NAN: it has none; NULL: roles make the colours */
    const char *metric;       /* what the values are */
    const char *(*show)(double value, char *buffer); /* one of them; 32 bytes at least */
    const char *lines; /* below the drawing, each ended by a newline */
};

/* The caller frees it; NULL with a line in d. */
char *placement_xml(const struct placement *p, const struct placement_marks *marks,
                    struct diagnostics *d);

#endif
