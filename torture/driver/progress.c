#include "progress.h"

#include "torture/record/clock.h"
#include "torture/result/report.h"

#include <unistd.h>

#define SECOND INT64_C(1000000000)

void progress_open(struct progress *p, enum progress_mode mode, FILE *out)
{
    if (mode == PROGRESS_AUTO)
        mode = isatty(fileno(out)) ? PROGRESS_TTY : PROGRESS_PLAIN;
    *p = (struct progress){.out = out, .mode = mode};
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

void progress_show(struct progress *p, const struct progress_state *s)
{
    char elapsed[32], total[32], rate[32], reads[32], p99[32];
    int64_t now = clock_monotonic_ns();

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
    fprintf(p->out, "%s[%u/%u%s%s] %s%s%s  %s GPs/s  p99 %s  reads %s/s  findings %u%s",
            p->mode == PROGRESS_TTY ? "\r\033[K" : "", s->run, s->runs, *s->label ? " " : "",
            s->label, elapsed, s->total_s > 0 ? " of " : " ", total, rate, s->p99_ns ? p99 : "-",
            reads, s->findings, p->mode == PROGRESS_TTY ? "" : "\n");
    fflush(p->out);
    p->shown = p->mode == PROGRESS_TTY;
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", p->out);
    p->shown = 0;
}
