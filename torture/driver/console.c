#include "console.h"

#include "torture/result/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool use_color(FILE *f)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fileno(f)) && !(no && *no);
}

void console_open(struct console *c, FILE *out, FILE *err, enum progress_mode mode, bool quiet)
{
    *c = (struct console){.out = out, .err = err, .quiet = quiet, .color = use_color(out)};
    progress_open(&c->progress, mode, err);
}

void console_notes(struct console *c, const char *lines)
{
    progress_clear(&c->progress);
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");

        fprintf(c->err, "note: %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void console_finding(struct console *c, const struct finding *f)
{
    progress_clear(&c->progress);
    if (c->progress.mode != PROGRESS_NONE)
        fprintf(c->err, "finding: %s: %s\n", f->check, f->message);
}

void console_progress(struct console *c, const struct progress_state *s)
{
    progress_show(&c->progress, s);
}

void console_state(struct console *c, const struct progress_state *s, json_t *counters,
                   json_t *library, const struct finding_stacks *stacks)
{
    progress_clear(&c->progress);
    fprintf(c->err, "run %u of %u, after %.1f s\n", s->run, s->runs, s->run_s);
    report_state(c->err, counters, library, stacks);
}

void console_no_state(struct console *c, const struct progress_state *s)
{
    progress_clear(&c->progress);
    fprintf(c->err, "run %u has no threads at the moment\n", s->run);
}
