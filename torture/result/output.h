/* The directory of one invocation's results: nothing half-written in it passes for whole. */
#ifndef STILLPOINT_OUTPUT_H
#define STILLPOINT_OUTPUT_H

#include "torture/record/diagnostics.h"
#include "writing.h"

#include <jansson.h>
#include <stdbool.h>

struct output {
    char *directory;
    int events_fd;          /* events.jsonl, one line an event */
    struct writing *events; /* synced line by line; NULL: not open */
    bool events_failed;
    char *first; /* line of the events: the invocation */
    bool no_pictures;
    bool is_round; /* of a night, which has the rest: no pictures, no table, no `latest` */
};

/* Makes BASE/<UTC time>-<name>/; heap, NULL with a line in d. */
char *output_directory(const char *base, const char *name, struct diagnostics *d);

/* Makes BASE/<UTC time>-<name>/ with scenario.json and an open events.jsonl. False with a line in d
 * when any of it cannot be written; what was made is removed again. */
bool output_open(struct output *o, const char *base, const char *name, json_t *effective,
                 struct diagnostics *d);
/* The same for a round of a night, whose directory is made by that name. */
bool output_open_round(struct output *o, const char *directory, json_t *effective,
                       struct diagnostics *d);
/* Appends, and has it brought to the disk; does not wait for that. A failure (full disk) is
 * reported in d once, later events are then dropped. */
void output_event(struct output *o, json_t *event, struct diagnostics *d);
/* Writes FILE in the directory through a temporary file, synced and renamed. */
bool output_file(const char *directory, const char *file, json_t *content, struct diagnostics *d);
/* How long the disk has taken nothing. */
int64_t output_blocked_ns(const struct output *o);
/* Between two runs, when there are more than so many bytes of events: replaces them by the first
 * and the ends of these runs, in one step. They stay as they are where that fails. */
void output_compact(struct output *o, json_t *runs, long most, struct diagnostics *d);
/* Waits until the events are on the disk, and closes them. */
void output_close(struct output *o, struct diagnostics *d);
/* Points BASE/latest at BASE/NAME, the directory of a whole result: when it is `newest`, or when
 * what it points at was not started later. */
void output_latest(const char *directory, bool newest, struct diagnostics *d);
/* Removes the directory and what output_open() made in it. */
void output_discard(struct output *o);
void output_free(struct output *o);

#endif
