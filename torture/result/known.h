/* Findings that somebody has accepted for a while: --known FILE.
 *
 *     {"known": [{"fingerprint": "pipe-age-0123456789ab", "reason": "waits for the fix of the
 *                 scan", "expires": "2027-01-31"}]}
 */
#ifndef STILLPOINT_KNOWN_H
#define STILLPOINT_KNOWN_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

/* {FINGERPRINT: {"reason", "expires"}}, checked; NULL with lines in d. */
json_t *known_read(const char *path, struct diagnostics *d);
/* Whether an entry of it still holds: to the end of its last day, UTC. */
bool known_holds(json_t *entry);

#endif
