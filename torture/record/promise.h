/* What an implementation promises about its statistics: sums of them, of what was called, and of
 * numbers, as text beside the statistic in the flavor's table (flavor_table.h).
 *
 *     gps_forced_by_call + gps_forced_by_time <= gps_forced
 *     called.call <= callbacks_queued <= called.call + called.barrier
 *     pauses == called.pause
 *
 * All that is counted only grows. So the left side may be older than the right one: what was below
 * it then is below it now, whatever was counted between the two, and nobody has to stop for it.
 */
#ifndef STILLPOINT_PROMISE_H
#define STILLPOINT_PROMISE_H

#include "called.h"
#include "diagnostics.h"
#include "flavor_table.h"
#include "shared.h"

/* The statistics in the order of the table, then what was called. */
struct promise_moment {
    uint64_t values[SHARED_LIBRARY + CALLED_COUNT];
};

struct promise_sum {
    uint64_t number;
    size_t *terms; /* of a moment's values */
    size_t term_count;
};

/* One pair of what the text compares. */
struct promise {
    const char *text; /* the whole, as in the table */
    struct promise_sum left, right;
    bool equal;
    bool of_calls; /* some term is called */
};

struct promises {
    struct promise *list;
    size_t count;
};

/* Adds the pairs of the text; NULL: none. False with a line in d: it names nothing that is there,
 * or is no sum. */
bool promises_add(struct promises *promises, const char *text, const struct statistic *statistics,
                  size_t statistic_count, struct diagnostics *d);
void promises_free(struct promises *promises);

/* The left side of the earlier moment is at most the right one of the later, and `excess`; of one
 * that is equal, the other way round as well. */
bool promise_is_kept(const struct promise *p, const struct promise_moment *earlier,
                     const struct promise_moment *later, uint64_t excess);
/* "gps_proven (9) <= gps (8)" of these moments; heap. */
char *promise_told(const struct promise *p, const struct promise_moment *earlier,
                   const struct promise_moment *later, const struct statistic *statistics,
                   size_t statistic_count);

#endif
