/* Comparisons as people read them. */
#include "comparison.h"

#include "metric.h"
#include "torture/record/text.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NARROWEST_NAME 24

char *comparison_title(json_t *metric)
{
    const char *name = document_text(metric, "metric"), *label = document_text(metric, "label");
    const char *dot = strrchr(name, '.');
    char *text;

    /* "p99.9" has a dot of its own. */
    if (dot && dot > name && dot[1] >= '0' && dot[1] <= '9')
        while (dot > name && !(dot[0] == '.' && dot[1] == 'p'))
            dot--;
    text = dot && dot[1] == 'p' && dot[2] >= '0' && dot[2] <= '9'
               ? text_format("%.*s %s", (int)(dot - name), name, dot + 1)
               : strdup(name);
    if (*label) {
        char *with = text_format("%s (%s)", text, label);

        free(text);
        text = with;
    }
    return text;
}

struct cells {
    char base[32], fresh[32], ratio[32], interval[48], finds[32];
};

/* An end that is no number is none: something was 0 before. */
static double end_of(json_t *interval, size_t i)
{
    json_t *end = json_array_get(interval, i);

    return json_is_number(end) ? json_number_value(end) : INFINITY;
}

static void fill(struct cells *c, json_t *metric)
{
    const char *name = document_text(metric, "metric");
    json_t *base = json_object_get(metric, "base"), *ratio = json_object_get(metric, "ratio");
    json_t *interval = json_object_get(metric, "interval");

    memset(c, 0, sizeof *c);
    strcpy(c->base, "-");
    strcpy(c->fresh, "-");
    strcpy(c->ratio, "-");
    strcpy(c->interval, "-");
    strcpy(c->finds, "-");
    if (json_is_number(base)) {
        metric_text(name, json_number_value(base), c->base);
        metric_text(name, json_number_value(json_object_get(metric, "new")), c->fresh);
    }
    if (json_is_number(ratio))
        snprintf(c->ratio, sizeof c->ratio, "%.2f", json_number_value(ratio));
    else if (json_is_array(interval))
        strcpy(c->ratio, "inf");
    if (json_is_array(interval))
        snprintf(c->interval, sizeof c->interval, "%.2f .. %.2f", end_of(interval, 0),
                 end_of(interval, 1));
    if (json_is_number(json_object_get(metric, "finds")))
        snprintf(c->finds, sizeof c->finds, "%.0f %%",
                 100 * json_number_value(json_object_get(metric, "finds")));
}

/* Whether it is known how small a difference is found. */
static bool has_power(json_t *comparison)
{
    return json_object_get(comparison, "mistakes") != NULL;
}

/* "REGRESSED", "equivalent (margin 5 %)"; heap. */
static char *verdict_text(json_t *metric)
{
    const char *verdict = document_text(metric, "verdict");

    if (strcmp(verdict, "regressed") == 0)
        return strdup("REGRESSED");
    if (strcmp(verdict, "equivalent") == 0)
        return text_format("equivalent (margin %.3g %%)",
                           100 * json_number_value(json_object_get(metric, "margin")));
    return strdup(verdict);
}

static const char *paint(const char *verdict)
{
    return strcmp(verdict, "regressed") == 0    ? RED
           : strcmp(verdict, "improved") == 0   ? GREEN
           : strcmp(verdict, "equivalent") == 0 ? GREEN
                                                : AMBER;
}

/* --- What is said of all --- */

struct totals {
    size_t metrics, regressed, improved, inconclusive, pairs;
    double noise; /* the largest margin that is more than was asked for */
};

static struct totals add_up(json_t *comparison)
{
    double margin = json_number_value(json_object_get(comparison, "margin"));
    struct totals t = {.metrics = 0};
    json_t *metric;
    size_t i;

    json_array_foreach (json_object_get(comparison, "metrics"), i, metric) {
        const char *verdict = document_text(metric, "verdict");
        double own = json_number_value(json_object_get(metric, "margin"));
        size_t pairs = (size_t)json_integer_value(json_object_get(metric, "pairs"));

        t.metrics++;
        t.regressed += strcmp(verdict, "regressed") == 0;
        t.improved += strcmp(verdict, "improved") == 0;
        t.inconclusive += strcmp(verdict, "inconclusive") == 0;
        t.pairs = pairs > t.pairs ? pairs : t.pairs;
        t.noise = own > margin && own > t.noise ? own : t.noise;
    }
    return t;
}

/* "1 regression in 14 metrics, 2 undecided, 12 pairs of runs"; heap. */
static char *summary(json_t *comparison)
{
    struct totals t = add_up(comparison);
    char *undecided =
        t.inconclusive > 0 ? text_format(", %zu undecided", t.inconclusive) : strdup("");
    char *noise =
        t.noise > 0 ? text_format(", A/A noise up to %.3g %%", 100 * t.noise) : strdup("");
    char *text =
        text_format("%zu regression%s in %zu metric%s%s, %zu pair%s of runs%s", t.regressed,
                    t.regressed == 1 ? "" : "s", t.metrics, t.metrics == 1 ? "" : "s", undecided,
                    t.pairs, t.pairs == 1 ? "" : "s", noise);

    free(undecided);
    free(noise);
    return text;
}

/* Of several metrics with one reason one line; *said has those that were told of. */
static bool is_told(json_t *said, const char *reason)
{
    json_t *known;
    size_t i;

    json_array_foreach (said, i, known)
        if (strcmp(json_string_value(known), reason) == 0)
            return true;
    json_array_append_new(said, json_string(reason));
    return false;
}

/* "undecided: gp.wait p50 (fqs), gp.wait p99 (poll): why"; heap. */
static char *undecided_line(json_t *metrics, const char *reason)
{
    char *text = strdup("undecided: ");
    bool first = true;
    json_t *metric;
    size_t i;

    json_array_foreach (metrics, i, metric) {
        char *name;

        if (strcmp(document_text(metric, "reason"), reason) != 0)
            continue;
        name = comparison_title(metric);
        text = text_append(text_append(text, first ? "" : ", "), name);
        first = false;
        free(name);
    }
    return text_append(text_append(text, ": "), reason);
}

/* => Heap texts, in an array. */
static json_t *lines_below(json_t *comparison)
{
    json_t *metrics = json_object_get(comparison, "metrics"), *metric, *note;
    json_t *lines = json_array(), *said = json_array();
    size_t i;

    json_array_foreach (metrics, i, metric) {
        const char *reason = document_text(metric, "reason");

        if (*reason && !is_told(said, reason)) {
            char *line = undecided_line(metrics, reason);

            json_array_append_new(lines, json_string(line));
            free(line);
        }
    }
    json_array_foreach (json_object_get(comparison, "notes"), i, note)
        json_array_append_new(lines, json_sprintf("note: %s", json_string_value(note)));
    if (has_power(comparison)) {
        json_t *mistakes = json_object_get(comparison, "mistakes");

        json_array_append_new(
            lines,
            json_sprintf("with the noise of this machine %lld of %lld comparisons of the same "
                         "build were mistaken (at most %.2g %%); \"finds\": so much slower is "
                         "found 9 times of 10",
                         (long long)json_integer_value(json_object_get(mistakes, "count")),
                         (long long)json_integer_value(json_object_get(mistakes, "of")),
                         100 * json_number_value(json_object_get(mistakes, "at_most"))));
    }
    json_decref(said);
    return lines;
}

/* --- The table --- */

static int widest_title(json_t *metrics)
{
    int width = NARROWEST_NAME;
    json_t *metric;
    size_t i;

    json_array_foreach (metrics, i, metric) {
        char *name = comparison_title(metric);

        width = (int)strlen(name) > width ? (int)strlen(name) : width;
        free(name);
    }
    return width;
}

void comparison_report(FILE *f, json_t *comparison, bool color)
{
    json_t *metrics = json_object_get(comparison, "metrics"), *metric, *lines, *line;
    int width = widest_title(metrics);
    struct cells c;
    char *text;
    size_t i;

    bool finds = has_power(comparison);

    fprintf(f, "  %-*s %9s %9s %7s   %-14s  %s%s\n", width, "metric", "base", "new", "ratio",
            "95 % interval", finds ? "  finds  " : "", "verdict");
    json_array_foreach (metrics, i, metric) {
        char *name = comparison_title(metric), *verdict = verdict_text(metric);

        fill(&c, metric);
        fprintf(f, "  %-*s %9s %9s %7s   %-14s  ", width, name, c.base, c.fresh, c.ratio,
                c.interval);
        if (finds)
            fprintf(f, "%7s  ", c.finds);
        fprintf(f, "%s%s%s\n", color ? paint(document_text(metric, "verdict")) : "", verdict,
                color ? PLAIN : "");
        free(name);
        free(verdict);
    }
    lines = lines_below(comparison);
    json_array_foreach (lines, i, line) {
        fputs("  ", f);
        report_folded(f, -2, 4, json_string_value(line));
    }
    json_decref(lines);
    text = summary(comparison);
    fprintf(f, "%s      exit code %d\n", text, comparison_exit_code(comparison));
    free(text);
}

void comparison_markdown(FILE *f, json_t *comparison)
{
    json_t *metrics = json_object_get(comparison, "metrics"), *metric, *lines, *line;
    bool finds = has_power(comparison);
    struct cells c;
    char *text = summary(comparison);
    size_t i;

    fprintf(f, "**%s**\n\n", text);
    free(text);
    fprintf(f,
            "| metric | base | new | ratio | 95 %% interval | %sverdict |\n"
            "| --- | ---: | ---: | ---: | --- | %s--- |\n",
            finds ? "finds | " : "", finds ? "---: | " : "");
    json_array_foreach (metrics, i, metric) {
        char *name = comparison_title(metric), *verdict = verdict_text(metric);
        bool strong = strcmp(document_text(metric, "verdict"), "regressed") == 0;

        fill(&c, metric);
        fprintf(f, "| %s | %s | %s | %s | %s | ", name, c.base, c.fresh, c.ratio, c.interval);
        if (finds)
            fprintf(f, "%s | ", c.finds);
        fprintf(f, "%s%s%s |\n", strong ? "**" : "", verdict, strong ? "**" : "");
        free(name);
        free(verdict);
    }
    lines = lines_below(comparison);
    json_array_foreach (lines, i, line)
        fprintf(f, "%s- %s\n", i == 0 ? "\n" : "", json_string_value(line));
    json_decref(lines);
}
