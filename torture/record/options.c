/* Options tables at work where a config is complete already: look-ups, and storing into structs. */
#include "options.h"

#include "cpus.h"
#include "duration.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char **option_choices(const struct option *option)
{
    const char *choices = option->choices ? option->choices : "";
    size_t length = strlen(choices);
    /* Room for the pointers of the worst case, one letter a word, and a copy of the text. */
    size_t slots = length / 2 + 2;
    char **list = malloc(slots * sizeof *list + length + 1);

    if (!list)
        abort();
    char *text = memcpy((char *)(list + slots), choices, length + 1);
    size_t count = 0;
    char *rest;

    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        list[count++] = word;
    list[count] = NULL;
    return list;
}

const struct option *options_find(const struct option *table, const char *name)
{
    for (; table->name; table++)
        if (!strcmp(table->name, name))
            return table;
    return NULL;
}

bool option_default_varies(const struct option *option)
{
    return option->default_text && strcmp(option->default_text, OPTION_OTHER_CPUS) == 0;
}

static int64_t other_cpus(void)
{
    int cpus = cpus_allowed();

    return cpus > 1 ? cpus - 1 : 1;
}

/* The text is the table's own, so it is not checked again. */
json_t *option_default(const struct option *option)
{
    int64_t ns = 0;
    char buffer[32];

    switch (option->type) {
    case OPTION_BOOL:
        return json_boolean(!strcmp(option->default_text, "true"));
    case OPTION_INT:
        return json_integer(
            option_default_varies(option) ? other_cpus() : strtoll(option->default_text, NULL, 10));
    case OPTION_REAL:
        return json_real(strtod(option->default_text, NULL));
    case OPTION_DURATION:
        duration_parse(option->default_text, &ns);
        return json_string(duration_format(ns, buffer));
    case OPTION_CHOICE:
    case OPTION_STRING:
        break;
    }
    return json_string(option->default_text);
}

int option_choice(const struct option *option, const char *text)
{
    char **list = option_choices(option);
    int found = -1;

    for (int i = 0; text && list[i] && found < 0; i++)
        if (strcmp(list[i], text) == 0)
            found = i;
    free(list);
    return found;
}

static int stored_choice(const struct option *option, json_t *value)
{
    int choice = option_choice(option, json_string_value(value));

    return choice < 0 ? 0 : choice;
}

static int64_t stored_duration(json_t *value)
{
    int64_t ns = 0;

    duration_parse(json_string_value(value), &ns);
    return ns;
}

static void store_integer(const struct option *option, int64_t value, void *field)
{
    if (option->size == sizeof(unsigned))
        *(unsigned *)field = (unsigned)value;
    else if (option->size == sizeof(unsigned long))
        *(unsigned long *)field = (unsigned long)value;
    else
        *(int64_t *)field = value;
}

static int64_t stored_integer(const struct option *option, const void *field)
{
    if (option->size == sizeof(unsigned))
        return *(const unsigned *)field;
    if (option->size == sizeof(unsigned long))
        return (int64_t) * (const unsigned long *)field;
    return *(const int64_t *)field;
}

static void option_store(const struct option *option, json_t *value, void *destination)
{
    void *field = (char *)destination + option->offset;

    switch (option->type) {
    case OPTION_BOOL:
        *(bool *)field = json_is_true(value);
        break;
    case OPTION_INT:
        store_integer(option, json_integer_value(value), field);
        break;
    case OPTION_REAL:
        *(double *)field = json_number_value(value);
        break;
    case OPTION_DURATION:
        *(int64_t *)field = stored_duration(value);
        break;
    case OPTION_CHOICE:
        *(int *)field = stored_choice(option, value);
        break;
    case OPTION_STRING:
        *(const char **)field = json_string_value(value);
        break;
    }
}

/* A default string is the table's own, not that of a JSON value that is about to go. */
static void option_store_default(const struct option *option, void *destination)
{
    if (!option->default_text)
        return;
    if (option->type == OPTION_STRING) {
        *(const char **)((char *)destination + option->offset) = option->default_text;
    } else {
        json_t *value = option_default(option);

        option_store(option, value, destination);
        json_decref(value);
    }
}

void options_store(const struct option *table, json_t *complete, void *destination)
{
    for (; table->name; table++) {
        json_t *value = json_object_get(complete, table->name);

        if (value)
            option_store(table, value, destination);
        else
            option_store_default(table, destination);
    }
}

static char *choice_text(const struct option *option, int index)
{
    char **list = option_choices(option);
    char *text = text_format("%s", list[index]);

    free(list);
    return text;
}

char *option_stored_text(const struct option *option, const void *from)
{
    const void *field = (const char *)from + option->offset;
    char buffer[32];

    switch (option->type) {
    case OPTION_BOOL:
        return text_format("%s", *(const bool *)field ? "true" : "false");
    case OPTION_INT:
        return text_format("%" PRId64, stored_integer(option, field));
    case OPTION_REAL:
        return text_format("%g", *(const double *)field);
    case OPTION_DURATION:
        return text_format("%s", duration_format(*(const int64_t *)field, buffer));
    case OPTION_CHOICE:
        return choice_text(option, *(const int *)field);
    case OPTION_STRING:
        break;
    }
    return text_format("%s", *(const char *const *)field);
}
