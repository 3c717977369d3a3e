#include "requirement.h"

#include "scenario_parts.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *text)
{
    return text + strspn(text, " ");
}

/* Reads a number that asks for something. Returns what follows it, or NULL. */
static const char *after_number(const char *text, double *number)
{
    char *rest;

    if (!text || !strchr("0123456789.", *text))
        return NULL;
    *number = strtod(text, &rest);
    return rest != text && *number > 0 && *number <= SEED_MAX ? rest : NULL;
}

bool requirement_read(json_t *value, struct requirement *r)
{
    const char *of = " of ", *rest;

    if (json_is_integer(value)) {
        *r = (struct requirement){REQUIRED_COUNT, (double)json_integer_value(value), NULL};
        return r->least >= 1 && r->least <= SEED_MAX;
    }
    *r = (struct requirement){.kind = REQUIRED_RATE};
    rest = after_number(json_string_value(value), &r->least);
    if (!rest || strcmp(rest, "/s") == 0)
        return rest;
    rest = skip_space(rest);
    r->kind = REQUIRED_SHARE;
    r->of = rest + 1 + strlen(of);
    return *rest == '%' && strncmp(rest + 1, of, strlen(of)) == 0 && *r->of &&
           strspn(r->of, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(r->of) &&
           r->least <= 100;
}

bool floor_read(json_t *value, double *percent)
{
    const char *rest = after_number(json_string_value(value), percent);

    return rest && strcmp(skip_space(rest), "%") == 0 && *percent <= 100;
}
