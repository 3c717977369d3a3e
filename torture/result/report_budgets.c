/* A line for each budget: what was measured, and whether that is within its limits. */
#include "report_parts.h"
#include "torture/scenario/document.h"

#include <stdlib.h>
#include <string.h>

static void put_figure(FILE *f, const char *metric, bool ratio, double value)
{
    char buffer[32];

    if (ratio)
        fprintf(f, "%.3g", value);
    else
        fputs(report_metric(metric, value, buffer), f);
}

static void put_selection(FILE *f, json_t *point)
{
    const char *key, *separator = "";
    json_t *value;

    json_object_foreach (point, key, value) {
        const char *dot = strrchr(key, '.');

        fprintf(f, "%s%s=", separator, dot ? dot + 1 : key);
        if (json_is_string(value))
            fputs(json_string_value(value), f);
        else
            json_dumpf(value, f, JSON_ENCODE_ANY | JSON_COMPACT);
        separator = " ";
    }
}

/* "budget gp.p99 (policy=fqs) over policy=poll: "; heap. */
static char *budget_name(json_t *budget)
{
    json_t *ratio = json_object_get(budget, "ratio_to");
    char *name = NULL;
    size_t length;
    FILE *f = open_memstream(&name, &length);

    if (!f)
        abort();
    fprintf(f, "budget %s", document_text(budget, "metric"));
    if (json_object_size(json_object_get(budget, "point")) > 0) {
        fprintf(f, " (");
        put_selection(f, json_object_get(budget, "point"));
        fprintf(f, ")");
    }
    if (ratio) {
        fprintf(f, " over ");
        put_selection(f, ratio);
    }
    fprintf(f, ": ");
    fclose(f);
    return name;
}

static void put_limits(FILE *f, json_t *budget)
{
    const char *metric = document_text(budget, "metric");
    json_t *max = json_object_get(budget, "max"), *min = json_object_get(budget, "min");
    bool ratio = json_object_get(budget, "ratio_to") != NULL;

    if (max) {
        fprintf(f, ", at most ");
        put_figure(f, metric, ratio, json_number_value(max));
    }
    if (min) {
        fprintf(f, ", at least ");
        put_figure(f, metric, ratio, json_number_value(min));
    }
    fprintf(f, "  ");
}

/* "0.93 (0.91 .. 0.95, 11 pairs, 1 left out), at most 1  ": the median, and how well it is
 * known. */
static void put_measured(FILE *f, json_t *budget)
{
    const char *metric = document_text(budget, "metric");
    json_t *interval = json_object_get(budget, "interval");
    bool ratio = json_object_get(budget, "ratio_to") != NULL;
    long long count = json_integer_value(json_object_get(budget, "count"));
    long long left_out = json_integer_value(json_object_get(budget, "left_out"));

    if (count == 0)
        return;
    put_figure(f, metric, ratio, json_number_value(json_object_get(budget, "value")));
    fprintf(f, " (");
    if (interval) {
        put_figure(f, metric, ratio, json_number_value(json_array_get(interval, 0)));
        fprintf(f, " .. ");
        put_figure(f, metric, ratio, json_number_value(json_array_get(interval, 1)));
        fprintf(f, ", ");
    }
    fprintf(f, "%lld %s%s", count, ratio ? "pair" : "repeat", count == 1 ? "" : "s");
    if (left_out > 0)
        fprintf(f, ", %lld left out", left_out);
    fprintf(f, ")");
    put_limits(f, budget);
}

static const struct {
    const char *name, *words, *paint;
} verdicts[] = {
    {"within", "ok", GREEN},           {"exceeded", "EXCEEDED", RED},
    {"undecided", "undecided", AMBER}, {"unmeasured", "not measured", RED},
    {"skipped", "skipped", AMBER},
};

/* Results before there were intervals have no verdict, and are not shown again. */
static void put_conclusion(FILE *f, json_t *budget, bool color, int column)
{
    const char *reason = document_text(budget, "reason");

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(document_text(budget, "verdict"), verdicts[i].name) != 0)
            continue;
        fprintf(f, "%s%s%s%s", color ? verdicts[i].paint : "", verdicts[i].words,
                color ? PLAIN : "", *reason ? ": " : "");
        report_folded(f, -(column + (int)strlen(verdicts[i].words) + (*reason ? 2 : 0)), 4, reason);
    }
}

/* What was measured goes on the next line where it does not fit. */
#define WIDTH 98

void report_budgets(FILE *f, json_t *budgets, bool color)
{
    json_t *budget;
    size_t i;

    json_array_foreach (budgets, i, budget) {
        char *name = budget_name(budget), *measured = NULL;
        int column = 2 + (int)strlen(name);
        size_t length;
        FILE *out = open_memstream(&measured, &length);

        if (!out)
            abort();
        put_measured(out, budget);
        fclose(out);
        if (length > 0 && column + length + strlen("EXCEEDED") > WIDTH) {
            name[strlen(name) - 1] = '\n'; /* in the place of its last space */
            column = 4;
        }
        fprintf(f, "  %s%*s%s", name, column == 4 ? 4 : 0, "", measured);
        put_conclusion(f, budget, color, column + (int)length);
        free(name);
        free(measured);
    }
}
