/* Whether one build is slower than another: judged by pairs of runs; comparison.c.
 *
 * Per metric the ratio of medians, its 95 % interval, and one of
 *   regressed, improved   the interval lies beyond the margin, and the ranks of its pairs rule out
 *                         chance: over all metrics together it is mistaken once in 100 comparisons
 *   equivalent            the interval lies within the margin
 *   inconclusive          neither; "reason" has why, and what to do
 * The first pair is dropped: caches and clocks are cold.
 */
#ifndef STILLPOINT_COMPARISON_H
#define STILLPOINT_COMPARISON_H

#include "side.h"

#include <stdio.h>

#define COMPARISON_PAIRS 10 /* with the first; fewer have no interval */

struct comparison_options {
    double margin;             /* 0.02: what is within 2 % is the same */
    const char *const *wanted; /* names of metrics, NULL-ended; NULL: the usual ones */
    const struct side *same;   /* further results of BASE's build, or NULL */
    json_t *notes;             /* array of strings, kept */
};

/* "stillpoint-comparison/1": docs/comparing.md. */
json_t *compare_sides(const struct side *base, const struct side *fresh,
                      const struct comparison_options *o);

/* 3: a metric regressed; 2: none could be decided; else 0. */
int comparison_exit_code(json_t *comparison);

/* comparison_text.c. The table, with what is undecided and notes below it; as Markdown for a page
 * of a pull request. */
void comparison_report(FILE *f, json_t *comparison, bool color);
void comparison_markdown(FILE *f, json_t *comparison);
/* "gp.wait p99 (adaptive)", of one of its metrics; heap. */
char *comparison_title(json_t *metric);

#endif
