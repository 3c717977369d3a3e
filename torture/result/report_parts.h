/* Between the parts of a report only. */
#ifndef STILLPOINT_REPORT_PARTS_H
#define STILLPOINT_REPORT_PARTS_H

#include "report.h"

/* report_format.c. A value of a latency, or a percentile ("99"), in nanoseconds, whatever the
 * unit. */
double report_ns(json_t *latency, json_t *value);
double report_percentile_ns(json_t *latency, const char *name);
/* What these two gave, as people read it: of a latency of bytes they are no times. */
const char *report_value(json_t *latency, double value, char *buffer);
/* report_table.c. What a row is called: its point, or the flavor where there is no sweep; heap. */
char *report_row_name(json_t *run);
/* The rows (of report_rows()) under their titles. `result`: what they are of; `part`: its name,
 * NULL when it is the whole. */
void report_table(FILE *f, json_t *result, json_t *rows, const char *part, bool color);

/* report_tail.c. Whether most of the time above the p99 of that latency is the scheduler's. */
bool report_tail_is_scheduler(json_t *run, const char *latency);

#endif
