/* The JSON Schema of a scenario, made from the tables. */
#ifndef STILLPOINT_SCHEMA_H
#define STILLPOINT_SCHEMA_H

#include <jansson.h>

json_t *scenario_schema(void);

#endif
