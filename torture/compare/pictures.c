#include "pictures.h"

#include "advice.h"
#include "comparison.h"
#include "identity.h"
#include "metric.h"
#include "torture/plot/canvas.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void text_at(FILE *out, const char *array, size_t i, const char *text)
{
    char *name = text_format("%s[%zu]", array, i + 1);

    canvas_text(out, name, text);
    free(name);
}

static double figure(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool draw_both(struct canvas *c, const char *script, const char *name,
                      void (*variables)(void *, FILE *), void *context)
{
    static const char *const formats[] = {"svg", "png", NULL};
    bool drawn = true;

    for (size_t i = 0; formats[i] && drawn; i++) {
        char *file = text_format("%s.%s", name, formats[i]);

        drawn = canvas_draw(c, script, file, formats[i], variables, context);
        free(file);
    }
    return drawn;
}

static bool can_write(const char *directory, struct diagnostics *d)
{
    if (access(directory, W_OK | X_OK) == 0)
        return true;
    diagnose(d, "%s: no picture can be written there: %s", directory, strerror(errno));
    return false;
}

/* --- A comparison --- */

struct forest {
    json_t *comparison;
    json_t **rows; /* sorted */
    size_t count;
    char *file;
    double low, high;
};

static int largest_first(const void *left, const void *right)
{
    double a = figure(*(json_t *const *)left, "ratio"),
           b = figure(*(json_t *const *)right, "ratio");

    return (a < b) - (a > b);
}

static unsigned color_of(json_t *metric)
{
    const char *verdict = document_text(metric, "verdict");

    return strcmp(verdict, "regressed") == 0    ? 2
           : strcmp(verdict, "improved") == 0   ? 3
           : strcmp(verdict, "equivalent") == 0 ? 1
                                                : 4;
}

static bool write_forest(struct forest *f, struct canvas *c)
{
    FILE *out = canvas_data(c, "comparison", &f->file);

    if (!out)
        return false;
    f->low = f->high = 1;
    for (size_t i = 0; i < f->count; i++) {
        json_t *interval = json_object_get(f->rows[i], "interval");
        double ratio = figure(f->rows[i], "ratio");
        double low = json_number_value(json_array_get(interval, 0));
        double high = json_number_value(json_array_get(interval, 1));

        /* Without an end, or without an interval. */
        low = low > 0 ? low : ratio;
        high = high > 0 ? high : ratio;
        fprintf(out, "%zu %.9g %.9g %.9g %u\n", i + 1, ratio, low, high, color_of(f->rows[i]));
        f->low = fmin(f->low, fmin(low, ratio));
        f->high = fmax(f->high, fmax(high, ratio));
    }
    return canvas_data_end(c, out, f->file);
}

static void describe_forest(void *context, FILE *out)
{
    struct forest *f = context;
    json_t *base = json_object_get(f->comparison, "base"),
           *fresh = json_object_get(f->comparison, "new");
    double margin = figure(f->comparison, "margin");
    size_t name_columns = 0, said_columns = 0;
    char *text;

    canvas_text(out, "heading", "Is the new build slower?");
    text = text_format("%s (%s) against %s (%s)", document_text(fresh, "path"),
                       document_text(fresh, "commit"), document_text(base, "path"),
                       document_text(base, "commit"));
    canvas_text(out, "subject", text);
    free(text);
    text = text_format("shaded: a margin of %.3g %%, or more where the machine is noisier",
                       100 * margin);
    canvas_text(out, "caption", text);
    free(text);
    canvas_text(out, "file", f->file);
    fprintf(out,
            "count = %zu\nmargin = %.9g\nlowest = %.9g\nhighest = %.9g\narray name[%zu]\narray "
            "said[%zu]\n",
            f->count, margin, fmin(f->low, 1 / (1 + 2 * margin)), fmax(f->high, 1 + 2 * margin),
            f->count, f->count);
    for (size_t i = 0; i < f->count; i++) {
        char *name = comparison_title(f->rows[i]);
        const char *said = document_text(f->rows[i], "verdict");

        text_at(out, "name", i, name);
        text_at(out, "said", i, said);
        name_columns = strlen(name) > name_columns ? strlen(name) : name_columns;
        said_columns = strlen(said) > said_columns ? strlen(said) : said_columns;
        free(name);
    }
    fprintf(out, "name_columns = %zu\nsaid_columns = %zu\n", name_columns, said_columns);
}

bool pictures_of_comparison(json_t *comparison, const char *directory, json_t *made,
                            struct diagnostics *d)
{
    json_t *metrics = json_object_get(comparison, "metrics"), *metric;
    struct forest f = {.comparison = comparison};
    struct canvas c;
    bool drawn;
    size_t i;

    if (!can_write(directory, d) || !canvas_open(&c, directory, made, d))
        return false;
    f.rows = calloc(json_array_size(metrics) + 1, sizeof(json_t *));
    json_array_foreach (metrics, i, metric)
        if (f.rows && figure(metric, "ratio") > 0)
            f.rows[f.count++] = metric;
    drawn = f.count == 0;
    if (f.count > 0) {
        qsort(f.rows, f.count, sizeof(json_t *), largest_first);
        drawn =
            write_forest(&f, &c) && draw_both(&c, "comparison", "comparison", describe_forest, &f);
    }
    free(f.file);
    free(f.rows);
    canvas_close(&c);
    return drawn;
}

/* --- Advice --- */

/* A panel of the picture: what gnuplot calls it, and in the advice. */
static const char *const panels[] = {"operations", "wait", "memory"};
enum { PANELS = sizeof panels / sizeof *panels };

struct schemes {
    json_t *advice;
    json_t **rows; /* sorted */
    size_t count;
    char *file;
    double low[PANELS], high[PANELS];
};

static int fastest_first(const void *left, const void *right)
{
    double a = figure(*(json_t *const *)left, panels[0]),
           b = figure(*(json_t *const *)right, panels[0]);

    return (a < b) - (a > b);
}

enum { NAMED = 0xD55E00, ON_THE_FRONT = 0x0072B2, BEATEN = 0xB0B0B0 };

static unsigned color_of_scheme(json_t *scheme, json_t *named)
{
    if (json_equal(json_object_get(scheme, "flavor"), json_object_get(named, "flavor")) &&
        json_equal(json_object_get(scheme, "policy"), json_object_get(named, "policy")))
        return NAMED;
    return json_is_true(json_object_get(scheme, "front")) ? ON_THE_FRONT : BEATEN;
}

static bool write_schemes(struct schemes *s, struct canvas *c)
{
    FILE *out = canvas_data(c, "advice", &s->file);

    if (!out)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        fprintf(out, "%zu", i + 1);
        for (size_t k = 0; k < PANELS; k++) {
            double value = figure(s->rows[i], panels[k]);

            fprintf(out, " %.9g", value);
            if (value > 0) {
                s->low[k] = s->low[k] > 0 ? fmin(s->low[k], value) : value;
                s->high[k] = fmax(s->high[k], value);
            }
        }
        fprintf(out, " %u\n", color_of_scheme(s->rows[i], json_object_get(s->advice, "advice")));
    }
    return canvas_data_end(c, out, s->file);
}

static void describe_schemes(void *context, FILE *out)
{
    struct schemes *s = context;
    size_t columns = 0;
    char *mix = advice_mix(s->advice),
         *machine = identity_machine(json_object_get(s->advice, "host"));

    canvas_text(out, "heading", "Which scheme fits?");
    canvas_text(out, "subject", mix);
    canvas_text(out, "caption", machine);
    canvas_text(out, "file", s->file);
    fprintf(out, "count = %zu\narray name[%zu]\n", s->count, s->count);
    for (size_t i = 0; i < s->count; i++) {
        char *name = advice_scheme(s->rows[i]);

        text_at(out, "name", i, name);
        columns = strlen(name) > columns ? strlen(name) : columns;
        free(name);
    }
    fprintf(out, "name_columns = %zu\n", columns);
    for (size_t k = 0; k < PANELS; k++)
        fprintf(out, "%s_lowest = %.9g\n%s_highest = %.9g\n", panels[k],
                s->low[k] > 0 ? s->low[k] : 1, panels[k], s->high[k] > 0 ? s->high[k] : 10);
    free(mix);
    free(machine);
}

bool pictures_of_advice(json_t *advice, const char *directory, json_t *made, struct diagnostics *d)
{
    json_t *all = json_object_get(advice, "schemes"), *scheme;
    struct schemes s = {.advice = advice};
    struct canvas c;
    bool drawn = true;
    size_t i;

    if (!can_write(directory, d) || !canvas_open(&c, directory, made, d))
        return false;
    s.rows = calloc(json_array_size(all) + 1, sizeof(json_t *));
    json_array_foreach (all, i, scheme)
        if (s.rows && json_is_number(json_object_get(scheme, panels[0])))
            s.rows[s.count++] = scheme;
    if (s.count > 0) {
        qsort(s.rows, s.count, sizeof(json_t *), fastest_first);
        drawn = write_schemes(&s, &c) && draw_both(&c, "advice", "advice", describe_schemes, &s);
    }
    free(s.file);
    free(s.rows);
    canvas_close(&c);
    return drawn;
}

/* --- A series --- */

struct course {
    json_t *series;
    char *file;
    double low, high;
};

static bool write_course(struct course *s, struct canvas *c)
{
    FILE *out = canvas_data(c, "history", &s->file);
    json_t *value;
    size_t i;

    if (!out)
        return false;
    s->low = INFINITY;
    s->high = 0;
    json_array_foreach (json_object_get(s->series, "values"), i, value) {
        double least = figure(value, "least"), most = figure(value, "most");

        fprintf(out, "%zu %.9g %.9g %.9g\n", i + 1, figure(value, "value"), least, most);
        s->low = fmin(s->low, least);
        s->high = fmax(s->high, most);
    }
    return canvas_data_end(c, out, s->file);
}

/* Results of one commit are told apart by their places; its name stands at the first. */
static void describe_commits(struct course *s, FILE *out)
{
    json_t *values = json_object_get(s->series, "values"), *value;
    const char *before = "";
    size_t i;

    fprintf(out, "count = %zu\narray commit[%zu]\n", json_array_size(values),
            json_array_size(values));
    json_array_foreach (values, i, value) {
        char *name = text_format("%.7s", document_text(value, "commit"));

        text_at(out, "commit", i, strcmp(document_text(value, "commit"), before) == 0 ? "" : name);
        before = document_text(value, "commit");
        free(name);
    }
}

static void describe_changes(struct course *s, FILE *out)
{
    json_t *changes = json_object_get(s->series, "changes"), *change;
    json_t *values = json_object_get(s->series, "values");
    size_t i, count = json_array_size(changes);

    fprintf(out, "change_count = %zu\narray change_at[%zu]\narray change_text[%zu]\n", count,
            count + 1, count + 1);
    json_array_foreach (changes, i, change) {
        size_t at = (size_t)json_integer_value(json_object_get(change, "at"));
        char *text = text_format("%+.0f %% since %.7s",
                                 100 * (figure(change, "after") / figure(change, "before") - 1),
                                 document_text(json_array_get(values, at), "commit"));

        fprintf(out, "change_at[%zu] = %zu\n", i + 1, at + 1);
        text_at(out, "change_text", i, text);
        free(text);
    }
}

static void describe_course(void *context, FILE *out)
{
    struct course *s = context;
    const char *metric = document_text(s->series, "metric"),
               *label = document_text(s->series, "label");
    double limit = figure(s->series, "limit");
    char *text =
        text_format("%s%s%s%s over commits", metric, *label ? " (" : "", label, *label ? ")" : "");

    canvas_text(out, "heading", text);
    free(text);
    text = text_format("%s, %s: the median of each result, and a band from the least to the most",
                       document_text(s->series, "scenario"), document_text(s->series, "flavor"));
    canvas_text(out, "subject", text);
    free(text);
    canvas_text(out, "caption", document_text(s->series, "machine"));
    canvas_text(out, "metric", metric);
    canvas_text(out, "file", s->file);
    describe_commits(s, out);
    describe_changes(s, out);
    fprintf(out, "limit = %.9g\nis_time = %d\nlowest = %.9g\nhighest = %.9g\n",
            isnan(limit) ? 0 : limit, metric_is_time(metric),
            isnan(limit) ? s->low : fmin(s->low, limit),
            isnan(limit) ? s->high : fmax(s->high, limit));
}

/* A file's name of words; heap. */
static char *file_name(json_t *series, size_t number, size_t count)
{
    char *name =
        text_format("history-%s%s%s", document_text(series, "metric"),
                    *document_text(series, "label") ? "-" : "", document_text(series, "label"));

    for (char *c = name; *c; c++)
        *c = (char)(isalnum((unsigned char)*c) || *c == '.' || *c == '_' ? *c : '-');
    if (count > 1) {
        char *with = text_format("%s-%zu", name, number + 1);

        free(name);
        return with;
    }
    return name;
}

/* How many series would have that file. */
static size_t namesakes(json_t *all, json_t *series)
{
    size_t count = 0, i;
    json_t *one;

    json_array_foreach (all, i, one)
        count += json_equal(json_object_get(one, "label"), json_object_get(series, "label"));
    return count;
}

bool pictures_of_history(json_t *all, const char *directory, json_t *made, struct diagnostics *d)
{
    struct canvas c;
    bool drawn = true;
    json_t *series;
    size_t i;

    if (!can_write(directory, d) || !canvas_open(&c, directory, made, d))
        return false;
    json_array_foreach (all, i, series) {
        struct course s = {.series = series};
        char *name = file_name(series, i, namesakes(all, series));

        drawn =
            drawn && write_course(&s, &c) && draw_both(&c, "history", name, describe_course, &s);
        free(name);
        free(s.file);
    }
    canvas_close(&c);
    return drawn;
}
