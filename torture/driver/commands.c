#include "commands.h"

#include "torture/placement/placement_draw.h"
#include "torture/placement/threads.h"
#include "torture/plot/plot.h"
#include "torture/result/salvage.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/reference.h"
#include "torture/scenario/scenario.h"
#include "torture/scenario/schema.h"
#include "writers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_run(struct arguments *a, struct diagnostics *d)
{
    struct console console;
    int code;

    a->run.path = a->positional;
    console_open(&console, stdout, stderr, a->progress, a->quiet);
    if (!a->run.gdb) /* whose terminal it is */
        console_write_apart(&console);
    code = driver_run(&a->run, &console, d);
    console_close(&console);
    return code;
}

int command_list(struct arguments *a, struct diagnostics *d)
{
    if (a->schema) {
        json_t *schema = scenario_schema();

        json_dumpf(schema, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(schema);
        return EXIT_CODE_PASS;
    }
    char *text = a->markdown ? scenario_reference() : list_text(a->positional, d);
    if (!text)
        return EXIT_CODE_USAGE;
    fputs(text, stdout);
    free(text);
    return EXIT_CODE_PASS;
}

/* All of them, whatever is wrong with the first. */
int command_validate(struct arguments *a, struct diagnostics *d)
{
    int code = EXIT_CODE_PASS;
    struct console console;

    console_open(&console, stdout, stderr, PROGRESS_NONE, false);
    for (size_t i = 0; i < a->positional_count; i++) {
        struct planned_scenario planned;
        bool ok;

        a->run.path = a->positionals[i];
        ok = driver_plan(&a->run, &planned, d);
        console_notes(&console, planned.scenario.notes.text);
        if (ok)
            printf("%s: valid, %zu run%s\n", a->run.path, planned.count,
                   planned.count == 1 ? "" : "s");
        else
            code = EXIT_CODE_USAGE;
        planned_scenario_free(&planned);
    }
    return code;
}

/* The threads of the first run of a scenario, on this machine or another. */
static int draw_scenario(struct arguments *a, struct diagnostics *d)
{
    struct scenario s = {.path = NULL};
    struct run_plan *plans = NULL;
    struct planned_thread *threads = NULL;
    size_t count = 0, thread_count = 0;
    char *text = NULL;

    if (scenario_load(&s, a->positional, a->run.overrides, a->run.override_count, d) &&
        scenario_expand(&s, &plans, &count, d) && count > 0) {
        const char **names, **roles;

        thread_count = plan_threads(plans[0].config, &threads);
        names = calloc(thread_count + 1, sizeof *names);
        roles = calloc(thread_count + 1, sizeof *roles);
        for (size_t i = 0; i < thread_count; i++) {
            names[i] = threads[i].name;
            roles[i] = threads[i].role->name;
        }
        text = placement_text(json_object_get(plans[0].config, "placement"), names, roles,
                              thread_count, a->synthetic, a->positional, d);
        free(names);
        free(roles);
    }
    if (text)
        fputs(text, stdout);
    free(text);
    free(threads);
    run_plans_free(plans, count);
    scenario_free(&s);
    return text ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

int command_topology(struct arguments *a, struct diagnostics *d)
{
    char *text;

    if (a->positional)
        return draw_scenario(a, d);
    text = placement_text(NULL, NULL, NULL, 0, a->synthetic, "topology", d);
    if (!text)
        return EXIT_CODE_USAGE;
    fputs(text, stdout);
    free(text);
    return EXIT_CODE_PASS;
}

/* DIR/FILE, or the file itself when that is what was named. */
static char *within(const char *directory, const char *file)
{
    char *path = NULL;
    size_t length = strlen(directory), tail = strlen(file);

    if (length > tail && strcmp(directory + length - tail, file) == 0)
        return strdup(directory);
    return asprintf(&path, "%s/%s", directory, file) < 0 ? NULL : path;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

static void print_names(json_t *names)
{
    json_t *name;
    size_t i;

    json_array_foreach (names, i, name)
        printf("%s\n", json_string_value(name));
}

int command_plot(struct arguments *a, struct diagnostics *d)
{
    char *path = within(a->positional, "result.json"), *directory = directory_of(path);
    json_error_t error;
    json_t *result = NULL, *made = json_array();
    int code = EXIT_CODE_USAGE;

    if (access(path, R_OK) != 0)
        diagnose(d, "%s: %s; name a directory that `stillpoint run` made", path, strerror(errno));
    else if (!(result = json_load_file(path, 0, &error)))
        diagnose(d, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    else if (strcmp(json_string_value(json_object_get(result, "schema"))
                        ? json_string_value(json_object_get(result, "schema"))
                        : "",
                    "stillpoint-result/1") != 0)
        diagnose(d, "%s: is not a result of stillpoint (no \"schema\": \"stillpoint-result/1\")",
                 path);
    else if (plot_result(result, directory, made, d))
        code = EXIT_CODE_PASS;
    print_names(made);
    json_decref(made);
    json_decref(result);
    free(path);
    free(directory);
    return code;
}

int command_salvage(struct arguments *a, struct diagnostics *d)
{
    char *events = within(a->positional, "events.jsonl"), *directory = directory_of(events);
    char *there = within(directory, "result.json");
    json_t *result = NULL;
    struct console console;
    int code = EXIT_CODE_USAGE;

    console_open(&console, stdout, stderr, PROGRESS_NONE, false);
    if (access(there, F_OK) == 0)
        diagnose(d, "%s: exists already: there is nothing to salvage", there);
    else
        result = salvage_events(events, d);
    if (result)
        code = writers_conclude(result, directory, NULL, &console, d);
    json_decref(result);
    free(events);
    free(directory);
    free(there);
    return code;
}
