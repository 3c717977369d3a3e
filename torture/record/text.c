#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_format(const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (!text)
        abort();
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

char *text_append(char *text, const char *more)
{
    char *longer = text_format("%s%s", text, more);

    free(text);
    return longer;
}

char *text_printable(const char *text, size_t room)
{
    char *copy = strndup(text, room);

    if (!copy)
        abort();
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 127 || ((unsigned char)*c < 32 && *c != '\n'))
            *c = '?';
    return copy;
}
