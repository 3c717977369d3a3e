/* The questions of `stillpoint bench`; bench_rows.c. */
#ifndef STILLPOINT_BENCH_ROWS_H
#define STILLPOINT_BENCH_ROWS_H

#include <stddef.h>

struct bench_row {
    const char *group, *text;
    const char *scenario, *part; /* of configs/bench/; part NULL: all of the scenario */
    /* JSON: of the points only these; NULL: all. Settings of the library are ours alone, and are
     * not asked of peers. */
    const char *where;
    const char *metric;
    /* What the machine takes at least for the same: so many times a metric, of the workload
     * `limits` ("limit."), else of the row's own points, or of those of limit_where. NULL with
     * limit_where: the row's metric; both NULL: that of the flavor `null`, if it was run. */
    const char *limit, *limit_where;
    double limits; /* 0: once */
};

extern const struct bench_row bench_rows[];
extern const size_t bench_row_count;

/* The groups in the order of their rows, with what stands over them. */
struct bench_group {
    const char *name, *heading;
};
extern const struct bench_group bench_groups[]; /* a NULL name ends them */

#endif
