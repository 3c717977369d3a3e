#include "thread.h"

#include "torture/record/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void torture_give_up(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(EXIT_CODE_USAGE);
}

void torture_spin(uint64_t ns)
{
    uint64_t start = clock_ticks(), length = clock_ns_to_ticks(ns);

    while (clock_ticks() - start < length)
        ;
}

void torture_sleep(struct torture_thread *t, uint64_t ns)
{
    if (ns > 0 && torture_running(t))
        shared_wait(&t->header->stop, 0, (int64_t)ns);
}
