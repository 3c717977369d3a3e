/* The mapping that is shared with the driver, in parts: before, between and behind them lies a page
 * that nothing may touch, so that what writes past its own memory, or past one part, crashes there.
 */
#ifndef STILLPOINT_MAPPING_H
#define STILLPOINT_MAPPING_H

#include "torture/record/diagnostics.h"

#include <stddef.h>

/* All zero holds nothing. */
struct mapping {
    size_t size; /* of the parts and the pages behind each */
    size_t part_count;
    size_t *ends; /* of the parts, where the page begins */
};

/* Adds a part; where it will be. */
size_t mapping_part(struct mapping *m, size_t size);
/* Makes the file that large and maps it; NULL with a line in d. Gives back what the parts took. */
void *mapping_open(struct mapping *m, int fd, struct diagnostics *d);

#endif
