/* What the threads of a benchmark cost: a line for each role. Of several points there would be too
 * many; the result has them.
 */
#include "report_parts.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"

#include <stdlib.h>
#include <string.h>

/* The first thing in the workload's table that such threads did; NULL: they did nothing. */
static const struct counter *what_they_did(const char *workload, json_t *role)
{
    const struct workload *w = workload_named(workload);
    json_t *counters = json_object_get(role, "counters");

    for (size_t i = 0; w && i < w->counter_count; i++)
        if (json_integer_value(json_object_get(counters, w->counters[i].name)) > 0)
            return &w->counters[i];
    return NULL;
}

/* A name as words. */
static void put_words(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == '_' ? ' ' : *name, out);
}

/* ", 1.2 k cycles" */
static void put_share(FILE *out, json_t *role, const char *name, double count)
{
    json_t *all = json_object_get(role, name);
    double share = json_number_value(all) / count;
    char number[32];

    if (!all)
        return;
    if (share < 9.95)
        snprintf(number, sizeof number, "%.2g", share);
    else
        report_count(share, number);
    fprintf(out, ", %s %s", number, name);
}

/* "12 context switches" */
static void put_sum(FILE *out, const char *separator, json_t *role, const char *name)
{
    json_t *sum = json_object_get(role, name);
    char number[32];

    if (!sum)
        return;
    fprintf(out, "%s%s ", separator, report_grouped((uint64_t)json_integer_value(sum), number));
    put_words(out, name);
}

/* "latency-caller: 4.1 us CPU, 1.2 k cycles, 3.1 k instructions for each of 27 123 grace periods;
 * 12 context switches, 0 migrations." */
static void put_role(FILE *f, const char *name, json_t *role, const struct counter *counter)
{
    json_int_t count =
        json_integer_value(json_object_get(json_object_get(role, "counters"), counter->name));
    char number[32], *line = NULL;
    size_t length;
    FILE *out = open_memstream(&line, &length);

    if (!out)
        abort();
    fprintf(out, "%s: %s CPU", name,
            report_duration(json_number_value(json_object_get(role, "cpu_ns")) / (double)count,
                            number));
    put_share(out, role, "cycles", (double)count);
    put_share(out, role, "instructions", (double)count);
    if (json_is_true(json_object_get(role, "user_only")))
        fputs(" in user space", out);
    fprintf(out, " for each of %s ", report_grouped((uint64_t)count, number));
    put_words(out, counter->words ? counter->words : counter->name);
    put_sum(out, "; ", role, "context_switches");
    put_sum(out, ", ", role, "migrations");
    fputs(json_is_true(json_object_get(role, "scaled")) ? "; estimated, as counters took turns."
                                                        : ".",
          out);
    fclose(out);
    report_folded(f, 2, 4, line);
    free(line);
}

static bool is_told_before(json_t *refused, const char *name)
{
    const char *other;
    json_t *why;

    json_object_foreach (refused, other, why)
        if (strcmp(other, name) == 0)
            return false;
        else if (json_equal(why, json_object_get(refused, name)))
            return true;
    return false;
}

/* "Not counted: cycles, instructions (perf_event_open: ...)." for each reason. */
static void put_refused(FILE *f, json_t *refused)
{
    const char *name, *other;
    json_t *why, *as_well;

    json_object_foreach (refused, name, why) {
        char *line = NULL;
        size_t length;
        FILE *out;

        if (is_told_before(refused, name))
            continue;
        out = open_memstream(&line, &length);
        if (!out)
            abort();
        fputs("Not counted: ", out);
        put_words(out, name);
        json_object_foreach (refused, other, as_well)
            if (strcmp(other, name) != 0 && json_equal(why, as_well)) {
                fputs(", ", out);
                put_words(out, other);
            }
        fprintf(out, " (%s).", json_string_value(why));
        fclose(out);
        report_folded(f, 2, 4, line);
        free(line);
    }
}

void report_cost(FILE *f, json_t *rows)
{
    json_t *cost = json_object_get(json_array_get(rows, 0), "cost"), *roles, *role;
    const char *workload, *name;
    bool any = false;

    if (json_array_size(rows) != 1)
        return;
    json_object_foreach (json_object_get(cost, "roles"), workload, roles)
        json_object_foreach (roles, name, role) {
            const struct counter *counter = what_they_did(workload, role);

            if (counter)
                put_role(f, name, role, counter);
            any = any || counter;
        }
    if (any)
        put_refused(f, json_object_get(cost, "refused"));
}
