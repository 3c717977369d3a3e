/* stillpoint compare */
#include "commands.h"
#include "torture/compare/comparison.h"
#include "torture/compare/pictures.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes what speaks against it, or NULL: an error, or a note where the caller wants it anyway. */
static void object(const struct arguments *a, char *objection, json_t *notes, struct diagnostics *d)
{
    if (objection && a->compare.anyway)
        json_array_append_new(notes, json_string(objection));
    else if (objection)
        diagnose(d, "%s; compare them all the same with --anyway", objection);
    free(objection);
}

static char *not_the_same(const struct side *base, const struct side *fresh)
{
    char *difference = side_difference(base, fresh), *text = NULL;

    if (difference)
        text = text_format("%s and %s: differ in more than the build (%s)", base->path, fresh->path,
                           difference);
    free(difference);
    return text;
}

static char *not_one_build(const struct side *s, const struct side *like)
{
    char *difference = side_build_difference(s, like), *text = NULL;

    if (difference && s == like)
        text = text_format("%s: is of several builds (%s)", s->path, difference);
    else if (difference)
        text = text_format("--aa %s: is of another build than %s (%s)", s->path, like->path,
                           difference);
    free(difference);
    return text;
}

/* That all are measurements of the same, and each side of one build. `same`: or NULL. */
static bool may_compare(const struct arguments *a, const struct side *base,
                        const struct side *fresh, const struct side *same, json_t *notes,
                        struct diagnostics *d)
{
    object(a, not_the_same(base, fresh), notes, d);
    object(a, not_one_build(base, base), notes, d);
    object(a, not_one_build(fresh, fresh), notes, d);
    if (same) {
        object(a, not_the_same(base, same), notes, d);
        object(a, not_one_build(same, base), notes, d);
    }
    return d->count == 0;
}

static bool is_compared(json_t *comparison, const char *name)
{
    json_t *metric;
    size_t i;

    json_array_foreach (json_object_get(comparison, "metrics"), i, metric)
        if (strcmp(document_text(metric, "metric"), name) == 0)
            return true;
    return false;
}

/* "gp.total, gp.wait": what the first run has; heap. */
static char *latencies_of(const struct side *s)
{
    json_t *runs = json_object_get(json_array_get(s->results, 0), "runs"), *latency;
    char *text = strdup("");
    const char *name;

    json_object_foreach (json_object_get(json_array_get(runs, 0), "latency"), name, latency) {
        text = text_append(text, *text ? ", " : "");
        text = text_append(text, name);
    }
    return text;
}

/* That what was asked for is there: a name that nobody has would gate nothing. */
static bool has_wanted(const struct arguments *a, json_t *comparison, const struct side *base,
                       struct diagnostics *d)
{
    for (size_t i = 0; i < a->compare.metric_count; i++) {
        const char *name = a->compare.metrics[i];
        char *latencies;

        if (is_compared(comparison, name))
            continue;
        latencies = latencies_of(base);
        diagnose(d,
                 "--metric %s: no run has such a figure; expected p50, p99, mean or max of a "
                 "latency (%s), as gp.wait.p99, or another that docs/results.md lists",
                 name, *latencies ? latencies : "none");
        free(latencies);
    }
    return d->count == 0;
}

static void table(FILE *f, json_t *comparison)
{
    comparison_report(f, comparison, isatty(fileno(f)));
}

int command_compare(struct arguments *a, struct diagnostics *d)
{
    struct side base = {.path = NULL}, fresh = {.path = NULL}, same = {.path = NULL};
    json_t *notes = json_array(), *comparison = NULL;
    struct comparison_options options = {.margin = a->compare.margin,
                                         .wanted = a->compare.metrics,
                                         .same = a->compare.same ? &same : NULL,
                                         .notes = notes};
    int code = EXIT_CODE_USAGE;
    bool good = true;

    if (a->positional_count != 2) {
        diagnose(d, "stillpoint compare: expected BASE and NEW, two directories that `stillpoint "
                    "run` made, or folders of such");
        good = false;
    }
    good = good && side_read(&base, a->positionals[0], notes, d);
    good = good && side_read(&fresh, a->positionals[1], notes, d);
    good = good && (!a->compare.same || side_read(&same, a->compare.same, notes, d));
    good = good && may_compare(a, &base, &fresh, options.same, notes, d);
    if (good) {
        comparison = compare_sides(&base, &fresh, &options);
        good = has_wanted(a, comparison, &base, d);
    }
    if (good) {
        show_as(a->format, comparison, table, comparison_markdown);
        code = comparison_exit_code(comparison);
        if (a->pictures && !show_pictures(pictures_of_comparison, comparison, a->pictures,
                                          a->format == FORMAT_TABLE, d))
            code = code == EXIT_CODE_PASS ? EXIT_CODE_USAGE : code;
    }
    json_decref(comparison);
    side_free(&base);
    side_free(&fresh);
    side_free(&same);
    json_decref(notes);
    return code;
}
