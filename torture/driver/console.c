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

/* --- Apart --- */

#define MOST_WAITING ((size_t)1 << 20)         /* bytes */
#define PATIENCE_NS  (INT64_C(1) * 1000000000) /* with who does not read, once there is no run */

static ssize_t hand_over(void *cookie, const char *text, size_t length)
{
    writing_add(cookie, text, length);
    return (ssize_t)length;
}

void console_write_apart(struct console *c)
{
    struct writing *apart = writing_open(fileno(c->err), MOST_WAITING);
    FILE *f = apart ? fopencookie(apart, "w", (cookie_io_functions_t){.write = hand_over}) : NULL;

    if (!f) {
        if (apart)
            writing_close(apart, -1);
        return;
    }
    setvbuf(f, NULL, _IONBF, 0);
    c->apart = apart;
    c->err = c->progress.out = f;
}

int64_t console_blocked_ns(struct console *c)
{
    return c->apart ? writing_blocked_ns(c->apart) : 0;
}

void console_settle(struct console *c)
{
    if (c->apart && !c->out_of_patience)
        c->out_of_patience = !writing_wait(c->apart, PATIENCE_NS);
}

void console_close(struct console *c)
{
    if (!c->apart)
        return;
    fclose(c->err);
    writing_close(c->apart, c->out_of_patience ? 0 : PATIENCE_NS);
    c->apart = NULL;
    c->err = c->progress.out = stderr;
}

/* --- What is shown --- */

void console_notes(struct console *c, const char *lines)
{
    progress_clear(&c->progress);
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");

        fprintf(c->err, "note: %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void console_line(struct console *c, const char *time, const char *text)
{
    progress_clear(&c->progress);
    if (c->progress.mode != PROGRESS_NONE)
        fprintf(c->err, "  %s  %s\n", time, text);
}

void console_finding(struct console *c, const struct finding *f)
{
    progress_clear(&c->progress);
    if (c->progress.mode != PROGRESS_NONE)
        fprintf(c->err, "finding: %s: %s\n", f->check, f->message);
}

void console_header(struct console *c, json_t *result)
{
    if (c->progress.mode == PROGRESS_PLAIN)
        report_header(c->err, result);
    fflush(c->err);
}

void console_run(struct console *c, unsigned number, unsigned count, json_t *run)
{
    if (c->progress.mode != PROGRESS_PLAIN)
        return;
    fprintf(c->err, "[%u/%u] ", number, count);
    report_run(c->err, run);
    fflush(c->err);
}

void console_progress(struct console *c, const struct progress_state *s)
{
    /* A line that has to wait would be old when it is seen. */
    if (!c->apart || writing_idle(c->apart))
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
