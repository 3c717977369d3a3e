/* A JSON document that is being read, and messages that name the place in it. */
#ifndef STILLPOINT_DOCUMENT_H
#define STILLPOINT_DOCUMENT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

/* A document being read: where its values came from, and where complaints about them go. */
struct document {
    const char *file;
    json_t *overridden; /* [["/pointer", "--set key=value"], ...], the last one wins; NULL: none */
    struct diagnostics *d;
    json_t *part; /* members that lie at `place` in the file, and not at its top; NULL: none */
    char place[32];
};

/* document_read.c: the object that a file holds, or NULL with a line in d. */
json_t *document_read(const char *path, struct diagnostics *d);
/* The same, of what the program wrote: it may be larger. */
json_t *document_read_result(const char *path, struct diagnostics *d);

/* The file, or the --set that replaced the value at the pointer or one that holds it. */
const char *document_source(const struct document *doc, const char *pointer);
/* Appends "SOURCE: POINTER: ..." to the document's diagnostics. */
void document_diagnose(const struct document *doc, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a key that nobody knows, with the nearest of the NULL-ended names. */
void document_unknown_key(const struct document *doc, const char *pointer, const char *key,
                          const char *const *names);
/* The same for a value of the wrong type: "expected EXPECTED, found ...". Returns NULL. */
json_t *document_wrong_type(const struct document *doc, const char *pointer, const char *expected,
                            json_t *found);

/* A text of an object; "" when it has none of that name. */
const char *document_text(json_t *object, const char *key);

/* The pointer to a member or an element of what `pointer` points to; heap. */
char *pointer_member(const char *pointer, const char *key);
char *pointer_element(const char *pointer, size_t index);
/* Whether what `pointer` points to is, or lies in, what `holder` points to. */
bool pointer_within(const char *pointer, const char *holder);

#endif
