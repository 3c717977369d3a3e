/* Messages about a document: which file, which place in it, which name was probably meant. */
#include "document.h"

#include "nearest_name.h"
#include "torture/record/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pointer_within(const char *pointer, const char *holder)
{
    size_t length = strlen(holder);

    return !strncmp(pointer, holder, length) && (!pointer[length] || pointer[length] == '/');
}

const char *document_source(const struct document *doc, const char *pointer)
{
    for (size_t i = json_array_size(doc->overridden); i-- > 0;) {
        json_t *entry = json_array_get(doc->overridden, i);

        if (pointer_within(pointer, json_string_value(json_array_get(entry, 0))))
            return json_string_value(json_array_get(entry, 1));
    }
    return doc->file;
}

/* Before the pointer, where it leads to a member of the part. */
static const char *place_of(const struct document *doc, const char *pointer)
{
    const char *key;
    json_t *value;

    json_object_foreach (doc->part, key, value) {
        char *member = pointer_member("", key);
        bool within = pointer_within(pointer, member);

        free(member);
        if (within)
            return doc->place;
    }
    return "";
}

void document_diagnose(const struct document *doc, const char *pointer, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diagnose(doc->d, "%s: %s%s%s%s", document_source(doc, pointer), place_of(doc, pointer), pointer,
             *pointer ? ": " : "", message);
}

void document_unknown_key(const struct document *doc, const char *pointer, const char *key,
                          const char *const *names)
{
    const char *near = nearest_name(key, names);

    if (near)
        document_diagnose(doc, pointer, "unknown key; did you mean \"%s\"?", near);
    else
        document_diagnose(doc, pointer, "unknown key");
}

/* What a value is, for "found ...": "the string \"x\"", "12", "an array". */
static const char *found_text(json_t *value, char *buffer, size_t size)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    if (!json_is_string(value) && !json_is_number(value))
        return names[json_typeof(value)];

    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));

    snprintf(buffer, size, "%s%.60s", json_is_string(value) ? "the string " : "",
             text ? text : "?");
    free(text);
    return buffer;
}

json_t *document_wrong_type(const struct document *doc, const char *pointer, const char *expected,
                            json_t *found)
{
    char buffer[128];

    document_diagnose(doc, pointer, "expected %s, found %s", expected,
                      found_text(found, buffer, sizeof buffer));
    return NULL;
}

char *pointer_member(const char *pointer, const char *key)
{
    size_t length = strlen(pointer);
    char *result = malloc(length + 2 * strlen(key) + 2);

    if (!result)
        abort();
    memcpy(result, pointer, length);
    char *p = result + length;

    for (*p++ = '/'; *key; key++) {
        if (*key == '~' || *key == '/') {
            *p++ = '~';
            *p++ = *key == '~' ? '0' : '1';
        } else {
            *p++ = *key;
        }
    }
    *p = '\0';
    return result;
}

char *pointer_element(const char *pointer, size_t index)
{
    return text_format("%s/%zu", pointer, index);
}

const char *document_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}
