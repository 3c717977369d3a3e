/* The table: a row for each point. */
#include "headline.h"
#include "report_parts.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#define NARROWEST_NAME 10
#define WIDEST_NAME    36 /* a line of 98 columns; a longer name gets a line of its own */
#define MOST_ROWS      40 /* of more runs only those that did not pass are shown */
#define MOST_LEFT_OUT  3  /* runs of a point that are listed with the reason */

struct columns {
    char gps[32], p50[32], p99[32], max[32], samples[32], forced[32], checks[32];
    char mark; /* behind p99 */
};

/* The table's columns of latencies. */
struct headline {
    json_t *order;       /* of headline_order() */
    const char *name;    /* of all rows; NULL: each row names its own, or there is none */
    bool gp;             /* they are grace periods, whatever was timed of them */
    const char *heading; /* of the latency of all rows; NULL: it has none, or rows differ */
};

static void headline_open(struct headline *h, json_t *result, json_t *rows)
{
    const struct measure *measure;
    bool same = true;
    json_t *run;
    size_t i;

    *h = (struct headline){.order = headline_order(result)};
    h->name = json_string_value(json_array_get(h->order, 0));
    h->gp = !h->name || headline_is_gp(h->name);
    measure = h->name ? measure_named(h->name) : NULL;
    json_array_foreach (rows, i, run) {
        const char *name = headline_of(h->order, run);

        same = same && (!name || (h->name && strcmp(name, h->name) == 0));
    }
    h->heading = same && measure ? measure->heading : NULL;
    if (!h->gp && !same)
        h->name = NULL;
}

/* Of grace periods in a closed loop: as they were, the many short ones that come while nobody reads
 * would hide what a caller meets. */
static double percentile_by_time(json_t *latency, const char *name)
{
    json_t *by_time = json_object_get(latency, "by_time");

    return by_time ? report_ns(latency, json_object_get(by_time, name))
                   : report_percentile_ns(latency, name);
}

static json_int_t sum_counters(json_t *run, const char *name)
{
    json_int_t sum = 0;
    const char *key;
    json_t *workload;

    json_object_foreach (json_object_get(run, "counters"), key, workload)
        sum += json_integer_value(json_object_get(workload, name));
    return sum;
}

static void fill_columns(json_t *run, const struct headline *h, struct columns *c)
{
    const char *name = headline_of(h->order, run);
    json_t *latency = name ? json_object_get(json_object_get(run, "latency"), name) : NULL;
    json_t *library = json_object_get(run, "library");
    json_t *gps = json_object_get(library, "gps"), *forced = json_object_get(library, "gps_forced");
    char number[32];

    memset(c, 0, sizeof *c);
    c->mark = name && report_tail_is_scheduler(run, name) ? '*' : ' ';
    strcpy(c->p50, "-");
    strcpy(c->p99, "-");
    strcpy(c->max, "-");
    strcpy(c->forced, "-");
    report_grouped((uint64_t)(gps ? json_integer_value(gps) : sum_counters(run, "gps")), c->gps);
    if (forced)
        report_grouped((uint64_t)json_integer_value(forced), c->forced);
    if (latency) {
        bool by_time = h->gp && !h->heading;

        report_value(latency, (by_time ? percentile_by_time : report_percentile_ns)(latency, "50"),
                     c->p50);
        report_value(latency, (by_time ? percentile_by_time : report_percentile_ns)(latency, "99"),
                     c->p99);
        report_value(latency, report_ns(latency, json_object_get(latency, "max")), c->max);
        report_grouped((uint64_t)json_integer_value(json_object_get(latency, "count")), c->samples);
    }
    report_count((double)sum_counters(run, "checks"), number);
    snprintf(c->checks, sizeof c->checks, "%s", number);
}

static const char *verdict_color(const char *verdict)
{
    return strcmp(verdict, "pass") == 0 || strcmp(verdict, "measured") == 0 ? GREEN
           : strcmp(verdict, "violation") == 0                              ? RED
                                                                            : AMBER;
}

char *report_row_name(json_t *run)
{
    const char *label = document_text(run, "label");
    json_int_t repeat = json_integer_value(json_object_get(run, "repeat"));
    char *name = NULL;

    if (!*label)
        label = document_text(run, "flavor");
    if ((repeat > 0 ? asprintf(&name, "%s #%lld", label, (long long)repeat + 1)
                    : asprintf(&name, "%s", label)) < 0)
        return NULL;
    return name;
}

/* The same, with its latency behind it when the rows have different ones; heap. */
static char *row_title(json_t *run, const struct headline *h)
{
    const char *latency = h->gp || h->name ? NULL : headline_of(h->order, run);
    char *name = report_row_name(run), *title = NULL;

    if (!name || !latency)
        return name;
    if (asprintf(&title, "%s (%s)", name, latency) < 0)
        title = NULL;
    free(name);
    return title;
}

/* A row, or the titles of all, up to its verdict. */
static void put_cells(FILE *f, const struct headline *h, int width, const char *name,
                      const struct columns *c)
{
    fprintf(f, "  %-*s ", width, name);
    if (h->heading)
        fprintf(f, "%9s %9s%c%9s %11s %8s %7s  ", c->p50, c->p99, c->mark, c->max, c->samples,
                c->forced, c->checks);
    else
        fprintf(f, "%11s %9s %9s%c%9s %8s %7s  ", c->gps, c->p50, c->p99, c->mark, c->max,
                c->forced, c->checks);
}

/* Under its row: what does not count of its point, and why. */
static void put_left_out(FILE *f, json_t *run)
{
    json_t *lines = json_object_get(run, "left_out"), *line;
    size_t i, count = json_is_array(lines) ? json_array_size(lines) : 0, length;
    char *text = NULL;
    FILE *out = count > 0 ? open_memstream(&text, &length) : NULL;

    if (!out)
        return;
    fputs("left out: ", out);
    json_array_foreach (lines, i, line)
        if (i < MOST_LEFT_OUT)
            fprintf(out, "%s%s", i > 0 ? ", " : "", json_string_value(line));
    if (count > MOST_LEFT_OUT)
        fprintf(out, ", and %zu more", count - MOST_LEFT_OUT);
    fclose(out);
    report_folded(f, 6, 8, text);
    free(text);
}

static void put_row(FILE *f, json_t *run, const struct headline *h, int width, bool color)
{
    const char *verdict = document_text(run, "verdict"), *label;
    char *name = row_title(run, h);
    struct columns c;

    label = name ? name : "";
    if ((int)strlen(label) > width) {
        fprintf(f, "  %s\n", label);
        label = "";
    }
    if (strcmp(verdict, "skipped") == 0) {
        fprintf(f, "  %-*s  %sskipped%s: ", width, label, color ? AMBER : "", color ? PLAIN : "");
        report_folded(f, -(width + 13), 6, document_text(run, "skip"));
        free(name);
        return;
    }
    fill_columns(run, h, &c);
    put_cells(f, h, width, label, &c);
    fprintf(f, "%s%s%s\n", color ? verdict_color(verdict) : "", verdict, color ? PLAIN : "");
    put_left_out(f, run);
    free(name);
}

/* What distinguishes rows, over the column of their names: the settings that are swept, as far as
 * they fit, or the flavor. */
static const char *first_title(json_t *runs, char *title, size_t size, int width)
{
    json_t *point = json_object_get(json_array_get(runs, 0), "point"), *value;
    const char *key;
    int at = 0;

    if (json_object_size(point) == 0)
        return "flavor";
    json_object_foreach (point, key, value) {
        const char *dot = strrchr(key, '.');

        if (at < (int)size)
            at += snprintf(title + at, size - (size_t)at, "%s%s", at > 0 ? ", " : "",
                           dot ? dot + 1 : key);
    }
    return at <= width ? title : "point";
}

static void put_rows(FILE *f, json_t *runs, const struct headline *h, const char *part, bool color)
{
    const struct measure *measure = h->heading ? measure_named(h->name) : NULL;
    struct columns titles = {"GPs", "p50", "p99", "max", "", "forced", "checks", ' '};
    bool all = json_array_size(runs) <= MOST_ROWS;
    size_t i, left_out = 0;
    int width = NARROWEST_NAME;
    char keys[WIDEST_NAME + 1];
    json_t *run;

    json_array_foreach (runs, i, run) {
        char *name = row_title(run, h);
        int length = name ? (int)strlen(name) : 0;

        free(name);
        if (length > width && length <= WIDEST_NAME)
            width = length;
    }
    if (measure)
        snprintf(titles.samples, sizeof titles.samples, "%s", measure->samples);
    else if (h->gp)
        titles = (struct columns){"GPs", "GP p50", "GP p99", "max", "", "forced", "checks", ' '};
    if (h->heading)
        fprintf(f, "  %s\n", h->heading);
    else if (h->gp && h->name)
        fprintf(f,
                "  Grace periods in a loop, by time: what a call at a random moment falls into\n");
    else if (!h->gp)
        fprintf(f, "  Latency (p50, p99, max): %s\n", h->name ? h->name : "as each point names it");
    put_cells(f, h, width, part ? part : first_title(runs, keys, sizeof keys, width), &titles);
    fputs("verdict\n", f);
    json_array_foreach (runs, i, run)
        if (all || !verdict_is_good(run))
            put_row(f, run, h, width, color);
        else
            left_out++;
    if (left_out > 0)
        fprintf(f, "  %zu of %zu runs passed and are not shown.\n", left_out,
                json_array_size(runs));
}

void report_table(FILE *f, json_t *result, json_t *rows, const char *part, bool color)
{
    struct headline headline;

    headline_open(&headline, result, rows);
    put_rows(f, rows, &headline, part, color);
    json_decref(headline.order);
}
