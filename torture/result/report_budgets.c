/* A line for each budget: what was measured, and whether that is within its limits. */
#include "report_parts.h"

#include <stdlib.h>
#include <string.h>

/* A metric in its own unit: latencies are nanoseconds, the rest plain numbers. */
static void put_figure(FILE *f, const char *metric, bool ratio, double value)
{
    char buffer[32];

    if (ratio)
        fprintf(f, "%.3g", value);
    else if (strncmp(metric, "library.", 8) == 0 || strncmp(metric, "counters.", 9) == 0 ||
             strncmp(metric, "rate.", 5) == 0)
        fprintf(f, "%s", report_count(value, buffer));
    else
        fprintf(f, "%s", report_duration(value, buffer));
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
    fprintf(f, "budget %s", report_text(budget, "metric"));
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

static void put_limits(FILE *f, json_t *budget, bool color)
{
    const char *metric = report_text(budget, "metric");
    json_t *max = json_object_get(budget, "max"), *min = json_object_get(budget, "min");
    bool ratio = json_object_get(budget, "ratio_to") != NULL;
    bool ok = json_is_true(json_object_get(budget, "ok"));

    put_figure(f, metric, ratio, json_number_value(json_object_get(budget, "value")));
    if (max) {
        fprintf(f, ", at most ");
        put_figure(f, metric, ratio, json_number_value(max));
    }
    if (min) {
        fprintf(f, ", at least ");
        put_figure(f, metric, ratio, json_number_value(min));
    }
    fprintf(f, "  %s%s%s\n", color ? (ok ? GREEN : RED) : "", ok ? "ok" : "EXCEEDED",
            color ? PLAIN : "");
}

void report_budgets(FILE *f, json_t *budgets, bool color)
{
    json_t *budget;
    size_t i;

    json_array_foreach (budgets, i, budget) {
        const char *reason = report_text(budget, "reason");
        char *name = budget_name(budget);

        fprintf(f, "  %s", name);
        if (!json_is_true(json_object_get(budget, "skipped"))) {
            if (json_is_null(json_object_get(budget, "value")))
                fprintf(f, "%snot measured%s\n", color ? RED : "", color ? PLAIN : "");
            else
                put_limits(f, budget, color);
        } else {
            fprintf(f, "%sskipped%s%s", color ? AMBER : "", color ? PLAIN : "",
                    *reason ? ": " : "");
            report_folded(f, -(int)(strlen(name) + strlen("  skipped: ")), 4, reason);
        }
        free(name);
    }
}
