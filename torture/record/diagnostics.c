#include "diagnostics.h"

#include "refusal.h"

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

void diagnose_refused(struct diagnostics *d, int error, const char *call, const char *format, ...)
{
    const char *remedy = refusal_remedy(error, call);
    va_list arguments;
    char *what;

    va_start(arguments, format);
    if (vasprintf(&what, format, arguments) < 0)
        what = NULL;
    va_end(arguments);
    diagnose(d, "%s: %s: %s%s%s", what ? what : "", call, strerror(error), remedy ? "; " : "",
             remedy ? remedy : "");
    d->refused = d->refused || remedy;
    free(what);
}

void diagnostics_merge(struct diagnostics *to, struct diagnostics *from)
{
    for (const char *lines = from->text; lines && *lines; lines += strcspn(lines, "\n") + 1) {
        char *line = strndup(lines, strcspn(lines, "\n"));

        if (line && (!to->text || !strstr(to->text, line)))
            diagnose(to, "%s", line);
        free(line);
    }
    to->refused = to->refused || from->refused;
    diagnostics_free(from);
}

void diagnostics_free(struct diagnostics *d)
{
    free(d->text);
    *d = (struct diagnostics){0};
}
