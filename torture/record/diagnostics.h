/* What went wrong, gathered as lines that a person can act on.
 *
 * Functions of the harness do not print and do not exit: they append a line to the diagnostics that
 * they are given and return false or NULL. main() prints the lines on stderr and picks the exit
 * code. What comes up while runs go on is shown by driver/console.c. A thread of a runner that
 * cannot go on ends the process by torture_give_up(): nothing below it in the code under test could
 * return.
 */
#ifndef STILLPOINT_DIAGNOSTICS_H
#define STILLPOINT_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_CODE_PASS = 0,
    EXIT_CODE_VIOLATION = 1,    /* a check was violated, or a thread stalled */
    EXIT_CODE_INCONCLUSIVE = 2, /* clean, but a required state was never reached */
    EXIT_CODE_BUDGET = 3,       /* a performance budget was exceeded */
    EXIT_CODE_USAGE = 64,       /* command line, scenario or environment */
    EXIT_CODE_INTERNAL = 70,    /* the harness itself failed */
    EXIT_CODE_SKIPPED = 77,     /* nothing could run here */
};

struct diagnostics {
    char *text; /* whole lines, each ended by a newline; NULL while there are none */
    size_t length;
    unsigned count;
    bool refused; /* the machine is at fault: diagnose_refused() */
};

/* Appends one line (the newline is added). Keeps the old text when memory runs out. */
void diagnose(struct diagnostics *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends "WHAT: CALL: the error's text; what to do" where the error tells of a limit or of want,
 * which makes the outcome inconclusive; otherwise without what to do. */
void diagnose_refused(struct diagnostics *d, int error, const char *call, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Moves the lines that are not there yet. */
void diagnostics_merge(struct diagnostics *to, struct diagnostics *from);
void diagnostics_free(struct diagnostics *d);

#endif
