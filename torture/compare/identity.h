/* What a result is of: a machine, and a scenario; identity.c. */
#ifndef STILLPOINT_IDENTITY_H
#define STILLPOINT_IDENTITY_H

#include <jansson.h>

/* Why two results are no two measurements of the same: another machine, scenario or environment;
 * heap, or NULL. Seeds and repeats may differ. */
char *identity_difference(json_t *one, json_t *other);

/* Why two results are not of one build: another commit, compiler or flags; heap, or NULL. */
char *identity_build_difference(json_t *one, json_t *other);

/* Short texts that are equal where nothing differs; heap: "3f2a9c01", of a result's host, and
 * "quick 8b0c11d2", of a result's scenario, environment, and kind of build. */
char *identity_host(json_t *host);
char *identity_scenario(json_t *result);
/* The machine in words: "AMD EPYC, 2 CPUs, Linux 6.1"; heap. */
char *identity_machine(json_t *host);

#endif
