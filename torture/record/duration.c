/* Durations as people type them. Integers throughout: what is written is what is meant. */
#include "duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Largest first, as duration_format() wants them. */
static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"h", 3600 * INT64_C(1000000000)},
    {"m", 60 * INT64_C(1000000000)},
    {"s", INT64_C(1000000000)},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* The nanoseconds of a unit; a bare number means seconds. 0 for what is no unit. */
static int64_t unit_ns(const char *name)
{
    if (!*name)
        name = "s";
    for (int i = 0; i < UNIT_COUNT; i++)
        if (!strcmp(units[i].name, name))
            return units[i].ns;
    return 0;
}

/* Reads digits, at most `limit` of them; false on overflow, or when there is none. */
static bool digits_parse(const char **text, int64_t *value, int *count)
{
    const char *start = *text;
    const char *p = start;

    for (*value = 0; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(*value, INT64_C(10), value) ||
            __builtin_add_overflow(*value, (int64_t)(*p - '0'), value))
            return false;
    *count = (int)(p - start);
    *text = p;
    return p > start;
}

bool duration_parse(const char *text, int64_t *ns)
{
    int64_t whole, fraction = 0, divisor = 1, total;
    int count;

    if (!digits_parse(&text, &whole, &count))
        return false;
    if (*text == '.') {
        text++;
        if (!digits_parse(&text, &fraction, &count))
            return false;
        while (count-- > 0)
            divisor *= 10;
    }
    int64_t unit = unit_ns(text);

    if (!unit || __builtin_mul_overflow(whole, unit, &total))
        return false;
    if (__builtin_mul_overflow(fraction, unit, &fraction) || fraction % divisor)
        return false;
    if (__builtin_add_overflow(total, fraction / divisor, &total))
        return false;
    *ns = total;
    return true;
}

const char *duration_format(int64_t ns, char *buffer)
{
    const struct unit *unit = units;

    if (!ns)
        unit = &units[2];
    while (ns % unit->ns)
        unit++;
    snprintf(buffer, 32, "%" PRId64 "%s", ns / unit->ns, unit->name);
    return buffer;
}
