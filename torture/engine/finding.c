/* Violations, as the threads of a runner report them. */
#include "thread.h"

#include <stdarg.h>
#include <stdio.h>

void torture_violation(struct instance *instance, struct torture_thread *t, unsigned check,
                       const char *format, ...)
{
    struct shared_check *c = &instance->checks[check];
    va_list arguments;

    atomic_fetch_add_explicit(&c->count, 1, memory_order_relaxed);
    if (atomic_exchange_explicit(&c->claimed, 1, memory_order_relaxed))
        return;
    c->ticks = clock_ticks();
    c->thread = t ? (int32_t)t->id : -1;
    atomic_store_explicit(&instance->shared->frozen, 1, memory_order_relaxed);
    va_start(arguments, format);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    va_end(arguments);
    /* Release: the report is whole before it is ready.
     * Pairs with: the acquire in view_findings(). Broken: the driver prints half a message. */
    atomic_store_explicit(&c->ready, 1, memory_order_release);
}
