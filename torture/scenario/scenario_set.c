#include "scenario_set.h"

#include "document.h"
#include "options_complete.h"
#include "torture/record/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_S 1e9

struct set_options {
    const char *name, *description;
    int64_t turn_ns;
};

static const struct option set_options[] = {
    {.name = "name",
     .type = OPTION_STRING,
     .offset = offsetof(struct set_options, name),
     .help = "What the set is called; part of the name of its results"},
    {.name = "description",
     .type = OPTION_STRING,
     .offset = offsetof(struct set_options, description),
     .default_text = "",
     .help = "What it is for, in a sentence"},
    {.name = "turn",
     .type = OPTION_DURATION,
     .offset = offsetof(struct set_options, turn_ns),
     .default_text = "0s",
     .max = 24 * 3600 * NS_PER_S,
     .help = "How long a turn of each scenario is at least; its runs share it"},
    {.name = NULL},
};

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool names_a_set(json_t *root)
{
    return json_object_get(root, "scenarios") != NULL;
}

bool scenario_set_is(const char *argument)
{
    struct diagnostics ignored = {.text = NULL};
    json_t *root;
    bool is = is_directory(argument);

    if (is)
        return true;
    root = document_read(argument, &ignored);
    is = names_a_set(root);
    json_decref(root);
    diagnostics_free(&ignored);
    return is;
}

/* The same file by another name is the same. */
static bool holds(const struct scenario_set *set, const char *path)
{
    struct stat one, other;

    if (stat(path, &one) != 0)
        return false; /* reported when it is read */
    for (size_t i = 0; i < set->count; i++)
        if (stat(set->entries[i].path, &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    return false;
}

static void add(struct scenario_set *set, const char *path, int64_t turn_ns, json_t *settings)
{
    if (holds(set, path))
        return;
    set->entries = realloc(set->entries, (set->count + 1) * sizeof *set->entries);
    if (!set->entries)
        abort();
    set->entries[set->count++] = (struct scenario_entry){
        .path = text_format("%s", path), .turn_ns = turn_ns, .settings = json_incref(settings)};
}

static int is_scenario_name(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* What is a set, or a folder, is none of the scenarios in it. */
static bool add_folder(struct scenario_set *set, const char *folder, int64_t turn_ns,
                       json_t *settings, struct diagnostics *d)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_scenario_name, alphasort);
    size_t before = set->count, length = strlen(folder);
    bool any = false;

    if (count < 0) {
        diagnose(d, "%s: cannot be read: %s", folder, strerror(errno));
        return false;
    }
    for (int i = 0; i < count; i++) {
        char *path = text_format("%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/",
                                 names[i]->d_name);

        if (!scenario_set_is(path)) {
            add(set, path, turn_ns, settings);
            any = true;
        }
        free(path);
        free(names[i]);
    }
    free(names);
    if (!any && set->count == before)
        diagnose(d, "%s: holds no scenario (*.json)", folder);
    return any;
}

/* Relative to the file that names it. */
static char *path_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (*path == '/' || !slash)
        return text_format("%s", path);
    return text_format("%.*s/%s", (int)(slash - file), file, path);
}

static bool add_member(struct scenario_set *set, const struct document *doc, size_t index,
                       json_t *member, int64_t turn_ns, json_t *settings)
{
    char *pointer = pointer_element("/scenarios", index), *path = NULL;
    unsigned complaints = doc->d->count;

    if (!json_is_string(member)) {
        document_wrong_type(doc, pointer, "the path of a scenario or of a folder", member);
    } else {
        path = path_beside(doc->file, json_string_value(member));
        if (is_directory(path))
            add_folder(set, path, turn_ns, settings, doc->d);
        else if (scenario_set_is(path))
            document_diagnose(doc, pointer, "%s is a set itself: expected scenarios and folders",
                              path);
        else
            add(set, path, turn_ns, settings);
    }
    free(path);
    free(pointer);
    return doc->d->count == complaints;
}

/* --- The file of a set --- */

static json_t *complete_scenarios(void *context, json_t *given, const char *pointer)
{
    const struct document *doc = context;

    if (!json_is_array(given))
        return document_wrong_type(doc, pointer, "a list of scenarios and folders", given);
    if (json_array_size(given) == 0) {
        document_diagnose(doc, pointer, "is empty: expected scenarios and folders");
        return NULL;
    }
    return json_incref(given);
}

static json_t *complete_settings(void *context, json_t *given, const char *pointer)
{
    const struct document *doc = context;

    if (!given)
        return json_object();
    if (!json_is_object(given))
        return document_wrong_type(doc, pointer, "an object of settings, as for --set", given);
    return json_incref(given);
}

static json_t *complete_name(void *context, json_t *given, const char *pointer)
{
    return complete_directory_name(options_find(set_options, "name"), given, context, pointer);
}

static const struct member set_members[] = {
    {.name = "name", .complete = complete_name},
    {.name = "scenarios", .complete = complete_scenarios},
    {.name = "set", .complete = complete_settings},
    {.name = NULL},
};

static bool add_set(struct scenario_set *set, const char *path, json_t *root, bool alone,
                    struct diagnostics *d)
{
    struct document doc = {.file = path, .d = d};
    json_t *complete = options_complete_members(set_options, set_members, &doc, root, &doc, "");
    struct set_options options;
    json_t *member;
    bool ok = complete != NULL;
    size_t i;

    if (complete) {
        options_store(set_options, complete, &options);
        if (alone)
            set->name = text_format("%s", options.name);
        json_array_foreach (json_object_get(complete, "scenarios"), i, member)
            ok &=
                add_member(set, &doc, i, member, options.turn_ns, json_object_get(complete, "set"));
    }
    json_decref(complete);
    return ok;
}

/* "torture" of "configs/torture/"; NULL where that names nothing, as of "..". */
static char *folder_name(const char *path)
{
    size_t end = strlen(path), start;
    char *name;

    while (end > 0 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/';)
        start--;
    name = text_format("%.*s", (int)(end - start), path + start);
    if (is_directory_name(name))
        return name;
    free(name);
    return NULL;
}

bool scenario_set_read(struct scenario_set *set, char *const *arguments, size_t count,
                       struct diagnostics *d)
{
    bool ok = true;

    *set = (struct scenario_set){.name = NULL};
    for (size_t i = 0; i < count; i++) {
        if (is_directory(arguments[i])) {
            ok &= add_folder(set, arguments[i], 0, NULL, d);
            if (count == 1)
                set->name = folder_name(arguments[i]);
        } else if (scenario_set_is(arguments[i])) {
            json_t *root = document_read(arguments[i], d);

            ok &= root && add_set(set, arguments[i], root, count == 1, d);
            json_decref(root);
        } else {
            add(set, arguments[i], 0, NULL);
        }
    }
    if (!set->name)
        set->name = text_format("night");
    return ok;
}

void scenario_set_free(struct scenario_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->entries[i].path);
        json_decref(set->entries[i].settings);
    }
    free(set->entries);
    free(set->name);
    *set = (struct scenario_set){.name = NULL};
}
