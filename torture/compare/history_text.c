/* Histories as people read them. */
#include "history.h"

#include "changes.h"
#include "metric.h"
#include "torture/record/text.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <stdlib.h>
#include <string.h>

/* "2026-11-28" of a time in UTC. */
#define DAY 10

/* --- A series --- */

/* The change that a value begins, or NULL. */
static json_t *change_at(json_t *series, size_t at)
{
    json_t *change;
    size_t i;

    json_array_foreach (json_object_get(series, "changes"), i, change)
        if ((size_t)json_integer_value(json_object_get(change, "at")) == at)
            return change;
    return NULL;
}

static double figure(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void put_value(FILE *f, json_t *series, size_t at)
{
    json_t *value = json_array_get(json_object_get(series, "values"), at);
    json_t *change = change_at(series, at);
    const char *name = document_text(series, "metric");
    char middle[32], least[32], most[32];

    fprintf(f, "  %c %-12s  %.*s  %4lld %10s   %s .. %s", change ? '*' : ' ',
            document_text(value, "commit"), DAY, document_text(value, "started"),
            (long long)json_integer_value(json_object_get(value, "runs")),
            metric_text(name, figure(value, "value"), middle),
            metric_text(name, figure(value, "least"), least),
            metric_text(name, figure(value, "most"), most));
    if (change)
        fprintf(f, "   %+.0f %%", 100 * (figure(change, "after") / figure(change, "before") - 1));
    putc('\n', f);
}

/* "since 9f8e7d6c5b4a (after 1a2b3c4d5e6f): 1.27 times, 1.2 ms to 1.5 ms" */
static void put_change(FILE *f, json_t *series, json_t *change)
{
    json_t *values = json_object_get(series, "values");
    size_t at = (size_t)json_integer_value(json_object_get(change, "at"));
    const char *name = document_text(series, "metric");
    char before[32], after[32];

    fprintf(f, "  since %s (after %s): %.2f times, %s to %s, chance at most %.2g\n",
            document_text(json_array_get(values, at), "commit"),
            document_text(json_array_get(values, at - 1), "commit"),
            figure(change, "after") / figure(change, "before"),
            metric_text(name, figure(change, "before"), before),
            metric_text(name, figure(change, "after"), after), figure(change, "chance"));
}

void history_report_series(FILE *f, json_t *all)
{
    json_t *series, *change;
    size_t i, j;

    json_array_foreach (all, i, series) {
        const char *label = document_text(series, "label");
        size_t count = json_array_size(json_object_get(series, "values"));

        fprintf(f, "%s%s%s%s%s, %s, %s\n", i > 0 ? "\n" : "", document_text(series, "metric"),
                *label ? " (" : "", label, *label ? ")" : "", document_text(series, "scenario"),
                document_text(series, "flavor"));
        fprintf(f, "on %s: %s\n", document_text(series, "host"), document_text(series, "machine"));
        fprintf(f, "    %-12s  %-*s  %4s %10s   %s\n", "commit", DAY, "measured", "runs", "median",
                "least .. most");
        for (j = 0; j < count; j++)
            put_value(f, series, j);
        json_array_foreach (json_object_get(series, "changes"), j, change)
            put_change(f, series, change);
        if (count < CHANGES_LEAST)
            fprintf(f,
                    "  %zu result%s: a change of level cannot be told from chance with fewer than "
                    "%d\n",
                    count, count == 1 ? "" : "s", CHANGES_LEAST);
        else if (json_array_size(json_object_get(series, "changes")) == 0)
            fprintf(f, "  no change of level in %zu results\n", count);
    }
}

/* --- What there is --- */

/* "a,b" as "a, b"; heap. */
static char *spaced(const char *list)
{
    char *text = strdup("");

    for (const char *comma; (comma = strchr(list, ',')) != NULL; list = comma + 1) {
        char *one = text_format("%.*s, ", (int)(comma - list), list);

        text = text_append(text, one);
        free(one);
    }
    return text_append(text, list);
}

void history_report_contents(FILE *f, json_t *contents)
{
    json_t *one;
    size_t i;

    json_array_foreach (contents, i, one) {
        char *metrics = spaced(document_text(one, "metrics"));
        long long results = json_integer_value(json_object_get(one, "results"));
        long long commits = json_integer_value(json_object_get(one, "commits"));

        fprintf(f, "%s, %s: %lld result%s of %lld commit%s, %.*s to %.*s\n",
                document_text(one, "scenario"), document_text(one, "flavor"), results,
                results == 1 ? "" : "s", commits, commits == 1 ? "" : "s", DAY,
                document_text(one, "first"), DAY, document_text(one, "last"));
        fprintf(f, "  on %s: %s\n  ", document_text(one, "host"), document_text(one, "machine"));
        report_folded(f, -2, 4, metrics);
        free(metrics);
    }
}
