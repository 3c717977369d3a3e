/* Durations as people type them. */
#ifndef STILLPOINT_DURATION_H
#define STILLPOINT_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* "1500ms", "45s", "10m", "8h", "20us", "100ns", "2.5" (seconds) to nanoseconds; false if it is
 * none. */
bool duration_parse(const char *text, int64_t *ns);
/* The shortest exact way to write it: "1500ms". `buffer` holds at least 32 bytes. */
const char *duration_format(int64_t ns, char *buffer);

#endif
