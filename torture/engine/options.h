/* Options tables: one row per setting drives parsing, --set, messages, the JSON Schema, `list` and
 * the reference in docs/.
 */
#ifndef STILLPOINT_OPTIONS_H
#define STILLPOINT_OPTIONS_H

#include "diagnostics.h"

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
    const char *standard; /* the default, as it would be typed after --set key= */
    double min, max;      /* inclusive; durations in nanoseconds; both 0: no limit */
    const char *unit;     /* NULL when the value has none */
    const char *choices;  /* "event poll fqs adaptive" for OPTION_CHOICE */
    const char *help;     /* one sentence, no full stop */
};

/* Returns a new object that holds every option of the table: the given value where `given` has one
 * (which may be NULL), the default elsewhere. Durations stay strings. Every unknown key (with the
 * nearest name), wrong type and value out of range adds a line "WHERE: POINTER/key: ..." to d; then
 * NULL is returned. `where` is the file, `pointer` the JSON pointer of the object. */
json_t *options_complete(const struct option *table, json_t *given, const char *where,
                         const char *pointer, struct diagnostics *d);

/* Fills a struct from an object that options_complete() returned. */
void options_store(const struct option *table, json_t *complete, void *destination);

/* The row of that name, or NULL. */
const struct option *options_find(const struct option *table, const char *name);

/* "1500ms", "45s", "10m", "8h", "20us", "100ns", "2.5" (seconds) to nanoseconds; false if it is none. */
bool duration_parse(const char *text, int64_t *ns);
/* The shortest exact way to write it: "1500ms". `buffer` holds at least 32 bytes. */
const char *duration_format(int64_t ns, char *buffer);

/* The candidate (a NULL-ended list) nearest to a misspelt name, or NULL when none is near. */
const char *nearest_name(const char *name, const char *const *candidates);

#endif
