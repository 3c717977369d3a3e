/* What a flavor can do: its runner is started once, and asked. */
#ifndef STILLPOINT_FLAVOR_DESCRIBE_H
#define STILLPOINT_FLAVOR_DESCRIBE_H

#include "torture/record/diagnostics.h"
#include "torture/record/workload.h"

#include <jansson.h>

/* What a flavor's runner says about itself (`runner-NAME --describe`). */
struct flavor_description {
    char *name;
    unsigned capabilities;
    unsigned missing; /* capabilities that it would have on another machine; none of the above */
    struct option *settings; /* table of the "library" object, NULL-name-ended, heap */
    json_t *json;            /* the whole description, owner of the strings */
};

/* Finds the flavor's runner and asks it. NULL with a line in d ("no runner for flavor ..."). The
 * result is cached and lives until the program ends. */
const struct flavor_description *flavor_describe(const char *name, struct diagnostics *d);

/* Why this machine does not offer capability number `bit`: a line, or NULL when it is not
 * `missing`. */
const char *flavor_missing_reason(const struct flavor_description *description, unsigned bit);

#endif
