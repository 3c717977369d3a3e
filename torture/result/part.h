/* The parts of a result: runs that one table and one set of pictures show together. */
#ifndef STILLPOINT_PART_H
#define STILLPOINT_PART_H

#include <jansson.h>

/* The result as if that part had been the whole scenario: with its runs only, whose points and
 * labels do not name it. A new reference; NULL: there are no more. One without parts is its only
 * part. */
json_t *result_part(json_t *result, size_t index);
/* What the part is called; NULL: it is the whole. */
const char *result_part_name(json_t *result, size_t index);

#endif
