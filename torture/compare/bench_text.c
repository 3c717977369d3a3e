/* The table of `stillpoint bench` as people read it. */
#include "bench.h"

#include "bench_rows.h"
#include "metric.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <string.h>

#define NARROWEST 24

static double end_of(json_t *interval, size_t i)
{
    return json_number_value(json_array_get(interval, i));
}

/* By its interval; without one nobody knows. */
static bool is_better(json_t *cell)
{
    json_t *interval = json_object_get(cell, "interval");

    return interval && end_of(interval, 1) < 1;
}

static const char *ratio_text(double ratio, char *buffer)
{
    snprintf(buffer, 32, ratio >= 99.5 ? "%.0f" : ratio >= 9.95 ? "%.1f" : "%.2f", ratio);
    return buffer;
}

/* "2.40 ±4%", "0.57 ±3%*", "99.1" without an interval, "" for none. */
static void cell_text(json_t *cell, char *text, size_t room)
{
    json_t *ratio = json_object_get(cell, "ratio"), *interval = json_object_get(cell, "interval");
    char number[32];

    *text = '\0';
    if (!ratio) {
        if (cell)
            snprintf(text, room, "-");
        return;
    }
    ratio_text(json_number_value(ratio), number);
    if (interval)
        snprintf(text, room, "%s ±%.0f%%%s", number,
                 50 * (end_of(interval, 1) - end_of(interval, 0)) / json_number_value(ratio),
                 is_better(cell) ? "*" : "");
    else
        snprintf(text, room, "%s%s", number, is_better(cell) ? "*" : "");
}

/* A figure of the row's metric; "" for none. */
static const char *figure_text(json_t *row, const char *key, char *buffer)
{
    json_t *value = json_object_get(row, key);

    if (!json_is_number(value))
        return "";
    return metric_text(document_text(row, "metric"), json_number_value(value), buffer);
}

/* On a screen "±" takes one column, and two bytes. */
static int shown_width(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_right(FILE *f, int width, const char *text)
{
    fprintf(f, "%*s%s", width > shown_width(text) ? width - shown_width(text) : 0, "", text);
}

static bool any_better(json_t *bench)
{
    json_t *row, *cell;
    const char *flavor;
    size_t i;

    json_array_foreach (json_object_get(bench, "rows"), i, row)
        json_object_foreach (json_object_get(row, "peers"), flavor, cell)
            if (is_better(cell))
                return true;
    return false;
}

static json_t *cell_of(json_t *row, json_t *flavor)
{
    return json_object_get(json_object_get(row, "peers"), json_string_value(flavor));
}

static json_t *rows_of(json_t *bench, const char *group)
{
    json_t *rows = json_array(), *row;
    size_t i;

    json_array_foreach (json_object_get(bench, "rows"), i, row)
        if (strcmp(document_text(row, "group"), group) == 0)
            json_array_append(rows, row);
    return rows;
}

/* Those with a cell in any of these rows. */
static json_t *flavors_of(json_t *bench, json_t *rows)
{
    json_t *flavors = json_array(), *flavor, *row;
    size_t i, j;

    json_array_foreach (json_object_get(bench, "flavors"), i, flavor) {
        bool found = false;

        json_array_foreach (rows, j, row)
            found = found || cell_of(row, flavor);
        if (found)
            json_array_append(flavors, flavor);
    }
    return flavors;
}

static int widest(json_t *bench)
{
    int width = NARROWEST;
    json_t *row;
    size_t i;

    json_array_foreach (json_object_get(bench, "rows"), i, row)
        if ((int)strlen(document_text(row, "row")) > width)
            width = (int)strlen(document_text(row, "row"));
    return width;
}

static void put_group(FILE *f, json_t *rows, json_t *flavors, const char *heading, int width)
{
    json_t *row, *flavor;
    char text[64];
    size_t i, j;

    fprintf(f, "%s\n  %-*s %9s %9s", heading, width, "", "ours", "limit");
    json_array_foreach (flavors, j, flavor)
        fprintf(f, " %11s", json_string_value(flavor));
    putc('\n', f);
    json_array_foreach (rows, i, row) {
        fprintf(f, "  %-*s", width, document_text(row, "row"));
        fprintf(f, " %9s", figure_text(row, "ours", text));
        fprintf(f, " %9s", figure_text(row, "limit", text));
        json_array_foreach (flavors, j, flavor) {
            cell_text(cell_of(row, flavor), text, sizeof text);
            putc(' ', f);
            put_right(f, 11, text);
        }
        putc('\n', f);
    }
}

/* "limit.heavy_fence" is called "heavy fence". */
static void put_limit(FILE *f, const char *name, json_t *value, const char *between)
{
    char text[64];

    fputs(between, f);
    for (name += strlen("limit."); *name; name++)
        putc(*name == '_' ? ' ' : *name, f);
    fprintf(f, " %s", metric_text("limit", json_number_value(value), text));
}

static void put_limits(FILE *f, json_t *bench)
{
    json_t *limits = json_object_get(bench, "limits"), *value;
    const char *name, *const begins = "This machine: ", *between = begins;

    json_object_foreach (limits, name, value) {
        if (!json_is_number(value))
            continue;
        put_limit(f, name, value, between);
        between = ", ";
    }
    if (between != begins)
        putc('\n', f);
}

void bench_report(FILE *f, json_t *bench)
{
    int width = widest(bench);

    for (const struct bench_group *group = bench_groups; group->name; group++) {
        json_t *rows = rows_of(bench, group->name), *flavors = flavors_of(bench, rows);

        if (json_array_size(rows) > 0) {
            put_group(f, rows, flavors, group->heading, width);
            putc('\n', f);
        }
        json_decref(rows);
        json_decref(flavors);
    }
    put_limits(f, bench);
    if (json_array_size(json_object_get(bench, "flavors")) > 0) {
        fputs("Cells: how many times ours it costs, and the 95 % interval of that", f);
        fputs(any_better(bench) ? "; * it is better than ours.\n" : ".\n", f);
    }
    fputs("Limit: what the machine takes for what cannot be left out, or the loop without any "
          "protection.\n",
          f);
}

static void put_group_markdown(FILE *f, json_t *rows, json_t *flavors, const char *heading)
{
    json_t *row, *flavor;
    char text[64];
    size_t i, j;

    fprintf(f, "| %s | ours | limit |", heading);
    json_array_foreach (flavors, j, flavor)
        fprintf(f, " %s |", json_string_value(flavor));
    fputs("\n| --- | ---: | ---: |", f);
    json_array_foreach (flavors, j, flavor)
        fputs(" ---: |", f);
    putc('\n', f);
    json_array_foreach (rows, i, row) {
        fprintf(f, "| %s | %s |", document_text(row, "row"), figure_text(row, "ours", text));
        fprintf(f, " %s |", figure_text(row, "limit", text));
        json_array_foreach (flavors, j, flavor) {
            cell_text(cell_of(row, flavor), text, sizeof text);
            fprintf(f, " %s |", text);
        }
        putc('\n', f);
    }
    putc('\n', f);
}

void bench_markdown(FILE *f, json_t *bench)
{
    for (const struct bench_group *group = bench_groups; group->name; group++) {
        json_t *rows = rows_of(bench, group->name), *flavors = flavors_of(bench, rows);

        if (json_array_size(rows) > 0)
            put_group_markdown(f, rows, flavors, group->heading);
        json_decref(rows);
        json_decref(flavors);
    }
    put_limits(f, bench);
}
