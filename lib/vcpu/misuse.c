/* What the program did wrong. */
#include "vcpu/misuse.h"

#include "sync/platform.h"

#include <stdarg.h>
#include <stdio.h>

void vcpu_misuse(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    platform_fail(text);
}
