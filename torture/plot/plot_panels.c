/* Which points of a sweep are lines of one panel, and which are panels beside each other.
 *
 * Few points are lines of one panel. A sweep of several settings has a line for each value of one,
 * the policy where that is swept, and a panel for each combination of the others. Too many lines
 * that nothing divides have a panel each, with the others behind it in grey.
 */
#include "plot_data.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 8 }; /* in one panel: as many as there are colours */

/* The settings whose lines people compare, the first choice first; else the one swept last. */
static const char *const compared[] = {"library.gp_policy", "flavor"};

static json_t *value_at(struct point *p, const char *key)
{
    return json_object_get(json_object_get(json_array_get(p->runs, 0), "point"), key);
}

static json_t *values_of(struct drawing *g, const char *key)
{
    json_t *values = json_array(), *known;
    size_t at;

    for (size_t i = 0; i < g->count; i++) {
        json_t *value = value_at(&g->points[i], key);
        bool new = value != NULL;

        json_array_foreach (values, at, known)
            new = new && !json_equal(known, value);
        if (new)
            json_array_append(values, value);
    }
    return values;
}

static size_t values_count(struct drawing *g, const char *key)
{
    json_t *values = values_of(g, key);
    size_t count = json_array_size(values);

    json_decref(values);
    return count;
}

/* The key whose values are lines; NULL: none makes two to LINES_MAX of them. */
static const char *line_key(struct drawing *g, bool *is_compared)
{
    json_t *point = json_object_get(json_array_get(g->points[0].runs, 0), "point"), *value;
    const char *key, *last = NULL;

    *is_compared = true;
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        size_t count = values_count(g, compared[i]);

        if (count >= 2 && count <= LINES_MAX)
            return compared[i];
    }
    *is_compared = false;
    json_object_foreach (point, key, value) {
        size_t count = values_count(g, key);

        if (count >= 2 && count <= LINES_MAX)
            last = key;
    }
    return last;
}

static char *plain_text(json_t *value)
{
    return json_is_string(value)
               ? strdup(json_string_value(value))
               : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
}

/* The point without one key ("": with all): "long_readers=3  long_section=1ms"; heap. */
static char *title_without(struct point *p, const char *without)
{
    json_t *point = json_object_get(json_array_get(p->runs, 0), "point"), *value;
    const char *key, *separator = "";
    char *title = NULL;
    size_t size;
    FILE *out = open_memstream(&title, &size);

    if (!out)
        return NULL;
    json_object_foreach (point, key, value) {
        char *text;

        if (strcmp(key, without) == 0)
            continue;
        text = plain_text(value);
        fprintf(out, "%s%s=%s", separator, plot_short_key(key), text ? text : "?");
        separator = "  ";
        free(text);
    }
    return fclose(out) == 0 ? title : NULL;
}

/* The number of a name in a list, where it is added if it is new; takes the name. */
static size_t number_of(char **list, size_t *count, char *name)
{
    size_t i = 0;

    while (i < *count && strcmp(list[i], name) != 0)
        i++;
    if (i < *count)
        free(name);
    else
        list[(*count)++] = name;
    return i;
}

static void divide_by(struct drawing *g, const char *key)
{
    for (size_t i = 0; i < g->count; i++) {
        struct point *p = &g->points[i];
        char *title = title_without(p, key), *name = plain_text(value_at(p, key));

        p->panel = number_of(g->panels, &g->panel_count, title ? title : strdup("?"));
        p->line = number_of(g->lines, &g->line_count, name ? name : strdup("?"));
    }
}

/* Panels of one setting are a row of up to four; of two, a row for each value of the outer one. */
static size_t columns_of(struct drawing *g, const char *key)
{
    json_t *point = json_object_get(json_array_get(g->points[0].runs, 0), "point"), *value;
    const char *other, *last = NULL;
    size_t others = 0, inner;

    json_object_foreach (point, other, value)
        if (key && strcmp(other, key) != 0 && values_count(g, other) > 1) {
            others++;
            last = other;
        }
    inner = others > 1 ? values_count(g, last) : 0;
    if (inner >= 2 && inner <= 4 && g->panel_count % inner == 0) {
        g->grid = others == 2;
        return inner;
    }
    return g->panel_count <= 1 ? 1 : g->panel_count <= 4 ? 2 : g->panel_count <= 9 ? 3 : 4;
}

void plot_lay_out(struct drawing *g)
{
    bool is_compared;
    const char *key = g->count > 0 ? line_key(g, &is_compared) : NULL;

    if (key && (g->count > LINES_MAX || is_compared) && g->count > values_count(g, key)) {
        divide_by(g, key);
        g->key = key;
    } else {
        g->alone = g->count > LINES_MAX;
        for (size_t i = 0; i < g->count; i++) {
            g->points[i].panel = g->alone ? i : 0;
            g->points[i].line = g->alone ? 0 : i;
        }
        for (size_t i = 0; g->alone && i < g->count; i++)
            g->panels[g->panel_count++] = title_without(&g->points[i], "");
        g->panel_count += !g->alone;
        key = NULL;
    }
    g->columns = columns_of(g, key);
}

void plot_free_layout(struct drawing *g)
{
    for (size_t i = 0; i < g->panel_count; i++)
        free(g->panels[i]);
    for (size_t i = 0; i < g->line_count; i++)
        free(g->lines[i]);
}
