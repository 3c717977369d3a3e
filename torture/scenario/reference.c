/* The reference of scenarios in Markdown, and what `stillpoint list` shows. */
#include "reference.h"

#include "document.h"
#include "flavor_describe.h"
#include "nearest_name.h"
#include "options_complete.h"
#include "scenario.h"
#include "scenario_keys.h"
#include "settings.h"
#include "torture/host/paths.h"
#include "torture/placement/settings.h"
#include "torture/record/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream into a heap text, which is valid once the stream is closed. */
static FILE *text_open(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    if (!out)
        abort();
    return out;
}

/* --- Words of a row ----------------------------------------------------------------------- */

static void print_separated(FILE *out, const char *const *names, const char *before,
                            const char *after)
{
    for (const char *separator = ""; names && *names; names++, separator = ", ")
        fprintf(out, "%s%s%s%s", separator, before, *names, after);
}

/* The names of its checks, NULL-ended; one free() releases them. */
static const char **check_names(const struct workload *workload)
{
    const char **names = calloc(workload->check_count + 1, sizeof *names);

    for (size_t i = 0; i < workload->check_count; i++)
        names[i] = workload->checks[i];
    return names;
}

/* The same of its counters, or of those that count near misses. */
static const char **counter_names(const struct workload *workload, bool near_misses)
{
    const char **names = calloc(workload->counter_count + 1, sizeof *names);
    size_t count = 0;

    for (size_t i = 0; i < workload->counter_count; i++)
        if (!near_misses || workload->counters[i].near_miss)
            names[count++] = workload->counters[i].name;
    return names;
}

/* "event, poll" or "1 to 64 threads", or nothing. */
static void print_values(FILE *out, const struct option *option)
{
    if (option->type == OPTION_CHOICE) {
        char **choices = option_choices(option);

        print_separated(out, (const char *const *)choices, "", "");
        free(choices);
    } else {
        char *range = option_range(option);

        fputs(range, out);
        free(range);
    }
}

static const char *shown_default(const struct option *option)
{
    if (!option->default_text)
        return "required";
    return *option->default_text ? option->default_text : "empty";
}

static void print_capabilities(FILE *out, unsigned capabilities, const char *separator)
{
    const char *before = "";

    for (unsigned bit = 0; flavor_capability_names[bit]; bit++) {
        if (!(capabilities & 1u << bit))
            continue;
        fprintf(out, "%s%s", before, flavor_capability_names[bit]);
        before = separator;
    }
    if (!capabilities)
        fputs("none", out);
}

/* --- Markdown ----------------------------------------------------------------------------- */

/* Text in a table cell: a bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void print_row(FILE *out, const struct option *option)
{
    struct option bare = *option;

    /* The unit has a column of its own. */
    bare.unit = NULL;
    fprintf(out, "| `%s` | %s | ", option->name, option_type_name(option->type));
    fprintf(out, option->default_text && *option->default_text ? "`%s` | " : "%s | ",
            shown_default(option));
    print_values(out, &bare);
    fprintf(out, " | %s | ", option->unit ? option->unit : "");
    print_cell(out, option->help);
    fputs(" |\n", out);
}

static void print_table(FILE *out, const struct option *table)
{
    if (!table->name) {
        fputs("None.\n\n", out);
        return;
    }
    fputs("| key | type | default | values | unit | meaning |\n"
          "| --- | --- | --- | --- | --- | --- |\n",
          out);
    for (; table->name; table++)
        print_row(out, table);
    fputc('\n', out);
}

static void print_names(FILE *out, const char *title, const char *const *names)
{
    if (!names || !*names)
        return;
    fprintf(out, "%s: ", title);
    print_separated(out, names, "`", "`");
    fputs(".\n\n", out);
}

static void print_roles(FILE *out, const struct workload *workload)
{
    fputs("| role | how many | needs |\n| --- | --- | --- |\n", out);
    for (const struct role *r = workload->roles; r->name; r++) {
        fprintf(out, "| `%s` | ", r->name);
        fprintf(out, r->count_option ? "`%s` | " : "%s | ",
                r->count_option ? r->count_option : "one");
        print_capabilities(out, r->needs | workload->needs, ", ");
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void print_measures(FILE *out, const struct workload *workload)
{
    if (workload->measure_count == 0)
        return;
    fputs("Latencies: ", out);
    for (size_t i = 0; i < workload->measure_count; i++)
        fprintf(out, "%s`%s` (%s)", i > 0 ? ", " : "", workload->measures[i].name,
                workload->measures[i].unit);
    fputs(".\n\n", out);
}

static void print_workload(FILE *out, const struct workload *workload)
{
    const char **checks = check_names(workload), **counters = counter_names(workload, false),
               **near_misses = counter_names(workload, true);

    fprintf(out, "### %s\n\n%s%s.\n\n", workload->name, workload->summary,
            workload->bench ? " (measures)" : "");
    print_table(out, workload->options);
    print_roles(out, workload);
    print_names(out, "Checks", checks);
    print_names(out, "Coverage", workload->coverage);
    print_names(out, "Counters", counters);
    print_names(out, "Near misses", near_misses);
    print_measures(out, workload);
    free(checks);
    free(counters);
    free(near_misses);
}

static void print_statistics(FILE *out, json_t *statistics)
{
    size_t index;
    json_t *item;

    json_array_foreach (statistics, index, item)
        fprintf(out, "%s`%s`", index ? ", " : "Statistics: ", json_string_value(item));
    if (json_array_size(statistics))
        fputs(".\n\n", out);
}

/* The one flavor that is part of the tree; others come and go with what is installed. */
static void print_own_flavor(FILE *out)
{
    const char *name = options_find(scenario_options, "flavor")->default_text;
    struct diagnostics unheard = {0};
    const struct flavor_description *flavor = flavor_describe(name, &unheard);

    diagnostics_free(&unheard);
    fprintf(out, "### %s\n\n", name);
    if (!flavor) {
        fputs("Its runner was not there to ask.\n\n", out);
        return;
    }
    if (*document_text(flavor->json, "summary"))
        fprintf(out, "%s.\n\n", document_text(flavor->json, "summary"));
    fputs("Can: ", out);
    /* The document is the same on every machine. */
    print_capabilities(out, flavor->capabilities | flavor->missing, ", ");
    fputs(".\n\n", out);
    print_table(out, flavor->settings);
    print_statistics(out, json_object_get(flavor->json, "statistics"));
}

static const char heading[] =
    "# Scenario reference\n\n"
    "<!-- Generated from the options tables; do not edit. -->\n\n"
    "A scenario is a JSON object. Unknown keys, wrong types and values out of range are errors.\n"
    "A duration is text such as `\"1500ms\"` (units `ns us ms s m h`); a bare number means "
    "seconds.\n\n"
    "## Top level\n\n";

static const char members[] =
    "Besides these:\n\n"
    "| key | meaning |\n"
    "| --- | --- |\n"
    "| `library` | settings of the flavor, see [Flavors](#flavors) |\n"
    "| `placement` | which thread goes where, see [Placement](#placement) |\n"
    "| `workloads` | required, here or in each part: a list of objects, each with a `type` and the "
    "options of that "
    "[workload](#workloads) |\n"
    "| `sweep` | `{\"KEY\": [VALUE, ...]}`: every combination is a point, and gets `repeat` runs "
    "|\n"
    "| `require` | `{\"NAME\": LEAST}`: coverage, statistics or counters that must be reached, or "
    "a clean run is inconclusive. LEAST is a count (`100`), a rate (`\"20/s\"`, over the run's "
    "`seconds`) or a share of another count (`\"5 % of gps\"`) |\n"
    "| `floors` | how much a run must have done, see [Floors](#floors) |\n"
    "| `budgets` | limits of performance, see [Budgets](#budgets) |\n"
    "| `parts` | a list of objects, each with a `name` and any of the other keys but `seed` and "
    "`repeat` |\n\n"
    "What cannot run in one process, such as torture and a measurement that it would disturb, is "
    "in\n"
    "parts. Each part is the scenario with the part's keys in place of its own: it has points of "
    "its\n"
    "own, which begin with its name, a table, and budgets, `floors` and `require` that count its\n"
    "runs only. `--set part=NAME` runs one of them; any other `--set` changes the parts that have\n"
    "that key.\n\n"
    "Keys of `sweep` and of `--set` are `duration` and the like, `library.NAME`, "
    "`placement.NAME`,\n"
    "`TYPE.NAME` (an option of every workload of that type) and `workloads.N.NAME` (of one, "
    "counted\n"
    "from 0). `--set` also takes `sweep.KEY=[...]`, `sweep.KEY+=VALUE` (one more of those),\n"
    "`require.NAME=COUNT` and `floors.NAME=VALUE`, and a value that is set is no longer swept.\n"
    "`name`, `description`, `seed` and `repeat` cannot be swept.\n\n"
    "Repeats are the outer loop and every second one runs the points backwards. Repeat 0 has the\n"
    "scenario's seed, each later one a seed derived from that and its number, so the same seed "
    "gives\n"
    "the same plan.\n\n"
    "What the flavor lacks is left out, with a note: threads, options, whole workloads, settings\n"
    "of `library`, a sweep of such a setting, and what `require` and `floors` want of these. A\n"
    "scenario of which nothing is left is skipped. What `--set` asks for is refused by name\n"
    "instead, and points of a sweep that the flavor cannot run are skipped. What only this "
    "machine\n"
    "does not offer (/dev/kvm, say) is skipped with the reason. In a sweep over flavors, a "
    "setting\n"
    "in `library` applies to the flavors that have it.\n\n";

static const char placement_roles[] = "`roles` places the threads of one role by hand: "
                                      "`{\"reader\": {\"cpuset\": \"0-1,3\", \"numa\": [0]}}`.\n\n";

static const char floor_members[] =
    "`least`, required beside these, has the share of each counter: `{\"reads\": \"1 %\"}`. Before "
    "a\n"
    "point's first run the reference runs the same, with its own settings, for that moment. A run\n"
    "that counted less a second than that share of what the reference did is inconclusive. Where\n"
    "the reference cannot run, finds something or counts nothing there is no floor, and a note of\n"
    "the run says so. Points that differ in `library` alone have one reference.\n\n";

static const char budget_members[] =
    "| key | meaning |\n"
    "| --- | --- |\n"
    "| `metric` | required: a figure of the result, as `gp.total.p99`; docs/results.md has them "
    "all |\n"
    "| `max`, `min` | at least one: a duration, or a number; with `ratio_to` the ratio |\n"
    "| `ratio_to` | the points to compare with, as `{\"flavor\": \"urcu-memb\"}` |\n"
    "| `where` | the points that the budget is for; without it, all |\n\n"
    "With `repeat` below 10 a budget is never decided: see docs/results.md.\n\n";

char *scenario_reference(void)
{
    char *text;
    size_t size;
    FILE *out = text_open(&text, &size);

    fputs(heading, out);
    print_table(out, scenario_options);
    fputs(members, out);
    fputs("## Placement\n\n", out);
    print_table(out, placement_options);
    fputs(placement_roles, out);
    fputs("## Floors\n\n", out);
    print_table(out, floor_options);
    fputs(floor_members, out);
    fputs("## Budgets\n\n", out);
    fputs(budget_members, out);
    fputs("## Workloads\n\n", out);
    for (const struct workload *const *w = workloads; *w; w++)
        print_workload(out, *w);
    fputs("## Flavors\n\n", out);
    print_own_flavor(out);
    fclose(out);
    /* The last table leaves an empty line at the end. */
    if (size > 1 && !strcmp(text + size - 2, "\n\n"))
        text[size - 1] = '\0';
    return text;
}

/* --- list --------------------------------------------------------------------------------- */

static void list_workloads(FILE *out)
{
    fputs("Workloads\n", out);
    for (const struct workload *const *w = workloads; *w; w++)
        fprintf(out, "  %-21s %s%s\n", (*w)->name, (*w)->summary, (*w)->bench ? " (measures)" : "");
}

static void list_flavor(FILE *out, const char *name)
{
    struct diagnostics refusal = {0};
    const struct flavor_description *flavor = flavor_describe(name, &refusal);

    if (flavor) {
        fprintf(out, "  %-21s %s\n  %-21s can: ", name, document_text(flavor->json, "summary"), "");
        print_capabilities(out, flavor->capabilities, " ");
        fputc('\n', out);
    } else {
        fprintf(out, "  %-21s %s", name, refusal.text ? refusal.text : "no answer\n");
    }
    diagnostics_free(&refusal);
}

static void list_flavors(FILE *out, char **flavors)
{
    fputs("\nFlavors\n", out);
    if (!flavors || !*flavors)
        fputs("  none is built: run make\n", out);
    for (; flavors && *flavors; flavors++)
        list_flavor(out, *flavors);
}

static void list_table(FILE *out, const char *title, const struct option *table)
{
    if (!table->name)
        return;
    fprintf(out, "\n%s\n", title);
    for (; table->name; table++) {
        fprintf(out, "  %-20s %-10s %s", table->name, shown_default(table), table->help);
        bool limits = table->type == OPTION_CHOICE || table->min != 0 || table->max != 0;

        fputs(limits ? " (" : "", out);
        print_values(out, table);
        fputs(limits ? ")\n" : "\n", out);
    }
}

static void list_names(FILE *out, const char *title, const char *const *names)
{
    if (!names || !*names)
        return;
    fprintf(out, "\n%s\n  ", title);
    print_separated(out, names, "", "");
    fputc('\n', out);
}

static void list_workload(FILE *out, const struct workload *workload)
{
    const char **checks = check_names(workload), **counters = counter_names(workload, false),
               **near_misses = counter_names(workload, true);

    fprintf(out, "%s: %s%s\n", workload->name, workload->summary,
            workload->bench ? " (measures)" : "");
    list_table(out, "Options (default, meaning, range)", workload->options);
    fputs("\nRoles (count, needs)\n", out);
    for (const struct role *r = workload->roles; r->name; r++) {
        fprintf(out, "  %-20s %-20s ", r->name, r->count_option ? r->count_option : "one");
        print_capabilities(out, r->needs | workload->needs, " ");
        fputc('\n', out);
    }
    list_names(out, "Checks", checks);
    list_names(out, "Coverage", workload->coverage);
    list_names(out, "Counters", counters);
    list_names(out, "Near misses", near_misses);
    if (workload->measure_count > 0)
        fputs("\nLatencies\n", out);
    for (size_t i = 0; i < workload->measure_count; i++)
        fprintf(out, "  %-26s %s\n", workload->measures[i].name, workload->measures[i].unit);
    free(checks);
    free(counters);
    free(near_misses);
}

static void list_statistics(FILE *out, json_t *statistics)
{
    size_t index;
    json_t *item;

    json_array_foreach (statistics, index, item)
        fprintf(out, "%s%s", index ? ", " : "\nStatistics\n  ", json_string_value(item));
    if (json_array_size(statistics))
        fputc('\n', out);
}

static void list_missing(FILE *out, json_t *missing)
{
    const char *name;
    json_t *reason;

    if (json_object_size(missing))
        fputs("\nMissing here\n", out);
    json_object_foreach (missing, name, reason)
        fprintf(out, "  %s: %s\n", name, json_string_value(reason));
}

static void list_flavor_details(FILE *out, const struct flavor_description *flavor)
{
    fprintf(out, "%s: %s\n\nCan\n  ", flavor->name, document_text(flavor->json, "summary"));
    print_capabilities(out, flavor->capabilities, " ");
    fputc('\n', out);
    list_missing(out, json_object_get(flavor->json, "missing"));
    list_table(out, "Settings of \"library\" (default, meaning, range)", flavor->settings);
    list_statistics(out, json_object_get(flavor->json, "statistics"));
}

static void diagnose_nothing(const char *what, char **flavors, struct diagnostics *d)
{
    const char *near = NULL;

    for (const struct workload *const *w = workloads; *w && !near; w++)
        near = nearest_name(what, (const char *const[]){(*w)->name, NULL});
    if (!near && flavors)
        near = nearest_name(what, (const char *const *)flavors);
    if (near)
        diagnose(d, "no workload or flavor \"%s\"; did you mean \"%s\"?", what, near);
    else
        diagnose(d, "no workload or flavor \"%s\"; \"stillpoint list\" shows all", what);
}

static bool is_flavor(const char *what, char **flavors)
{
    while (flavors && *flavors && strcmp(*flavors, what) != 0)
        flavors++;
    return flavors && *flavors;
}

/* False with a line in d when there is nothing of that name. */
static bool list_one(FILE *out, const char *what, char **flavors, struct diagnostics *d)
{
    const struct workload *workload = workload_named(what);
    const struct flavor_description *flavor = NULL;

    if (workload)
        list_workload(out, workload);
    else if (!is_flavor(what, flavors))
        diagnose_nothing(what, flavors, d);
    else if ((flavor = flavor_describe(what, d)))
        list_flavor_details(out, flavor);
    return workload || flavor;
}

char *list_text(const char *what, struct diagnostics *d)
{
    char **flavors = paths_flavors();
    char *text;
    size_t size;
    FILE *out = text_open(&text, &size);
    bool good = true;

    if (what) {
        good = list_one(out, what, flavors, d);
    } else {
        list_workloads(out);
        list_flavors(out, flavors);
    }
    fclose(out);
    for (char **flavor = flavors; flavor && *flavor; flavor++)
        free(*flavor);
    free(flavors);
    if (good)
        return text;
    free(text);
    return NULL;
}
