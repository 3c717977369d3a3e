/* Figures of many results, over commits: a database that is made from results and can be made anew
 * from them; history.c.
 *
 * A series is one metric at one point of one scenario with one flavor on one host; builds with a
 * sanitizer, or with checks of misuse, have series of their own. Its values are the medians of
 * results, in the order of their commits; "1a2b3c+" is that commit with changes.
 */
#ifndef STILLPOINT_HISTORY_H
#define STILLPOINT_HISTORY_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct history;

/* Opens the database, and makes it where there is none and `make` is set. NULL with a line in d:
 * it cannot be opened, is no history, or a newer program's. */
struct history *history_open(const char *path, bool make, struct diagnostics *d);
void history_close(struct history *h);

enum history_added { HISTORY_ADDED, HISTORY_KNOWN, HISTORY_EMPTY, HISTORY_FAILED };
/* One result, whole or not at all; the same run twice is one, whoever adds at the same time. EMPTY:
 * it has no figure that counts. FAILED: with a line in d. `path`: where it lies. */
enum history_added history_add(struct history *h, json_t *result, const char *path,
                               struct diagnostics *d);

/* Empties it, to be filled anew. => Where its results lay, a new array of strings; NULL with a line
 * in d. What others see is the old one until history_refilled(), and whoever adds waits for that;
 * closed without it, it stays as it was. */
json_t *history_refill(struct history *h, struct diagnostics *d);
bool history_refilled(struct history *h, struct diagnostics *d);

struct history_selection {
    const char *metric;                           /* "gp.wait.p99" */
    const char *host, *scenario, *flavor, *label; /* NULL: any */
};

/* Series as a new array, each with its "values" in order: [{"metric", "label", "scenario",
 * "flavor", "host", "machine", "values": [{"commit", "started", "value", "least", "most",
 * "runs", "path"}], "changes": [{"at", "chance", "before", "after"}],
 * "limit": the budget, if there is one}]. NULL with a line in d. */
json_t *history_series(struct history *h, const struct history_selection *s, struct diagnostics *d);
/* [{"scenario", "flavor", "host", "machine", "results", "commits", "metrics": [...]}] */
json_t *history_contents(struct history *h, struct diagnostics *d);

/* history_text.c */
void history_report_series(FILE *f, json_t *series);
void history_report_contents(FILE *f, json_t *contents);

#endif
