/* What a picture is drawn from: the points of a result's sweep, and their figures as the columns of
 * data files.
 */
#ifndef STILLPOINT_PLOT_DATA_H
#define STILLPOINT_PLOT_DATA_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    POINTS_MAX = 48, /* that are distinct in one picture */
};

/* One point of the sweep with all its repeats. */
struct point {
    char *label;         /* "fqs", or "gp_policy=fqs readers=4" when more than one key is swept */
    json_t *runs;        /* array, in the order of the result */
    const char *latency; /* its headline; NULL when it has none */
    char *file;          /* data of the picture being drawn */
    size_t rows;         /* lines in it */
    double total;        /* samples behind it */
    double longest;      /* the largest of them, ns: where its line ends */
    double least;        /* and at which fraction */
    size_t panel, line;  /* where it is drawn, from 0 */
    char legend[128];    /* the label in the picture */
};

/* One figure over the repeats of a point. */
struct repeats {
    double median, smallest, largest;
};

struct canvas;
struct measure;
struct option;
struct workload;

struct drawing {
    json_t *result;      /* of one part, as result_part() gives it */
    const char *part;    /* its name, or NULL */
    const char *picture; /* that is being drawn: its script */
    const char *directory;
    struct canvas *canvas;
    struct point points[POINTS_MAX];
    size_t count;
    size_t left_out;          /* points beyond POINTS_MAX */
    const char *swept;        /* the only swept key, or "" */
    json_t *order;            /* of headline_order(), owner of the names below */
    char *panels[POINTS_MAX]; /* what each is about; NULL: there is one for all */
    char *lines[POINTS_MAX];  /* what they are called; without panels, as their points */
    size_t panel_count, line_count, columns;
    const char *key;     /* whose values are the lines; NULL: points are */
    bool grid;           /* of two settings: the outer one's values are rows */
    bool alone;          /* each panel has one line, and all others behind it */
    const char *latency; /* the headline of all points, NULL when they have different ones */
    bool gp;             /* it is what a grace period took, or there is none at all */
    double low, high;    /* of what was written, ns */
    double first;        /* place on an axis */
    double last;         /* second, or place */
    const struct measure *explained; /* whose causes the picture shows, or NULL */
    unsigned causes_seen;            /* by cause, those with a share that shows */
    bool lost;                       /* some interval was left out, since it does not count */
    json_t *made;
    struct diagnostics *d;
};

/* Groups the runs of g->result by point, in the order of the sweep. */
void plot_collect_points(struct drawing *g);
void plot_free_points(struct drawing *g);

/* Which points are lines of which panel. In plot_panels.c. */
void plot_lay_out(struct drawing *g);
void plot_free_layout(struct drawing *g);

/* Write the data of one point, and note in it and in g how much and how large it was. */
/* "x fraction-longer-than-x smallest largest": the median over the repeats, and its band. In
 * plot_ccdf.c. */
void plot_write_ccdf(struct drawing *g, struct point *p, FILE *out);
/* "second", then median, smallest and largest of p50, p99 and max; an empty line is a gap. In
 * plot_time.c. */
void plot_write_over_time(struct drawing *g, struct point *p, FILE *out);
/* "second", and the most in that interval of each latency that this picture draws, in the order of
 * the run; an empty line is a gap, or between repeats. In plot_time.c. */
void plot_write_amounts(struct drawing *g, struct point *p, FILE *out);
/* "median smallest largest" of the repeats' medians. */
void plot_write_read_side(struct drawing *g, struct point *p, FILE *out);
/* Into the file of the first point of each line: the latency over the option that is its axis. In
 * plot_axis.c. */
void plot_write_over_axis(struct drawing *g, struct point *p, FILE *out);
/* The option, if its values are words: those are the places. In plot_axis.c. */
const struct option *plot_axis_choice(const struct drawing *g);
/* What a place is called: one of these words, and the distance that the firmware has for it, as
 * "nearest-node (21)", if that is known; heap. In plot_axis.c. */
char *plot_place_name(const struct drawing *g, const char *word);
/* "cause from to", a share of the time each. In plot_causes.c. */
void plot_write_causes(struct drawing *g, struct point *p, FILE *out);
/* The table of a workload's distribution; false when there is none to show. In plot_table.c. */
bool plot_write_table(struct drawing *g, const struct workload *w, FILE *out);

/* Which machine and build: "Intel Xeon, 2 CPUs, Linux 6.18 · stillpoint 0.1.0 (1a2b3c4, modified) ·
 * 2026-11-20T14:15:03Z"; heap. In plot_caption.c. */
char *plot_caption(json_t *result);
/* What is to be added to the words about a result of such a machine, or "". In plot_caption.c. */
const char *plot_doubt(json_t *result);
/* Members of an object: 0 and "" when there is no such number or string. */
double plot_number(json_t *object, const char *key);
/* A latency of a run, or of an interval of one; NULL: it has none of that name. */
json_t *plot_run_latency(json_t *run, const char *name);
/* Whether this picture draws that latency, by the workloads' tables. */
bool plot_draws(const struct drawing *g, const char *latency);
/* The first latency of a run that this picture draws; NULL: it has none. */
json_t *plot_pictured(struct drawing *g, json_t *run);
/* Of the latency that this picture draws; false: no repeat has measured any. */
bool plot_repeats(struct drawing *g, struct point *p, const char *percentile,
                  struct repeats *repeats);
/* Of values in any order, which are sorted; at least one. */
struct repeats plot_median(double *values, size_t count);
/* What a value of this latency is multiplied with to be nanoseconds. */
double plot_to_ns(json_t *latency);
/* The picture's axis is to reach so far. */
void plot_note_range(struct drawing *g, double ns);
/* Characters, not bytes. */
int plot_columns_of(const char *utf8);
/* The part of a key that a reader needs: "gp_policy" of "library.gp_policy". */
const char *plot_short_key(const char *key);

#endif
