/* The command line that runs the same again. */
#ifndef STILLPOINT_REPRO_H
#define STILLPOINT_REPRO_H

#include "torture/scenario/scenario.h"

/* All that decides what is run, but for the point, the seed and the duration; heap. */
char *repro_command(const char *program, const char *path, const struct override *overrides,
                    size_t override_count);
/* The whole line for one run; heap. */
char *repro_line(const char *command, json_t *point, bool repeated, int64_t seed, unsigned seconds);

#endif
