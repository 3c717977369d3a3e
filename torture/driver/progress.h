/* The status line on stderr while runs go on. */
#ifndef STILLPOINT_PROGRESS_H
#define STILLPOINT_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_NONE };

struct progress {
    FILE *out;
    int terminal;            /* where that ends up, whose width counts: a descriptor */
    enum progress_mode mode; /* AUTO is decided by progress_open() */
    int64_t next_ns;
    int shown;           /* a line stands on the terminal */
    const char *heading; /* in front of each line, or NULL */
};

/* What the line shows. */
struct progress_state {
    unsigned run, runs;
    const char *label;
    double run_s;              /* since the gate of this run opened */
    double elapsed_s, total_s; /* total 0: until a failure */
    double gps_per_second;
    uint64_t p99_ns;
    double reads_per_second;
    unsigned findings;
};

void progress_open(struct progress *p, enum progress_mode mode, FILE *out);
/* Shows the state when it is time to: every second on a terminal, every 15 s elsewhere. */
void progress_show(struct progress *p, const struct progress_state *s);
/* Takes the line away, before anything else is written to the terminal. */
void progress_clear(struct progress *p);

#endif
