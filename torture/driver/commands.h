/* The commands of the program, as the command line has filled in their arguments. */
#ifndef STILLPOINT_COMMANDS_H
#define STILLPOINT_COMMANDS_H

#include "driver.h"
#include "night.h"

/* What the options of all commands set. */
struct arguments {
    struct driver_options run;
    struct night_options night;
    enum progress_mode progress;
    bool quiet;
    struct override *overrides;
    const char *positional; /* the first, or NULL */
    char **positionals;
    size_t positional_count;
    bool takes_several;
    const char *synthetic;
    bool json, schema, markdown;
};

/* Each returns an exit code; what went wrong is in d. */
int command_run(struct arguments *a, struct diagnostics *d);
int command_list(struct arguments *a, struct diagnostics *d);
int command_validate(struct arguments *a, struct diagnostics *d);
int command_topology(struct arguments *a, struct diagnostics *d);
int command_plot(struct arguments *a, struct diagnostics *d);
int command_salvage(struct arguments *a, struct diagnostics *d);

#endif
