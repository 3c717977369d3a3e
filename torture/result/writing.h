/* Writes to a descriptor in a thread of its own, so that a disk or a terminal that does not take
 * anything holds up nobody but that thread. */
#ifndef STILLPOINT_WRITING_H
#define STILLPOINT_WRITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writing;

/* `most`: bytes that may wait to be written; what comes on top is dropped. The descriptor stays the
 * caller's. NULL when no thread can be started. */
struct writing *writing_open(int fd, size_t most);
/* Takes a copy. Never blocks. False when there is no room: it is dropped. */
bool writing_add(struct writing *w, const char *text, size_t length);
/* Has the kernel bring to the disk what was added until now. Never blocks. */
void writing_sync(struct writing *w);
/* Nothing waits, and nothing is being written. */
bool writing_idle(struct writing *w);
/* Waits until that is so, at most for that time; false when it is not. Negative: for ever. */
bool writing_wait(struct writing *w, int64_t limit_ns);
/* The first error, an errno, and the call that failed; what was to be written then and later is
 * lost. 0: there was none. */
int writing_error(struct writing *w, const char **call);
/* How long writes and syncs have taken beyond half a second each, that under way included. */
int64_t writing_blocked_ns(struct writing *w);
/* Ends the thread as soon as all is written; after the limit it is left behind, and false returned.
 * The descriptor must then stay open. */
bool writing_close(struct writing *w, int64_t limit_ns);

#endif
