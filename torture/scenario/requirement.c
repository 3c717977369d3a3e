#include "requirement.h"

#include "scenario_parts.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *text)
{
    return text + strspn(text, " ");
}

bool requirement_read(json_t *value, struct requirement *r)
{
    const char *text = json_string_value(value), *of = " of ";
    char *rest;

    if (json_is_integer(value)) {
        *r = (struct requirement){REQUIRED_COUNT, (double)json_integer_value(value), NULL};
        return r->least >= 1 && r->least <= SEED_MAX;
    }
    if (!text || !strchr("0123456789.", *text))
        return false;
    *r = (struct requirement){REQUIRED_RATE, strtod(text, &rest), NULL};
    if (rest == text || !(r->least > 0 && r->least <= SEED_MAX))
        return false;
    if (strcmp(rest, "/s") == 0)
        return true;
    rest = (char *)skip_space(rest);
    r->kind = REQUIRED_SHARE;
    r->of = rest + 1 + strlen(of);
    return *rest == '%' && strncmp(rest + 1, of, strlen(of)) == 0 && *r->of &&
           strspn(r->of, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(r->of) &&
           r->least <= 100;
}
