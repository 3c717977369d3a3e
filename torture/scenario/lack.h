/* What a run config asks for and a flavor, or this machine, does not offer. */
#ifndef STILLPOINT_LACK_H
#define STILLPOINT_LACK_H

#include "flavor_describe.h"

/* Why the flavor cannot run this config (heap), or NULL; *here: on another machine it could. */
char *config_objection(json_t *config, const struct flavor_description *description, bool *here);
/* Capabilities that no machine would give the flavor. */
unsigned capabilities_lacking(const struct flavor_description *description);
/* What the values of its options make a workload of a run config need. */
unsigned workload_params_need(const struct workload *workload, json_t *item);
/* Why the values of its options make no run, or NULL. */
const char *workload_refusal(const struct workload *workload, json_t *item);
/* Why values of options make no run, whatever the flavor and the machine (heap), or NULL. */
char *config_refusal(json_t *config);

#endif
