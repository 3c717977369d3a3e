/* stillpoint bench */
#include "commands.h"
#include "execution.h"
#include "torture/compare/bench.h"
#include "torture/host/paths.h"
#include "torture/record/text.h"
#include "torture/scenario/nearest_name.h"
#include "torture/scenario/parts.h"
#include "writers.h"

#include <stdlib.h>
#include <string.h>

#define QUICK_REPEAT "3" /* too few for intervals */

/* Runs what some rows are of; its result, or NULL with lines in d. */
static json_t *run_source(const struct arguments *a, const struct bench_source *source,
                          struct console *console, struct diagnostics *d, int *code)
{
    char *relative = text_format("configs/bench/%s.json", source->scenario);
    char *path = paths_shared(relative);
    struct override overrides[2];
    struct driver_options o = a->run;
    struct planned_scenario planned;
    struct output output;
    json_t *result = NULL;

    o.path = path ? path : relative;
    o.overrides = overrides;
    o.override_count = 0;
    if (source->part)
        overrides[o.override_count++] = (struct override){PART_KEY, source->part};
    if (a->bench_quick)
        overrides[o.override_count++] = (struct override){"repeat", QUICK_REPEAT};
    if (driver_plan(&o, &planned, d)) {
        execution_signals(false);
        if (output_open(&output, o.out,
                        json_string_value(json_object_get(planned.scenario.effective, "name")),
                        planned.scenario.effective, d)) {
            output.no_pictures = true;
            result = driver_execute(&o, console, &planned, &output, d);
            if (result)
                *code = writers_conclude(result, output.directory, &output, console, d);
            else
                output_discard(&output);
            output_free(&output);
        }
    }
    planned_scenario_free(&planned);
    free(path);
    free(relative);
    return result;
}

static bool are_groups(const struct arguments *a, struct diagnostics *d)
{
    for (size_t i = 0; i < a->positional_count; i++) {
        const char *name = a->positionals[i], *near = nearest_name(name, bench_groups);
        bool known = false;

        for (size_t j = 0; bench_groups[j]; j++)
            known = known || strcmp(bench_groups[j], name) == 0;
        if (known)
            continue;
        if (near)
            diagnose(d, "stillpoint bench: no rows \"%s\"; did you mean \"%s\"?", name, near);
        else
            diagnose(d,
                     "stillpoint bench: no rows \"%s\"; there are pair, grace-periods, callbacks "
                     "and exclusive",
                     name);
    }
    return d->count == 0;
}

static void show(json_t *bench, enum text_format format)
{
    if (format == FORMAT_MARKDOWN) {
        bench_markdown(stdout, bench);
    } else if (format == FORMAT_TABLE) {
        bench_report(stdout, bench);
    } else {
        json_dumpf(bench, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
        putchar('\n');
    }
}

int command_bench(struct arguments *a, struct diagnostics *d)
{
    struct bench_source *sources;
    json_t *results = json_array(), *bench;
    struct console console;
    int code = EXIT_CODE_USAGE, worst = EXIT_CODE_PASS;

    if (!are_groups(a, d)) {
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
        worst = code == EXIT_CODE_PASS || code == EXIT_CODE_BUDGET ? worst : code;
        json_array_append_new(results,
                              json_pack("{ss ss so}", "scenario", sources[i].scenario, "part",
                                        sources[i].part ? sources[i].part : "", "result", result));
        if (execution_interrupted())
            break;
    }
    console_close(&console);
    if (json_array_size(results) > 0) {
        bench = bench_judge(results);
        show(bench, a->format);
        json_decref(bench);
    }
    json_decref(results);
    free(sources);
    return worst;
}
