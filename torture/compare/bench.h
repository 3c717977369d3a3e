/* The table of `stillpoint bench`: questions in rows, implementations in columns; bench.c. */
#ifndef STILLPOINT_COMPARE_BENCH_H
#define STILLPOINT_COMPARE_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What is run for some rows: a scenario of configs/bench/, or one part of it. */
struct bench_source {
    const char *scenario, *part; /* part NULL: all of it */
};

/* Sources of the rows of these groups (`count` 0: of all), each once, and that of the limits; a
 * NULL scenario ends them. Heap. */
struct bench_source *bench_sources(const char *const *groups, size_t count);

/* "stillpoint-bench/1": docs/comparing.md. `results`: [{"scenario", "part", "result"}]. */
json_t *bench_judge(json_t *results);
/* bench_text.c */
void bench_report(FILE *f, json_t *bench);
void bench_markdown(FILE *f, json_t *bench);

#endif
