/* What the driver shows to a person. Nothing else of it but main.c and commands.c writes to a
 * terminal: the rest hands over what there is to show, or a line in its diagnostics. */
#ifndef STILLPOINT_CONSOLE_H
#define STILLPOINT_CONSOLE_H

#include "progress.h"
#include "torture/result/finding.h"
#include "torture/result/writing.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct console {
    FILE *out, *err; /* what was asked for; what comes up meanwhile */
    bool quiet;      /* no table at the end */
    bool color;      /* on out */
    struct progress progress;
    struct writing *apart; /* what writes to the real err; NULL: nobody, it is written at once */
    bool out_of_patience;  /* with who does not read it */
};

void console_open(struct console *c, FILE *out, FILE *err, enum progress_mode mode, bool quiet);
/* From here on a terminal, or a pipe, that takes nothing holds nobody up. */
void console_write_apart(struct console *c);
/* How long it has taken nothing. */
int64_t console_blocked_ns(struct console *c);
/* Waits until what was said is out; not for ever. */
void console_settle(struct console *c);
void console_close(struct console *c);
/* Whole lines, each after "note: "; NULL: none. */
void console_notes(struct console *c, const char *lines);
/* A line of progress that stays, unless the status line is switched off. */
void console_line(struct console *c, const char *time, const char *text);
/* The same of a finding. */
void console_finding(struct console *c, const struct finding *f);
/* Where progress is plain lines, as in the log of a CI: what begins, and each run that ended. */
void console_header(struct console *c, json_t *result);
void console_run(struct console *c, unsigned number, unsigned count, json_t *run);
void console_progress(struct console *c, const struct progress_state *s);
/* What SIGUSR1 asks for: counts and stacks of the run that goes on. */
void console_state(struct console *c, const struct progress_state *s, json_t *counters,
                   json_t *library, const struct finding_stacks *stacks);
/* The same between two runs. */
void console_no_state(struct console *c, const struct progress_state *s);

#endif
