#include "environment.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool own;
    const char *values; /* separated by spaces; NULL: any */
} variables[] = {
    {.name = "STILLPOINT_RUNNERS", .own = true},
    {.name = "STILLPOINT_FENCE", .own = true, .values = "full"},
    {.name = "STILLPOINT_KVM_KICK", .own = true, .values = "signal-mask immediate-exit"},
    {.name = "STILLPOINT_KVM_GUEST", .own = true, .values = "real long"},
    {.name = "HWLOC_XMLFILE"},
    {.name = "HWLOC_SYNTHETIC"},
    {.name = "HWLOC_FSROOT"},
    {.name = "LD_PRELOAD"},
    {.name = "LD_LIBRARY_PATH"},
    {.name = "GLIBC_TUNABLES"},
    {.name = "ASAN_OPTIONS"},
    {.name = "TSAN_OPTIONS"},
    {.name = "UBSAN_OPTIONS"},
};
#define VARIABLE_COUNT (sizeof variables / sizeof *variables)

/* NULL when it is not set, or to nothing. */
static const char *value_of(size_t i)
{
    const char *value = getenv(variables[i].name);

    return value && *value ? value : NULL;
}

static bool is_among(const char *value, const char *values)
{
    size_t length = strlen(value);

    for (const char *at = values; (at = strstr(at, value)); at += length)
        if ((at == values || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

json_t *environment_describe(void)
{
    json_t *set = json_object();

    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *value = value_of(i);
        json_t *text = value ? json_string(value) : NULL;

        if (value)
            json_object_set_new(set, variables[i].name, text ? text : json_string("(not UTF-8)"));
    }
    return set;
}

bool environment_check(struct diagnostics *d)
{
    bool good = true;

    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *value = value_of(i);

        if (!value || !variables[i].values || is_among(value, variables[i].values))
            continue;
        diagnose(d, "%s=%s: unknown value; known: %s", variables[i].name, value,
                 variables[i].values);
        good = false;
    }
    return good;
}

const char *environment_own(size_t i)
{
    return i < VARIABLE_COUNT && variables[i].own ? variables[i].name : NULL;
}
