#include "commands.h"

#include "torture/plot/plot.h"
#include "torture/result/salvage.h"
#include "torture/scenario/document.h"
#include "torture/scenario/reference.h"
#include "torture/scenario/scenario_set.h"
#include "torture/scenario/schema.h"
#include "writers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one option needs of others, or forbids: a line in d. */
static bool fit_together(const struct arguments *a, struct diagnostics *d)
{
    const struct night_options *n = &a->night;
    bool night = n->duration || n->resume;
    const char *several = a->positional_count > 1 ? a->positionals[1] : NULL;
    unsigned before = d->count;

    if (!n->resume && a->positional_count == 0)
        diagnose(d,
                 "stillpoint run: expected SCENARIO, or --resume DIR; see `stillpoint run --help`");
    if (n->resume && (n->duration || a->positional_count > 0 || a->run.override_count > 0))
        diagnose(d, "--resume %s: goes on as it was begun: no scenarios, --for or settings",
                 n->resume);
    if (!night && (n->since || n->known))
        diagnose(d, "--since and --known are for a night: say how long with --for (8h)");
    if (night && (a->run.until_failure || a->run.gdb))
        diagnose(d, "--until-failure and --gdb are for one scenario, without --for");
    for (size_t i = 0; !night && !several && i < a->positional_count; i++)
        if (scenario_set_is(a->positionals[i]))
            several = a->positionals[i];
    if (!night && several)
        diagnose(d, "%s: several scenarios are a night: say how long with --for (8h)", several);
    return d->count == before;
}

int command_run(struct arguments *a, struct diagnostics *d)
{
    struct console console;
    int code;

    if (!fit_together(a, d))
        return EXIT_CODE_USAGE;
    console_open(&console, stdout, stderr, a->progress, a->quiet);
    if (!a->run.gdb) /* whose terminal it is */
        console_write_apart(&console);
    a->run.path = a->positional;
    a->night.arguments = a->positionals;
    a->night.argument_count = a->positional_count;
    code = a->night.duration || a->night.resume ? night_run(&a->run, &a->night, &console, d)
                                                : driver_run(&a->run, &console, d);
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

static bool validate(struct arguments *a, const struct scenario_entry *entry,
                     struct console *console, struct diagnostics *d)
{
    struct planned_scenario planned;
    bool ok;

    a->run.path = entry->path;
    ok = driver_plan(&a->run, &planned, d);
    console_notes(console, planned.scenario.notes.text);
    if (ok)
        printf("%s: valid, %zu run%s\n", a->run.path, planned.count, planned.count == 1 ? "" : "s");
    planned_scenario_free(&planned);
    return ok;
}

/* All of them, whatever is wrong with the first. */
int command_validate(struct arguments *a, struct diagnostics *d)
{
    struct scenario_set set;
    struct console console;
    bool ok = scenario_set_read(&set, a->positionals, a->positional_count, d);

    console_open(&console, stdout, stderr, PROGRESS_NONE, false);
    for (size_t i = 0; i < set.count; i++)
        ok &= validate(a, &set.entries[i], &console, d);
    scenario_set_free(&set);
    return ok ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

char *command_path(const char *directory, const char *file)
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

json_t *command_result(const char *path, struct diagnostics *d)
{
    json_error_t error;
    json_t *result = NULL;

    if (access(path, R_OK) != 0)
        diagnose(d, "%s: %s; name a directory that `stillpoint run` made", path, strerror(errno));
    else if (!(result = json_load_file(path, 0, &error)))
        diagnose(d, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    else if (strcmp(document_text(result, "schema"), "stillpoint-result/1") == 0)
        return result;
    else
        diagnose(d, "%s: is not a result of stillpoint (no \"schema\": \"stillpoint-result/1\")",
                 path);
    json_decref(result);
    return NULL;
}

int command_plot(struct arguments *a, struct diagnostics *d)
{
    char *path = command_path(a->positional, "result.json"), *directory = directory_of(path);
    json_t *result = command_result(path, d), *made = json_array();
    int code = EXIT_CODE_USAGE;

    if (result && plot_result(result, directory, made, d))
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
    char *events = command_path(a->positional, "events.jsonl"), *directory = directory_of(events);
    char *there = command_path(directory, "result.json");
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
