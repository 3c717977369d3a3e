/* The commands of the program, as the command line has filled in their arguments. */
#ifndef STILLPOINT_COMMANDS_H
#define STILLPOINT_COMMANDS_H

#include "command_show.h"
#include "driver.h"
#include "night.h"
#include "torture/compare/history.h"

struct compare_arguments {
    double margin; /* 0.02: 2 % */
    const char **metrics;
    size_t metric_count;
    const char *same; /* further results of BASE's build */
    bool anyway;      /* whatever the sides are of */
};

struct history_arguments {
    const char *database;
    struct history_selection selection;
};

/* Of `advise`, as scenarios have them; stall NULL: nobody stays. */
struct mix_arguments {
    const char *readers, *updates, *stall;
};

#define ADD_COLUMN "sweep.flavor+" /* the override that `bench --beside` gives */

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
    const char *synthetic, *svg;
    bool json, schema, markdown;
    enum text_format format;
    bool bench_quick;
    const char *pictures; /* the directory where they go, or NULL */
    struct compare_arguments compare;
    struct history_arguments history;
    struct mix_arguments mix;
};

/* Each returns an exit code; what went wrong is in d. */
int command_run(struct arguments *a, struct diagnostics *d);
int command_list(struct arguments *a, struct diagnostics *d);
int command_validate(struct arguments *a, struct diagnostics *d);
int command_plot(struct arguments *a, struct diagnostics *d);
int command_salvage(struct arguments *a, struct diagnostics *d);
int command_compare(struct arguments *a, struct diagnostics *d);  /* command_compare.c */
int command_bench(struct arguments *a, struct diagnostics *d);    /* command_bench.c */
int command_advise(struct arguments *a, struct diagnostics *d);   /* command_advise.c */
int command_history(struct arguments *a, struct diagnostics *d);  /* command_history.c */
int command_topology(struct arguments *a, struct diagnostics *d); /* command_topology.c */

/* commands.c. DIRECTORY/FILE, or the file itself when that is what was named; heap. */
char *command_path(const char *directory, const char *file);
/* A result that the program wrote; NULL with a line in d. */
json_t *command_result(const char *path, struct diagnostics *d);

#endif
