/* Options tables: one row per setting drives parsing, --set, messages, the JSON Schema, `list` and
 * the reference in docs/.
 */
#ifndef STILLPOINT_OPTIONS_H
#define STILLPOINT_OPTIONS_H

#include "torture/scenario/document.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum option_type {
    OPTION_BOOL,     /* bool */
    OPTION_INT,      /* int64_t */
    OPTION_REAL,     /* double */
    OPTION_DURATION, /* int64_t nanoseconds; "10ms" in JSON, a bare number means seconds */
    OPTION_CHOICE,   /* int: index into choices */
    OPTION_STRING,   /* const char *, owned by the JSON value it was read from */
};

struct option {
    const char *name; /* NULL ends a table */
    enum option_type type;
    size_t offset;        /* of the field in the struct that options_store() fills */
    const char *standard; /* the default, as it would be typed after --set key=; NULL: required */
    double min, max;  /* inclusive; durations in nanoseconds; both 0: no limit; max < min: none */
    const char *unit; /* NULL when the value has none */
    const char *choices; /* "event poll fqs adaptive" for OPTION_CHOICE */
    const char *help;    /* one sentence, no full stop */
};

/* Returns a new object that holds every option of the table: the given value where `given` has one
 * (which may be NULL), the default elsewhere. Durations stay strings, in the shortest form. Every
 * unknown key (with the nearest name), wrong type and value out of range adds a line "WHERE:
 * POINTER/key: ..." to d; then NULL is returned. `where` is the file, `pointer` the JSON pointer of
 * the object. */
json_t *options_complete(const struct option *table, json_t *given, const char *where,
                         const char *pointer, struct diagnostics *d);

/* A key of an object that needs more than a row of a table. A member that has the name of a row
 * replaces what would be done with that row. */
struct member {
    const char *name; /* NULL ends the list */
    /* Returns the complete value (a new reference), or NULL after a line in the diagnostics.
     * `given` is NULL when the key is absent. */
    json_t *(*complete)(void *context, json_t *given, const char *pointer);
};

/* options_complete() for an object that has members (NULL: none) besides the options. */
json_t *options_complete_members(const struct option *table, const struct member *members,
                                 void *context, json_t *given, const struct document *doc,
                                 const char *pointer);
/* One value (NULL: absent, so the default) in its complete form, or NULL after a line in the
 * diagnostics. */
json_t *option_complete(const struct option *option, json_t *given, const struct document *doc,
                        const char *pointer);

/* Fills a struct from an object that options_complete() returned; the default where it lacks an
 * option. */
void options_store(const struct option *table, json_t *complete, void *destination);

/* The row of that name, or NULL. */
const struct option *options_find(const struct option *table, const char *name);

/* "1 to 64 threads", "100ms to 168h", or "" without limits; heap. */
char *option_range(const struct option *option);
/* The name of the type as documents say it: "whole number". */
const char *option_type_name(enum option_type type);
/* The words of a choices list as a NULL-ended heap array; one free() releases all. */
char **option_choices(const struct option *option);

/* "1500ms", "45s", "10m", "8h", "20us", "100ns", "2.5" (seconds) to nanoseconds; false if it is
 * none. */
bool duration_parse(const char *text, int64_t *ns);
/* The shortest exact way to write it: "1500ms". `buffer` holds at least 32 bytes. */
const char *duration_format(int64_t ns, char *buffer);

#endif
