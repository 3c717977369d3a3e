#include "side.h"

#include "identity.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESULT_SCHEMA "stillpoint-result/1"

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* As `latest` is, which names a result that is there already. */
static bool is_link(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

static bool exists(const char *directory, const char *file)
{
    char *path = text_format("%s/%s", directory, file);
    bool found = access(path, F_OK) == 0;

    free(path);
    return found;
}

/* --- Reading --- */

static bool is_result(json_t *result, const char *path, struct diagnostics *d)
{
    const char *schema = document_text(result, "schema");

    if (strcmp(schema, RESULT_SCHEMA) == 0)
        return true;
    if (!*schema)
        diagnose(d, "%s: /schema: expected \"" RESULT_SCHEMA "\": this is no result of stillpoint",
                 path);
    else
        diagnose(d,
                 "%s: /schema: expected \"" RESULT_SCHEMA "\", found \"%s\": compare it with the "
                 "program that made it",
                 path, schema);
    return false;
}

/* `place`: what was named. */
static bool add_result(struct side *s, const char *path, const char *place, struct diagnostics *d)
{
    json_t *result = document_read_result(path, d), *name = json_string(place);

    if (result && !name)
        diagnose(d, "%s: a name that is no UTF-8 cannot be kept: rename it", path);
    if (!result || !name || !is_result(result, path, d)) {
        json_decref(result);
        json_decref(name);
        return false;
    }
    json_array_append_new(s->results, result);
    json_array_append_new(s->paths, name);
    return true;
}

static bool add_directory(struct side *s, const char *directory, struct diagnostics *d)
{
    char *path = text_format("%s/result.json", directory);
    bool good = add_result(s, path, directory, d);

    free(path);
    return good;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool add_folder(struct side *s, const char *folder, json_t *notes, struct diagnostics *d)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_shown, alphasort);
    bool good = true;

    if (count < 0) {
        diagnose(d, "%s: %s; name a directory that `stillpoint run` made, or a folder of such",
                 folder, strerror(errno));
        return false;
    }
    for (int i = 0; i < count; i++) {
        char *directory = text_format("%s/%s", folder, entries[i]->d_name);

        bool is_own = is_directory(directory) && !is_link(directory);

        if (is_own && exists(directory, "result.json"))
            good = add_directory(s, directory, d) && good;
        else if (is_own && exists(directory, "events.jsonl"))
            json_array_append_new(notes,
                                  json_sprintf("%s: has no result.json, and was passed over: the "
                                               "run goes on, or `stillpoint salvage` rebuilds it",
                                               directory));
        free(directory);
        free(entries[i]);
    }
    free(entries);
    if (good && json_array_size(s->results) == 0) {
        diagnose(d,
                 "%s: has no results; name a directory that `stillpoint run` made, or a folder "
                 "of such",
                 folder);
        good = false;
    }
    return good;
}

static const char *began(json_t *results, size_t i)
{
    return document_text(json_array_get(results, i), "started");
}

static void move(json_t *list, size_t from, size_t to)
{
    json_t *one = json_incref(json_array_get(list, from));

    json_array_remove(list, from);
    json_array_insert_new(list, to, one);
}

/* By insertion: those of a folder come in order already, by their names. */
static void sort_by_time(struct side *s)
{
    for (size_t i = 1; i < json_array_size(s->results); i++) {
        size_t at = i;

        while (at > 0 && strcmp(began(s->results, at - 1), began(s->results, i)) > 0)
            at--;
        move(s->results, i, at);
        move(s->paths, i, at);
    }
}

const char *side_path(const struct side *s, size_t i)
{
    return json_string_value(json_array_get(s->paths, i));
}

bool side_read(struct side *s, const char *path, json_t *notes, struct diagnostics *d)
{
    bool good;

    *s = (struct side){.path = path, .results = json_array(), .paths = json_array()};
    if (exists(path, "result.json"))
        good = add_directory(s, path, d);
    else if (exists(path, "events.jsonl"))
        good = false, diagnose(d,
                               "%s: has no result.json: the run goes on, or was cut short; then "
                               "`stillpoint salvage %s` rebuilds it",
                               path, path);
    else if (!is_directory(path) && access(path, R_OK) == 0)
        good = add_result(s, path, path, d);
    else
        good = add_folder(s, path, notes, d);
    sort_by_time(s);
    return good;
}

void side_free(struct side *s)
{
    json_decref(s->results);
    json_decref(s->paths);
    *s = (struct side){.path = NULL};
}

/* --- What they are of --- */

char *side_difference(const struct side *base, const struct side *fresh)
{
    json_t *first = json_array_get(base->results, 0), *result;
    char *text = NULL;
    size_t i;

    json_array_foreach (base->results, i, result)
        text = text ? text : identity_difference(first, result);
    json_array_foreach (fresh->results, i, result)
        text = text ? text : identity_difference(first, result);
    return text;
}

char *side_build_difference(const struct side *s, const struct side *like)
{
    json_t *first = json_array_get(like->results, 0), *result;
    char *text = NULL;
    size_t i;

    json_array_foreach (s->results, i, result)
        text = text ? text : identity_build_difference(first, result);
    return text;
}

/* --- Did they take turns? --- */

/* Runs of one point that follow one another. */
static bool repeats(json_t *results)
{
    json_t *result;
    size_t i;

    json_array_foreach (results, i, result)
        if (json_integer_value(json_object_get(json_object_get(result, "scenario"), "repeat")) > 1)
            return true;
    return false;
}

bool side_alternate(const struct side *base, const struct side *fresh)
{
    size_t pairs = json_array_size(base->results);

    if (pairs != json_array_size(fresh->results) || repeats(base->results) ||
        repeats(fresh->results))
        return false;
    for (size_t i = 1; i < pairs; i++)
        if (strcmp(began(base->results, i - 1), began(fresh->results, i)) > 0 ||
            strcmp(began(fresh->results, i - 1), began(base->results, i)) > 0)
            return false;
    return true;
}
