/* Options tables: one row per setting drives parsing, --set, messages, the JSON Schema, `list` and
 * the reference in docs/. Here is what both processes need of them; scenario/options_complete.h has
 * the checks and messages.
 */
#ifndef STILLPOINT_OPTIONS_H
#define STILLPOINT_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define OPTION_OTHER_CPUS "CPUs - 1"

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
    size_t offset; /* of the field in the struct that options_store() fills */
    /* The default, as it would be typed after --set key=; NULL: required, or, of a flavor's
     * setting, what flavor_default_settings() stores. OPTION_OTHER_CPUS, of an OPTION_INT: all
     * CPUs that may be used but one, and at least 1. */
    const char *default_text;
    double min, max;  /* inclusive; durations in nanoseconds; both 0: no limit; max < min: none */
    const char *unit; /* NULL when the value has none */
    const char *choices; /* "event poll fqs adaptive" for OPTION_CHOICE */
    const char *help;    /* one sentence, no full stop */
    /* OPTION_DURATION: how many times as long a thread may get nowhere, itself or behind another,
     * without a fault of anybody's; 0: it is not kept. */
    unsigned stays;
    const char
        *stayers; /* with stays: the OPTION_INT of how many do; NULL: there are always some */
    size_t size;  /* of the field of an OPTION_INT that is unsigned; 0: an int64_t */
    /* Capabilities: for a flavor that lacks one it is 0, or false, unless it was set by hand. What
     * needs_by_params says of it decides whether it matters. */
    unsigned needs;
};

/* Fills a struct from an object that options_complete() returned; the default where it lacks an
 * option. Without a default the field stays as it is. */
void options_store(const struct option *table, json_t *complete, void *destination);

/* What a field of a struct holds, as default_text would put it; heap. */
char *option_stored_text(const struct option *option, const void *from);
/* Whether the default depends on the machine. */
bool option_default_varies(const struct option *option);
/* The default of a row as JSON; not of a required one. */
json_t *option_default(const struct option *option);
/* The row of that name, or NULL. */
const struct option *options_find(const struct option *table, const char *name);

/* The index of a word of OPTION_CHOICE; -1: it is none. */
int option_choice(const struct option *option, const char *text);
/* The words of a choices list as a NULL-ended heap array; one free() releases all. */
char **option_choices(const struct option *option);

#endif
