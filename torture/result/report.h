/* What people read at the end: the verdict table, violations, the summary; report.c, and where it
 * says so. */
#ifndef STILLPOINT_REPORT_H
#define STILLPOINT_REPORT_H

#include "finding.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RED   "\033[31;1m"
#define GREEN "\033[32;1m"
#define AMBER "\033[33;1m"
#define PLAIN "\033[0m"

/* report_format.c. "14.9 us", "2.1 ms", "50 s"; the buffer holds at least 32 bytes. */
const char *report_duration(double ns, char *buffer);
/* "1.2 G", "812 338". */
const char *report_count(double count, char *buffer);
const char *report_grouped(uint64_t count, char *buffer);
/* "48.2 MB". */
const char *report_bytes(double bytes, char *buffer);
/* The figure that a metric names, in its own unit. */
const char *report_metric(const char *metric, double value, char *buffer);

/* report_finding.c: text folded at 99 columns; `first` and `indent` are those of the first line and
 * of the others; a negative `first`: so much of the line is written already. */
void report_folded(FILE *f, int first, int indent, const char *text);
/* report_finding.c: one finding with its timeline; the label of its point, or "". */
void report_finding(FILE *f, const struct finding *finding, const char *label, bool color);
/* report_finding.c: counts and stacks of a run that goes on. */
void report_state(FILE *f, json_t *counters, json_t *library, const struct finding_stacks *stacks);
/* report_rows.c: the runs as rows of the table: the passed ones of one point are one row, in which
 * every figure is the median of those that count. "left_out" has a line for each of the others;
 * where none counts the verdict is "left out", and the row is of all. A new array. */
json_t *report_rows(json_t *runs);
/* report_tail.c: where the time of the slowest went, a line for each row of the table. */
void report_tail(FILE *f, json_t *rows);
/* report_cost.c: what each role cost for each thing it did, where the table has one row. */
void report_cost(FILE *f, json_t *rows);
/* report_budgets.c: the "budgets" of a verdict. */
void report_budgets(FILE *f, json_t *budgets, bool color);
/* What runs where: the head of the table. Of a result, or of the event of an invocation. */
void report_header(FILE *f, json_t *result);
/* report_run.c: a run in one line: its point, verdict, and headline latency. */
void report_run(FILE *f, json_t *run);
/* The table, what was reached, budgets, findings and the verdict of a whole result. `files` (array
 * of strings) is what lies in `directory`. */
void report_result(FILE *f, json_t *result, const char *directory, json_t *files, bool color);

#endif
