/* The warning of a grace period that lasts long.
 *
 * Its leader gives it, when it looks at the readers anyway, and otherwise from its sleep. What is
 * written to may be slow, and whom it waits for may want the registry lock: it is let go first.
 */
#include "long_wait.h"

#include "grace_period.h"
#include "registry.h"
#include "settings.h"

#include "sync/platform.h"

#include <stdarg.h>
#include <stdio.h>

#define NAMED 8

static rcu_warning_handler *_Atomic handler;

void rcu_set_warning_handler(rcu_warning_handler *new_handler)
{
    /* Orders: STORE of what the handler uses -> STORE handler (release).
     * Pairs with: warn(), LOAD handler (acquire).
     * Broken: the handler runs on what was there before. */
    atomic_store_explicit(&handler, new_handler, memory_order_release);
}

static void warn(const char *line)
{
    /* Orders: LOAD handler (acquire) -> accesses of the handler.
     * Pairs with: rcu_set_warning_handler(), STORE handler (release).
     * Broken: the handler runs on what was there before. */
    rcu_warning_handler *now = atomic_load_explicit(&handler, memory_order_acquire);

    if (now)
        now(line);
    else
        platform_warn(line);
}

int64_t rcu_warning_due_ns(struct grace_period *g)
{
    int64_t after = tuned(warn_after_ns), due;

    if (g->warned || after == 0)
        return INT64_MAX;
    due = after - rcu_age_ns(g);
    return due > 0 ? due : 0;
}

/* As snprintf() behind what is there; what there is no room for is left out. */
static size_t add(char *text, size_t room, size_t length, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static size_t add(char *text, size_t room, size_t length, const char *format, ...)
{
    va_list arguments;
    int more;

    va_start(arguments, format);
    more = vsnprintf(text + length, room - length, format, arguments);
    va_end(arguments);
    if (more < 0)
        return length;
    return length + (size_t)more < room ? length + (size_t)more : room - 1;
}

void rcu_warn_of_long_wait(struct grace_period *g)
{
    int64_t ms = rcu_age_ns(g) / 1000000;
    int thread_ids[NAMED];
    struct rcu_link *l, *after;
    unsigned count = 0;
    char text[512];
    size_t length = 0;

    g->warned = true;
    list_for_each (l, after, &rcu_registry.pending) {
        if (count < NAMED)
            thread_ids[count] = reader_of(l)->thread_id;
        count++;
    }
    if (count == 0)
        return;
    platform_mutex_unlock(&rcu_registry.lock);
    length = add(text, sizeof text, length,
                 "a grace period has lasted for %lld.%02lld s; in its way %s in a read section or "
                 "online:",
                 (long long)(ms / 1000), (long long)(ms % 1000 / 10),
                 count == 1 ? "is a thread" : "are threads");
    for (unsigned i = 0; i < count && i < NAMED; i++) {
        char name[32];

        platform_thread_name(thread_ids[i], name, sizeof name);
        length = add(text, sizeof text, length, "%s %d (%s)", i == 0 ? "" : ",", thread_ids[i],
                     name[0] ? name : "of no name now");
    }
    if (count > NAMED)
        add(text, sizeof text, length, " and %u more", count - NAMED);
    warn(text);
    platform_mutex_lock(&rcu_registry.lock);
}
