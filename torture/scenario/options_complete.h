/* Options tables against a document: every value checked, every default filled in. */
#ifndef STILLPOINT_OPTIONS_COMPLETE_H
#define STILLPOINT_OPTIONS_COMPLETE_H

#include "document.h"
#include "torture/record/options.h"

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

/* Whether a directory may be called that without a surprise. */
bool is_directory_name(const char *name);
/* option_complete() of a name that becomes part of that of a directory. */
json_t *complete_directory_name(const struct option *option, json_t *given,
                                const struct document *doc, const char *pointer);

/* "1 to 64 threads", "100ms to 168h", or "" without limits; heap. */
char *option_range(const struct option *option);
/* The name of the type as documents say it: "whole number". */
const char *option_type_name(enum option_type type);

#endif
