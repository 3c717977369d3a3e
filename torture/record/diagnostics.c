#include "diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diagnose(struct diagnostics *d, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line;
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    d->count++;
    if (length < 0)
        return;
    char *text = realloc(d->text, d->length + (size_t)length + 2);
    if (text) {
        memcpy(text + d->length, line, (size_t)length);
        d->length += (size_t)length;
        text[d->length++] = '\n';
        text[d->length] = '\0';
        d->text = text;
    }
    free(line);
}

void diagnostics_free(struct diagnostics *d)
{
    free(d->text);
    *d = (struct diagnostics){0};
}
