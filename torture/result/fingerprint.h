/* What makes two findings the same, in one night or in two: check, place and frames. */
#ifndef STILLPOINT_FINGERPRINT_H
#define STILLPOINT_FINGERPRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a finding as it stands in a result: {"fingerprint": "pipe-age-0123456789ab", "check",
 * "place", "frames"}. The place is the workload and, where there is a stack, the role of its
 * thread, else the message without its figures. Frames are names of functions, innermost first: of
 * a stall the outermost ones, since a thread that waits is seen at one place of a loop or another.
 */
json_t *fingerprint_of(json_t *finding);
/* Whether a text has the form of a fingerprint. */
bool fingerprint_is(const char *text);
/* Adds a text to a sum that begins with FINGERPRINT_BASIS. Source: Fowler, Noll and Vo, FNV-1a. */
#define FINGERPRINT_BASIS UINT64_C(0xcbf29ce484222325)
uint64_t fingerprint_hash(uint64_t sum, const char *text);

#endif
