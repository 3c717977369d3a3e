/* stillpoint bench */
#include "commands.h"
#include "execution.h"
#include "torture/compare/bench.h"
#include "torture/compare/bench_rows.h"
#include "torture/host/paths.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"
#include "torture/scenario/flavor_describe.h"
#include "torture/scenario/nearest_name.h"
#include "torture/scenario/parts.h"

#include <stdlib.h>
#include <string.h>

#define QUICK_REPEAT "3" /* too few for intervals */

static bool sweeps_flavors(json_t *part)
{
    return json_object_get(json_object_get(part, "sweep"), "flavor");
}

/* Whether implementations take turns in it, so that one more can. */
static bool has_columns(const char *path, const char *part)
{
    json_t *scenario = json_load_file(path, 0, NULL), *one;
    bool has = sweeps_flavors(scenario);
    size_t i;

    json_array_foreach (json_object_get(scenario, "parts"), i, one)
        if (!part || strcmp(document_text(one, "name"), part) == 0)
            has = has || sweeps_flavors(one);
    json_decref(scenario);
    return has;
}

/* Runs what some rows are of; its result, or NULL with lines in d. */
static json_t *run_source(const struct arguments *a, const struct bench_source *source,
                          struct console *console, struct diagnostics *d, int *code)
{
    char *relative = text_format("configs/bench/%s.json", source->scenario);
    char *path = paths_shared(relative);
    struct override *overrides = calloc(a->run.override_count + 2, sizeof *overrides);
    struct driver_options o = a->run;
    struct planned_scenario planned;
    json_t *result = NULL;

    if (!overrides)
        abort();
    o.path = path ? path : relative;
    o.overrides = overrides;
    o.override_count = 0;
    if (has_columns(o.path, source->part))
        for (size_t i = 0; i < a->run.override_count; i++)
            overrides[o.override_count++] = a->overrides[i];
    o.no_plot = true;
    if (source->part)
        overrides[o.override_count++] = (struct override){PART_KEY, source->part};
    if (a->bench_quick)
        overrides[o.override_count++] = (struct override){"repeat", QUICK_REPEAT};
    if (driver_plan(&o, &planned, d))
        result = driver_measure(&o, console, &planned, code, d);
    planned_scenario_free(&planned);
    free(overrides);
    free(path);
    free(relative);
    return result;
}

/* The names of all groups, NULL-ended, and as one text. Heap. */
static const char **group_names(char **text)
{
    const char **names;
    size_t count = 0;

    while (bench_groups[count].name)
        count++;
    names = calloc(count + 1, sizeof *names);
    *text = text_format("%s", "");
    for (size_t i = 0; i < count; i++) {
        names[i] = bench_groups[i].name;
        *text = text_append(*text, i > 0 ? ", " : "");
        *text = text_append(*text, names[i]);
    }
    return names;
}

static bool are_groups(const struct arguments *a, struct diagnostics *d)
{
    char *text;
    const char **names = group_names(&text);

    for (size_t i = 0; i < a->positional_count; i++) {
        const char *name = a->positionals[i], *near = nearest_name(name, names);
        bool known = false;

        for (size_t j = 0; names[j]; j++)
            known = known || strcmp(names[j], name) == 0;
        if (known)
            continue;
        if (near)
            diagnose(d, "stillpoint bench: no rows \"%s\"; did you mean \"%s\"?", name, near);
        else
            diagnose(d, "stillpoint bench: no rows \"%s\"; there are %s", name, text);
    }
    free(names);
    free(text);
    return d->count == 0;
}

/* Also where no rows have columns of flavors: a name that is not known would do nothing. */
static bool are_flavors(const struct arguments *a, struct diagnostics *d)
{
    bool known = true;

    for (size_t i = 0; i < a->run.override_count; i++)
        if (strcmp(a->overrides[i].key, ADD_COLUMN) == 0)
            known = flavor_describe(a->overrides[i].value, d) && known;
    return known;
}

/* Of exit codes the later one is told: budgets are no matter here. */
static int rank(int code)
{
    static const int order[] = {EXIT_CODE_BUDGET,       EXIT_CODE_PASS,  EXIT_CODE_SKIPPED,
                                EXIT_CODE_INCONCLUSIVE, EXIT_CODE_USAGE, EXIT_CODE_INTERNAL,
                                EXIT_CODE_VIOLATION};
    int at = 0;

    while (at < (int)(sizeof order / sizeof *order) && order[at] != code)
        at++;
    return at;
}

int command_bench(struct arguments *a, struct diagnostics *d)
{
    struct bench_source *sources;
    json_t *results = json_array(), *bench;
    struct console console;
    int code = EXIT_CODE_USAGE, worst = EXIT_CODE_PASS;

    if (!are_groups(a, d) || !are_flavors(a, d)) {
        json_decref(results);
        return code;
    }
    sources = bench_sources((const char *const *)a->positionals, a->positional_count);
    console_open(&console, stdout, stderr, a->progress, true);
    for (size_t i = 0; sources[i].scenario; i++) {
        json_t *result = run_source(a, &sources[i], &console, d, &code);

        if (!result) {
            worst = code = EXIT_CODE_USAGE;
            break;
        }
        worst = rank(code) > rank(worst) ? code : worst;
        json_array_append_new(results,
                              json_pack("{ss ss so}", "scenario", sources[i].scenario, "part",
                                        sources[i].part ? sources[i].part : "", "result", result));
        if (execution_interrupted())
            break;
    }
    console_close(&console);
    if (json_array_size(results) > 0) {
        bench = bench_judge(results);
        show_as(a->format, bench, bench_report, bench_markdown);
        json_decref(bench);
    }
    json_decref(results);
    free(sources);
    return worst;
}
