/* What `require` wants of a count: so many, so many a second, or a share of another count. And what
 * `floors` wants: a share of what the reference counts in the same time. */
#ifndef STILLPOINT_REQUIREMENT_H
#define STILLPOINT_REQUIREMENT_H

#include <jansson.h>
#include <stdbool.h>

/* Of the text forms, as regular expressions for the schema. */
#define REQUIREMENT_RATE_PATTERN  "^[0-9]*\\.?[0-9]+/s$"
#define REQUIREMENT_SHARE_PATTERN "^[0-9]*\\.?[0-9]+ ?% of [a-z0-9_]+$"
#define FLOOR_PATTERN             "^[0-9]*\\.?[0-9]+ ?%$"

struct requirement {
    enum { REQUIRED_COUNT, REQUIRED_RATE, REQUIRED_SHARE } kind;
    double least;   /* times, times a second, or percent */
    const char *of; /* the other count; points into the value */
};

/* Reads 100, "20/s" or "5 % of gps"; false: it is none of these, or asks for nothing. */
bool requirement_read(json_t *value, struct requirement *r);
/* Reads "1 %"; false: it is no such share, or asks for nothing. */
bool floor_read(json_t *value, double *percent);

#endif
