/* A night that goes on: between the parts of night only. */
#ifndef STILLPOINT_NIGHT_PARTS_H
#define STILLPOINT_NIGHT_PARTS_H

#include "night.h"
#include "night_journal.h"
#include "torture/result/night.h"

struct night_scenario {
    struct driver_options options;
    json_t *settings; /* what its set gives it, and the length of its runs; NULL: nothing */
    struct planned_scenario planned;
    char *name;       /* its own, with the path where two have the same */
    size_t run_count; /* runs of a turn that are not skipped */
    double turn_s;
    double used_s; /* the time that it had, at least that of its turns */
    size_t rounds; /* that have ended */
};

struct night {
    const struct driver_options *driver;
    struct night_options options;
    struct console *console;
    struct diagnostics *d;
    char *directory;
    json_t *plan; /* night.json */
    double for_s;
    uint64_t seed; /* of round 1; each other round has one that is derived from it */
    size_t count;
    struct night_scenario *scenarios;
    struct night_journal journal;
    struct night_judgement judgement;
    json_t *reasons; /* of the verdict */
    bool unrecorded; /* something could not be written: the night is at its end */
};

/* night_begin.c: plans all scenarios, and makes the directory or, with --resume, takes up that of
 * an earlier night, with the round that was cut short. False with lines in d; end the night also
 * then. */
bool night_begin(struct night *n);
void night_free(struct night *n);
/* night_plan.c: reads what the options name and plans the scenarios; sets all that follows from
 * them. *name is that of the night; heap. False with lines in d. */
bool night_plan(struct night *n, char **name);
/* Reads what --known and --since name, unless it has been read. False with lines in d. */
bool night_read_judgement(struct night *n);
/* The time that rounds have taken. */
double night_used_s(const struct night *n);
/* How many rounds there will be, about. */
size_t night_expected_rounds(const struct night *n);

/* night_end.c: takes the record of a round: into the journal, and to where findings are. */
void night_take(struct night *n, struct night_scenario *s, json_t *begun, json_t *record);
/* Writes the summary and shows it. Returns the exit code. */
int night_conclude(struct night *n);

#endif
