/* Options tables at work while a document is read: completion with defaults, and messages. */
#include "options_complete.h"

#include "nearest_name.h"
#include "torture/record/duration.h"
#include "torture/record/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- What a row says ---------------------------------------------------------------------- */

const char *option_type_name(enum option_type type)
{
    static const char *const names[] = {
        [OPTION_BOOL] = "true or false", [OPTION_INT] = "whole number", [OPTION_REAL] = "number",
        [OPTION_DURATION] = "duration",  [OPTION_CHOICE] = "choice",    [OPTION_STRING] = "text",
    };
    return names[type];
}

static void limit_text(const struct option *option, double limit, char *buffer)
{
    if (option->type == OPTION_DURATION)
        duration_format((int64_t)limit, buffer);
    else if (option->type == OPTION_INT)
        snprintf(buffer, 32, "%.0f", limit);
    else
        snprintf(buffer, 32, "%g", limit);
}

static bool has_limits(const struct option *option)
{
    return option->min != 0 || option->max != 0;
}

char *option_range(const struct option *option)
{
    char low[32], high[32];
    bool with_unit = option->unit && option->type != OPTION_DURATION;
    const char *space = with_unit ? " " : "";
    const char *unit = with_unit ? option->unit : "";

    if (!has_limits(option))
        return text_format("%s", "");
    limit_text(option, option->min, low);
    limit_text(option, option->max, high);
    if (option->max < option->min)
        return text_format("at least %s%s%s", low, space, unit);
    return text_format("%s to %s%s%s", low, high, space, unit);
}

/* --- One value ---------------------------------------------------------------------------- */

struct place {
    const struct option *option;
    const struct document *doc;
    const char *pointer;
};

static bool within_limits(const struct place *at, double value, const char *shown)
{
    const struct option *option = at->option;

    if (!has_limits(option))
        return true;
    if (value >= option->min && (value <= option->max || option->max < option->min))
        return true;
    char *range = option_range(option);

    document_diagnose(at->doc, at->pointer, "%s is out of range (%s)", shown, range);
    free(range);
    return false;
}

static json_t *convert_bool(const struct place *at, json_t *given)
{
    if (!json_is_boolean(given))
        return document_wrong_type(at->doc, at->pointer, "true or false", given);
    return json_incref(given);
}

static json_t *convert_int(const struct place *at, json_t *given)
{
    char shown[32];
    double real = json_number_value(given);

    /* 1e3 is a whole number too. 2^63 is the first that int64_t does not hold. */
    if (!json_is_number(given) || real != floor(real) || fabs(real) > 0x1p63 ||
        (json_is_real(given) && fabs(real) == 0x1p63))
        return document_wrong_type(at->doc, at->pointer, "a whole number", given);
    json_int_t value = json_is_integer(given) ? json_integer_value(given) : (json_int_t)real;

    snprintf(shown, sizeof shown, "%" JSON_INTEGER_FORMAT, value);
    return within_limits(at, (double)value, shown) ? json_integer(value) : NULL;
}

static json_t *convert_real(const struct place *at, json_t *given)
{
    char shown[32];

    if (!json_is_number(given))
        return document_wrong_type(at->doc, at->pointer, "a number", given);
    snprintf(shown, sizeof shown, "%g", json_number_value(given));
    return within_limits(at, json_number_value(given), shown) ? json_incref(given) : NULL;
}

/* The nanoseconds of a JSON duration; false after a line in the diagnostics. */
static bool duration_value(const struct place *at, json_t *given, int64_t *ns)
{
    if (json_is_string(given)) {
        if (duration_parse(json_string_value(given), ns))
            return true;
        document_diagnose(at->doc, at->pointer, "\"%.60s\" is not a duration (45s, 10m, 8h)",
                          json_string_value(given));
        return false;
    }
    if (!json_is_number(given)) {
        document_wrong_type(at->doc, at->pointer, "a duration (45s, 10m, 8h)", given);
        return false;
    }
    double seconds = json_number_value(given);

    if (seconds < 0 || seconds > 9e9) {
        document_diagnose(at->doc, at->pointer, "%g seconds is not a duration", seconds);
        return false;
    }
    *ns = llround(seconds * 1e9);
    return true;
}

static json_t *convert_duration(const struct place *at, json_t *given)
{
    char shown[32];
    int64_t ns;

    if (!duration_value(at, given, &ns))
        return NULL;
    duration_format(ns, shown);
    return within_limits(at, (double)ns, shown) ? json_string(shown) : NULL;
}

static json_t *convert_choice(const struct place *at, json_t *given)
{
    const char *text = json_string_value(given);
    const char *choices = at->option->choices;
    char **list = option_choices(at->option);
    json_t *result = NULL;

    if (!text) {
        char *expected = text_format("one of: %s", choices);

        document_wrong_type(at->doc, at->pointer, expected, given);
        free(expected);
    } else {
        const char *near = nearest_name(text, (const char *const *)list);

        if (near && !strcmp(near, text))
            result = json_incref(given);
        else if (near)
            document_diagnose(at->doc, at->pointer,
                              "\"%.60s\" is none of: %s; did you mean \"%s\"?", text, choices,
                              near);
        else
            document_diagnose(at->doc, at->pointer, "\"%.60s\" is none of: %s", text, choices);
    }
    free(list);
    return result;
}

static json_t *convert_string(const struct place *at, json_t *given)
{
    if (!json_is_string(given))
        return document_wrong_type(at->doc, at->pointer, "a string", given);
    return json_incref(given);
}

json_t *option_complete(const struct option *option, json_t *given, const struct document *doc,
                        const char *pointer)
{
    static json_t *(*const convert[])(const struct place *, json_t *) = {
        [OPTION_BOOL] = convert_bool,     [OPTION_INT] = convert_int,
        [OPTION_REAL] = convert_real,     [OPTION_DURATION] = convert_duration,
        [OPTION_CHOICE] = convert_choice, [OPTION_STRING] = convert_string,
    };
    const struct place at = {option, doc, pointer};

    if (given)
        return convert[option->type](&at, given);
    if (option->default_text)
        return option_default(option);
    document_diagnose(doc, pointer, "missing (%s)", option->help);
    return NULL;
}

/* --- A whole object ----------------------------------------------------------------------- */

static const struct member *member_find(const struct member *members, const char *name)
{
    for (; members && members->name; members++)
        if (!strcmp(members->name, name))
            return members;
    return NULL;
}

/* The names of rows and members, NULL-ended; one free() releases all. */
static const char **known_names(const struct option *table, const struct member *members)
{
    size_t count = 0;

    for (const struct option *o = table; o->name; o++)
        count++;
    for (const struct member *m = members; m && m->name; m++)
        count++;
    const char **names = malloc((count + 1) * sizeof *names);

    if (!names)
        abort();
    count = 0;
    for (const struct option *o = table; o->name; o++)
        names[count++] = o->name;
    for (const struct member *m = members; m && m->name; m++)
        if (!options_find(table, m->name))
            names[count++] = m->name;
    names[count] = NULL;
    return names;
}

/* The complete value of one known key, or NULL; *known says whether the key was. */
static json_t *complete_key(const struct option *table, const struct member *members, void *context,
                            const char *key, json_t *given, const struct document *doc,
                            const char *pointer, bool *known)
{
    const struct member *member = member_find(members, key);
    const struct option *option = options_find(table, key);
    json_t *value = NULL;

    *known = member || option;
    char *at = pointer_member(pointer, key);

    if (member)
        value = member->complete(context, given, at);
    else if (option)
        value = option_complete(option, given, doc, at);
    free(at);
    return value;
}

/* Given keys first, in the order of the file, so that messages come in that order. */
static bool complete_given(const struct option *table, const struct member *members, void *context,
                           json_t *given, const struct document *doc, const char *pointer,
                           const char *const *names, json_t *values)
{
    bool good = true, known;
    const char *key;
    json_t *item;

    json_object_foreach (given, key, item) {
        json_t *value = complete_key(table, members, context, key, item, doc, pointer, &known);

        if (!known) {
            char *at = pointer_member(pointer, key);

            document_unknown_key(doc, at, key, names);
            free(at);
        }
        if (value)
            json_object_set_new(values, key, value);
        else
            good = false;
    }
    return good;
}

json_t *options_complete_members(const struct option *table, const struct member *members,
                                 void *context, json_t *given, const struct document *doc,
                                 const char *pointer)
{
    if (given && !json_is_object(given))
        return document_wrong_type(doc, pointer, "an object", given);

    const char **names = known_names(table, members);
    json_t *values = json_object(), *complete = json_object();
    bool known;
    bool good = complete_given(table, members, context, given, doc, pointer, names, values);

    for (const char **name = names; *name; name++) {
        json_t *value = json_incref(json_object_get(values, *name));

        if (!value && !json_object_get(given, *name)) {
            value = complete_key(table, members, context, *name, NULL, doc, pointer, &known);
            good = good && value;
        }
        if (value)
            json_object_set_new(complete, *name, value);
    }
    free(names);
    json_decref(values);
    if (good)
        return complete;
    json_decref(complete);
    return NULL;
}

json_t *options_complete(const struct option *table, json_t *given, const char *where,
                         const char *pointer, struct diagnostics *d)
{
    const struct document doc = {.file = where, .d = d};

    return options_complete_members(table, NULL, NULL, given, &doc, pointer);
}

bool is_directory_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '/' || *c == 127)
            return false;
    return *name && *name != '.' && strlen(name) <= 64;
}

json_t *complete_directory_name(const struct option *option, json_t *given,
                                const struct document *doc, const char *pointer)
{
    json_t *value = option_complete(option, given, doc, pointer);
    const char *name = json_string_value(value);

    if (!name || is_directory_name(name))
        return value;
    document_diagnose(doc, pointer,
                      "a name becomes part of a directory: 1 to 64 letters, no slash, no space and "
                      "no dot in front");
    json_decref(value);
    return NULL;
}
