/* Runs of a benchmark that were made up, as a result has them. */
#ifndef STILLPOINT_TESTS_RUNS_H
#define STILLPOINT_TESTS_RUNS_H

#include <jansson.h>

static json_t *runs;

static void set_up(void)
{
    runs = json_array();
}

static void tear_down(void)
{
    json_decref(runs);
}

static json_t *add(const char *flavor, unsigned repeat, double mean)
{
    json_t *run =
        json_pack("{s{ss} ss ss si ss s{s{sf ss}} s[] s{}}", "point", "flavor", flavor, "label",
                  flavor, "flavor", flavor, "repeat", (int)repeat, "verdict", "measured", "latency",
                  "gp.total", "mean", mean, "unit", "ns", "findings", "counters");

    json_array_append_new(runs, run);
    return run;
}

static void leave_out(json_t *run)
{
    json_object_set_new(run, "left_out", json_string("pair-reader-0 had 50 % of its CPU"));
}

#endif
