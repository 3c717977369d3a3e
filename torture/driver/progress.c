#include "progress.h"

#include "torture/record/clock.h"
#include "torture/record/text.h"
#include "torture/result/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

void progress_open(struct progress *p, enum progress_mode mode, FILE *out)
{
    if (mode == PROGRESS_AUTO)
        mode = isatty(fileno(out)) ? PROGRESS_TTY : PROGRESS_PLAIN;
    *p = (struct progress){.out = out, .terminal = fileno(out), .mode = mode};
    p->next_ns = clock_monotonic_ns() + (mode == PROGRESS_TTY ? SECOND : 15 * SECOND);
}

static void put_time(char *text, size_t room, double seconds)
{
    long s = (long)seconds;

    if (s >= 3600)
        snprintf(text, room, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, room, "%02ld:%02ld", s / 60, s % 60);
}

/* Columns of the terminal; wide where they are not known. */
static size_t width_of(int terminal)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    long given = columns ? strtol(columns, NULL, 10) : 0;

    if (ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return given > 0 ? (size_t)given : 200;
}

enum part { PART_LABEL, PART_TIME, PART_GPS, PART_P99, PART_READS, PART_FINDINGS, PARTS };

/* Shortens the label, then leaves out what matters least, until the line has `room` columns. */
static void fit(char parts[PARTS][160], size_t fixed, size_t room)
{
    static const enum part dropped[] = {PART_LABEL, PART_READS, PART_GPS, PART_P99, PART_FINDINGS};
    enum { SHORTEST_LABEL = 12 };
    size_t length = fixed, label = strlen(parts[PART_LABEL]);

    for (size_t i = 0; i < PARTS; i++)
        length += strlen(parts[i]);
    if (length > room && label > length - room && label - (length - room) >= SHORTEST_LABEL) {
        snprintf(parts[PART_LABEL] + label - (length - room) - 2, 3, "..");
        return;
    }
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped && length > room; i++) {
        length -= strlen(parts[dropped[i]]);
        parts[dropped[i]][0] = '\0';
    }
}

void progress_show(struct progress *p, const struct progress_state *s)
{
    char elapsed[32], total[32], rate[32], reads[32], p99[32], number[128], parts[PARTS][160];
    int64_t now = clock_monotonic_ns();
    size_t room;
    char *line;

    if (p->mode == PROGRESS_NONE || now < p->next_ns)
        return;
    p->next_ns = now + (p->mode == PROGRESS_TTY ? SECOND : 15 * SECOND);
    put_time(elapsed, sizeof elapsed, s->elapsed_s);
    if (s->total_s > 0)
        put_time(total, sizeof total, s->total_s);
    else
        snprintf(total, sizeof total, "until a failure");
    report_count(s->gps_per_second, rate);
    report_count(s->reads_per_second, reads);
    report_duration((double)s->p99_ns, p99);
    snprintf(parts[PART_LABEL], sizeof parts[0], " %s", s->label);
    snprintf(parts[PART_TIME], sizeof parts[0], "%s%s%s", elapsed, s->total_s > 0 ? " of " : " ",
             total);
    snprintf(parts[PART_GPS], sizeof parts[0], "  %s GPs/s", rate);
    snprintf(parts[PART_P99], sizeof parts[0], "  p99 %s", s->p99_ns ? p99 : "-");
    snprintf(parts[PART_READS], sizeof parts[0], "  reads %s/s", reads);
    snprintf(parts[PART_FINDINGS], sizeof parts[0], "  findings %u", s->findings);
    snprintf(number, sizeof number, "%s[%u/%u", p->heading ? p->heading : "", s->run, s->runs);
    if (!*s->label)
        parts[PART_LABEL][0] = '\0';
    room = p->mode == PROGRESS_TTY ? width_of(p->terminal) - 1 : SIZE_MAX;
    fit(parts, strlen(number) + strlen("] "), room);
    line = text_format("%s%s] %s%s%s%s%s", number, parts[PART_LABEL], parts[PART_TIME],
                       parts[PART_GPS], parts[PART_P99], parts[PART_READS], parts[PART_FINDINGS]);
    if (p->mode == PROGRESS_TTY)
        fprintf(p->out, "\r\033[K%.*s", (int)room, line); /* a line that wraps is not taken away */
    else
        fprintf(p->out, "%s\n", line);
    free(line);
    fflush(p->out);
    p->shown = p->mode == PROGRESS_TTY;
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", p->out);
    p->shown = 0;
}
