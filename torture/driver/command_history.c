/* stillpoint history */
#include "commands.h"
#include "torture/compare/history.h"
#include "torture/compare/pictures.h"
#include "torture/compare/side.h"
#include "torture/scenario/document.h"
#include "torture/scenario/nearest_name.h"

#include <stdlib.h>
#include <string.h>

/* --- Adding --- */

/* From wherever it is rebuilt one day. */
static enum history_added add_result(struct history *h, json_t *result, const char *path,
                                     struct diagnostics *d)
{
    char *whole = realpath(path, NULL);
    enum history_added added = history_add(h, result, whole ? whole : path, d);

    free(whole);
    return added;
}

/* Tells what became of each; false when one failed. */
static bool add_side(struct history *h, const char *path, struct diagnostics *d)
{
    json_t *notes = json_array(), *note, *result;
    struct side side;
    size_t i, counts[HISTORY_FAILED + 1] = {0};
    bool good = side_read(&side, path, notes, d);

    /* Where one cannot be read, the others are added all the same. */
    json_array_foreach (side.results, i, result)
        counts[add_result(h, result, side_path(&side, i), d)]++;
    json_array_foreach (notes, i, note)
        printf("note: %s\n", json_string_value(note));
    if (json_array_size(side.results) > 0)
        printf("%s: %zu added, %zu there already, %zu without a figure that counts\n", path,
               counts[HISTORY_ADDED], counts[HISTORY_KNOWN], counts[HISTORY_EMPTY]);
    side_free(&side);
    json_decref(notes);
    return good && counts[HISTORY_FAILED] == 0;
}

static int add(struct arguments *a, struct diagnostics *d)
{
    struct history *h = history_open(a->history.database, true, d);
    bool good = h != NULL;

    for (size_t i = 1; h && i < a->positional_count; i++)
        good = add_side(h, a->positionals[i], d) && good;
    if (h)
        history_close(h);
    return good ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

/* From the results in the folders, or, without any, from those that it has. Until all are in it
 * stays as it was, and whoever adds to it waits. */
static int rebuild(struct arguments *a, struct diagnostics *d)
{
    bool from_folders = a->positional_count > 1, good;
    struct history *h = history_open(a->history.database, from_folders, d);
    json_t *paths = h ? history_refill(h, d) : NULL, *path;
    size_t i;

    good = paths != NULL;
    for (i = 1; good && i < a->positional_count; i++)
        good = add_side(h, a->positionals[i], d);
    if (!from_folders)
        json_array_foreach (paths, i, path)
            good = good && add_side(h, json_string_value(path), d);
    good = good && history_refilled(h, d);
    json_decref(paths);
    if (h)
        history_close(h);
    return good ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

/* --- Looking --- */

static int list(struct arguments *a, struct diagnostics *d)
{
    struct history *h = history_open(a->history.database, false, d);
    json_t *contents = h ? history_contents(h, d) : NULL;

    if (contents && a->json)
        show_json(contents);
    else if (contents)
        history_report_contents(stdout, contents);
    json_decref(contents);
    if (h)
        history_close(h);
    return contents ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

static int show(struct arguments *a, struct diagnostics *d)
{
    struct history_selection selection = a->history.selection;
    struct history *h = history_open(a->history.database, false, d);
    json_t *series;
    int code = EXIT_CODE_USAGE;

    selection.metric = a->positionals[1];
    series = h ? history_series(h, &selection, d) : NULL;
    if (series && json_array_size(series) == 0) {
        diagnose(d,
                 "%s: has nothing of %s that is wanted; `stillpoint history list` shows what it "
                 "has",
                 a->history.database, selection.metric);
    } else if (series) {
        if (a->json)
            show_json(series);
        else
            history_report_series(stdout, series);
        code = EXIT_CODE_PASS;
        if (a->pictures && !show_pictures(pictures_of_history, series, a->pictures, !a->json, d))
            code = EXIT_CODE_USAGE;
    }
    json_decref(series);
    if (h)
        history_close(h);
    return code;
}

/* --- Which --- */

static const struct action {
    const char *name, *arguments;
    size_t least, most; /* arguments; most 0: any number */
    int (*run)(struct arguments *, struct diagnostics *);
} actions[] = {
    {"add", "DIR...", 1, 0, add},
    {"list", "", 0, 0, list},
    {"show", "METRIC", 1, 1, show},
    {"rebuild", "[DIR...]", 0, 0, rebuild},
};

#define ACTION_COUNT (sizeof actions / sizeof *actions)

int command_history(struct arguments *a, struct diagnostics *d)
{
    const char *names[ACTION_COUNT + 1] = {NULL}, *near;

    for (size_t i = 0; i < ACTION_COUNT; i++) {
        const struct action *action = &actions[i];
        size_t given = a->positional_count - 1;

        names[i] = action->name;
        if (strcmp(action->name, a->positional) != 0)
            continue;
        if (given >= action->least && (action->most == 0 || given <= action->most))
            return action->run(a, d);
        diagnose(d, "stillpoint history %s: expected %s", action->name, action->arguments);
        return EXIT_CODE_USAGE;
    }
    near = nearest_name(a->positional, names);
    if (near)
        diagnose(d, "stillpoint history: no action \"%s\"; did you mean \"%s\"?", a->positional,
                 near);
    else
        diagnose(d, "stillpoint history: no action \"%s\"; there are add, list, show and rebuild",
                 a->positional);
    return EXIT_CODE_USAGE;
}
