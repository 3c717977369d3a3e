/* rounds.jsonl: what a night has begun and ended, a line each, on the disk before anything goes on.
 *
 * {"event": "begin", ...} names a round, and its directory; {"event": "end", ...} is its record.
 * Whoever holds the file open for writing holds its lock, and nobody else goes on with this night.
 */
#ifndef STILLPOINT_NIGHT_JOURNAL_H
#define STILLPOINT_NIGHT_JOURNAL_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

struct night_journal {
    char *path;
    int fd;          /* -1: closed */
    json_t *records; /* of the rounds that have ended, in order */
    json_t *begun;   /* the round that has not ended, or NULL */
};

/* A new one, or with `resume` one that is there; locked. A torn last line is taken away. False with
 * a line in d; close it also then. */
bool journal_open(struct night_journal *j, const char *directory, bool resume,
                  struct diagnostics *d);
void journal_close(struct night_journal *j);
/* Takes the event. False with a line in d when it could not be written; the records have it all the
 * same. */
bool journal_append(struct night_journal *j, json_t *event, struct diagnostics *d);

/* The records of a night that is over, or not; NULL with a line in d. */
json_t *journal_read(const char *directory, struct diagnostics *d);

#endif
