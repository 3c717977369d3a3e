/* What a scenario says of its results before there are any: the names in `require` and `floors`,
 * and the metrics of budgets. A name that nothing can have would cost the night that it takes to
 * find out.
 */
#include "document.h"
#include "flavor_describe.h"
#include "nearest_name.h"
#include "scenario_keys.h"
#include "scenario_parts.h"
#include "settings.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"

#include <stdlib.h>
#include <string.h>

/* --- Who has it --- */

static bool has_counter(const struct workload *workload, const char *name)
{
    for (size_t i = 0; i < workload->counter_count; i++)
        if (strcmp(workload->counters[i].name, name) == 0)
            return true;
    return false;
}

/* What the workloads of the scenario count, by any name; `near`: the coverage name nearest to one
 * that they do not. */
static bool workloads_count(json_t *root, const char *name, const char **near)
{
    *near = NULL;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *workload = workload_at(root, i);

        if (!workload)
            continue;
        if ((workload->coverage && list_has(workload->coverage, name)) ||
            has_counter(workload, name))
            return true;
        if (!*near && workload->coverage)
            *near = nearest_name(name, workload->coverage);
    }
    return false;
}

static bool has_statistic(json_t *statistics, const char *name)
{
    size_t i;
    json_t *statistic;

    json_array_foreach (statistics, i, statistic)
        if (strcmp(json_string_value(statistic), name) == 0)
            return true;
    return false;
}

static bool is_statistic(json_t *flavors, const char *name)
{
    size_t i;
    json_t *flavor;
    bool found = false;

    json_array_foreach (flavors, i, flavor) {
        struct diagnostics unheard = {0};
        const struct flavor_description *description =
            flavor_describe(json_string_value(flavor), &unheard);

        found = found || (description &&
                          has_statistic(json_object_get(description->json, "statistics"), name));
        diagnostics_free(&unheard);
    }
    return found;
}

/* The file names a statistic of its own flavor. */
static bool is_foreign(struct scenario_reading *reading, const char *name, const char *pointer)
{
    if (!is_statistic(reading->file_flavors, name) ||
        strcmp(document_source(&reading->doc, pointer), reading->doc.file) != 0)
        return false;
    diagnose(reading->notes, "%s: %s: left out, flavor \"%s\" does not count that",
             reading->doc.file, pointer, json_string_value(json_array_get(reading->flavors, 0)));
    return true;
}

enum figure_found find_count(struct scenario_reading *reading, const char *name,
                             const char *pointer)
{
    const char *near;

    if (workloads_count(reading->root, name, &near) || is_statistic(reading->flavors, name))
        return FIGURE_KNOWN;
    if (!near && !flavors_known(reading->flavors))
        return FIGURE_KNOWN;
    if (is_foreign(reading, name, pointer))
        return FIGURE_LEFT_OUT;
    if (near)
        document_diagnose(&reading->doc, pointer, "unknown key; did you mean \"%s\"?", near);
    else
        document_diagnose(&reading->doc, pointer,
                          "unknown key (a counter of the scenario's workloads, or a statistic of "
                          "its flavor)");
    return FIGURE_UNKNOWN;
}

/* All that the scenario's workloads count, each once, NULL-ended; one free() releases all. */
static const char **counter_names(json_t *root)
{
    size_t workload_count = json_array_size(json_object_get(root, "workloads"));
    size_t room = 1, count = 0;
    const char **names;

    for (size_t i = 0; i < workload_count; i++)
        room += workload_at(root, i) ? workload_at(root, i)->counter_count : 0;
    names = calloc(room, sizeof *names);
    if (!names)
        abort();
    for (size_t i = 0; i < workload_count; i++) {
        const struct workload *workload = workload_at(root, i);

        for (size_t j = 0; workload && j < workload->counter_count; j++)
            if (!list_has(names, workload->counters[j].name))
                names[count++] = workload->counters[j].name;
    }
    return names;
}

bool find_counter(struct scenario_reading *reading, const char *name, const char *pointer)
{
    const char **names = counter_names(reading->root), *near;
    bool known = list_has(names, name);

    near = known ? NULL : nearest_name(name, names);
    if (near) {
        document_diagnose(&reading->doc, pointer, "unknown key; did you mean \"%s\"?", near);
    } else if (!known) {
        char *list = text_format("%s", "");

        for (const char **other = names; *other; other++) {
            list = text_append(list, " ");
            list = text_append(list, *other);
        }
        document_diagnose(&reading->doc, pointer, "unknown key; the scenario's workloads count:%s",
                          list);
        free(list);
    }
    free(names);
    return known;
}

/* --- Metrics --- */

/* "p99" of "gp.total.p99", "p99.9" of "gp.p99.9", "mean" of "gp.mean"; NULL: of none. */
static const char *latency_figure(const char *metric)
{
    static const char *const figures[] = {"min", "mean", "max", "count", NULL};
    const char *dot = strrchr(metric, '.');

    if (dot && list_has(figures, dot + 1))
        return dot + 1;
    for (; dot && dot > metric; dot--)
        if (dot[0] == '.' && dot[1] == 'p' && strspn(dot + 2, "0123456789.") == strlen(dot + 2) &&
            dot[2] >= '0' && dot[2] <= '9')
            return dot + 1;
    return NULL;
}

/* Whether the scenario's workloads measure it; `near`: the nearest that they do measure. */
static bool workloads_measure(json_t *root, const char *name, const char **near)
{
    *near = NULL;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *workload = workload_at(root, i);

        for (size_t j = 0; workload && j < workload->measure_count; j++) {
            const char *const candidates[] = {workload->measures[j].name, NULL};

            if (strcmp(name, candidates[0]) == 0)
                return true;
            if (!*near)
                *near = nearest_name(name, candidates);
        }
    }
    return false;
}

/* "WORKLOAD.NAME" of a workload in the scenario. */
static bool is_workload_counter(json_t *root, const char *text)
{
    const char *dot = strchr(text, '.');

    for (size_t i = 0; dot && i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *w = workload_at(root, i);

        if (w && strlen(w->name) == (size_t)(dot - text) &&
            strncmp(w->name, text, (size_t)(dot - text)) == 0 && has_counter(w, dot + 1))
            return true;
    }
    return false;
}

/* What threads cost is told of those of benchmarks. */
static bool has_benchmark(json_t *root)
{
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *w = workload_at(root, i);

        if (w && w->bench)
            return true;
    }
    return false;
}

/* A statistic, or also a counter of the workloads. */
static enum figure_found find_statistic(struct scenario_reading *reading, const char *name,
                                        bool or_counter, const char *pointer)
{
    const char *near;

    if (is_statistic(reading->flavors, name) || !flavors_known(reading->flavors) ||
        (or_counter && workloads_count(reading->root, name, &near)))
        return FIGURE_KNOWN;
    return is_foreign(reading, name, pointer) ? FIGURE_LEFT_OUT : FIGURE_UNKNOWN;
}

static enum figure_found find_latency(struct scenario_reading *reading, const char *metric,
                                      const char *figure, const char *pointer)
{
    char *name = strndup(metric, (size_t)(figure - metric) - 1);
    const char *near;
    bool known = workloads_measure(reading->root, name, &near);

    if (!known && near)
        document_diagnose(&reading->doc, pointer, "unknown figure; did you mean \"%s.%s\"?", near,
                          figure);
    else if (!known)
        document_diagnose(&reading->doc, pointer,
                          "unknown figure: no workload of this scenario measures \"%s\"", name);
    free(name);
    return known ? FIGURE_KNOWN : FIGURE_UNKNOWN;
}

enum figure_found find_metric(struct scenario_reading *reading, const char *metric,
                              const char *pointer)
{
    enum figure_found found = FIGURE_UNKNOWN;
    const char *figure;

    if (strcmp(metric, METRIC_PEAK_RSS) == 0)
        found = FIGURE_KNOWN;
    else if (strcmp(metric, METRIC_CPU_OF_GP) == 0)
        found = has_benchmark(reading->root) ? find_statistic(reading, "gps", true, pointer)
                                             : FIGURE_UNKNOWN;
    else if (strncmp(metric, "library.", 8) == 0)
        found = find_statistic(reading, metric + 8, false, pointer);
    else if (strncmp(metric, "counters.", 9) == 0)
        found = is_workload_counter(reading->root, metric + 9) ? FIGURE_KNOWN : FIGURE_UNKNOWN;
    else if (strncmp(metric, "rate.", 5) == 0)
        found = is_workload_counter(reading->root, metric + 5)
                    ? FIGURE_KNOWN
                    : find_statistic(reading, metric + 5, true, pointer);
    else if ((figure = latency_figure(metric)))
        return find_latency(reading, metric, figure, pointer);
    if (found == FIGURE_UNKNOWN)
        document_diagnose(&reading->doc, pointer,
                          "unknown figure \"%s\" (as gp.total.p99, rate.gps, library.naps; see "
                          "docs/results.md)",
                          metric);
    return found;
}
