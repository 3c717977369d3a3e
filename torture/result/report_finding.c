/* One finding as people read it, with what led to it; and the state of a run on request. */
#include "report_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FOLD_COLUMN 100
#define STACK_LINES 12

/* Up to the next space, but for one between two digits: "40 122" stays whole. */
static size_t word_length(const char *text)
{
    size_t n = strcspn(text, " ");

    while (n > 0 && text[n] == ' ' && isdigit((unsigned char)text[n - 1]) &&
           isdigit((unsigned char)text[n + 1]))
        n += 1 + strcspn(text + n + 1, " ");
    return n;
}

void report_folded(FILE *f, int first, int indent, const char *text)
{
    int begin = abs(first), column = begin;

    fprintf(f, "%*s", first < 0 ? 0 : first, "");
    while (*text) {
        size_t gap = strspn(text, " "), word = word_length(text + gap);

        if (word == 0)
            break;
        if (column > begin && column + (int)(gap + word) > FOLD_COLUMN) {
            fprintf(f, "\n%*s", indent, "");
            column = begin = indent;
            text += gap;
            gap = 0;
        }
        fprintf(f, "%.*s", (int)(gap + word), text);
        column += (int)(gap + word);
        text += gap + word;
    }
    putc('\n', f);
}

static void put_stack(FILE *f, const struct finding_stack *s)
{
    const char *stack = s->text;
    int lines = 0;

    fprintf(f, "    %s%s%s%s%s%s\n", s->thread, s->in_section ? ", inside a read section" : "",
            *s->state ? " (" : "", s->state, *s->state ? ")" : "",
            s->holds_up_gp ? "  <- holds up the grace period" : "");
    if (*s->duty)
        fprintf(f, "      %s\n", s->duty);
    else if (!*stack)
        fprintf(f, "      (no answer)\n");
    while (*stack && lines++ < STACK_LINES) {
        size_t length = strcspn(stack, "\n");

        fprintf(f, "      %.*s\n", (int)length, stack);
        stack += length + (stack[length] == '\n');
    }
}

static void put_stacks(FILE *f, const struct finding_stacks *stacks)
{
    bool answered = false;

    for (size_t i = 0; i < stacks->count; i++)
        answered = answered || *stacks->list[i].text;
    if (stacks->count > 0)
        fprintf(f, "  stacks\n");
    if (stacks->count > 0 && !answered) {
        fprintf(f, "    no thread answers: the process is stopped, or blocks the signal\n");
        return;
    }
    for (size_t i = 0; i < stacks->count; i++)
        put_stack(f, &stacks->list[i]);
}

static void put_moment(FILE *f, const struct finding_moment *m, int names)
{
    char number[16] = "-";

    if (m->cpu >= 0)
        snprintf(number, sizeof number, "%d", m->cpu);
    fprintf(f, "  %16.1f  %-*s  %3s  %s%s%s\n", m->us, names, m->thread, number, m->event,
            m->mark ? "  <- " : "", m->mark ? m->mark : "");
}

static void put_timeline(FILE *f, const struct finding *finding)
{
    int names = (int)strlen("thread");

    if (finding->moment_count == 0)
        return;
    for (size_t i = 0; i < finding->moment_count; i++) {
        int length = (int)strlen(finding->moments[i].thread);

        names = length > names ? length : names;
    }
    fprintf(f, "\n  %16s  %-*s  %3s  %s\n", "time (us before)", names, "thread", "cpu", "event");
    for (size_t i = 0; i < finding->moment_count; i++)
        put_moment(f, &finding->moments[i], names);
}

static void put_output(FILE *f, const char *text)
{
    if (*text)
        fprintf(f, "\n  the runner's last words\n");
    while (*text) {
        size_t length = strcspn(text, "\n");

        fprintf(f, "    %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* "after 0.41 s", but "after 0.8 ms" rather than "0.00 s". */
static void put_headline(FILE *f, const struct finding *finding, bool color)
{
    double first = finding->first_s;
    char shown[32], number[32];

    if (first < 0.01)
        report_duration(first * 1e9, shown);
    else
        snprintf(shown, sizeof shown, "%.2f s", first);
    fprintf(f, "%sVIOLATION%s  %s: %s  after %s", color ? RED : "", color ? PLAIN : "",
            finding->workload, finding->check, shown);
    if (finding->count > 1)
        fprintf(f, "  (%s times, first shown)", report_grouped(finding->count, number));
    putc('\n', f);
}

void report_finding(FILE *f, const struct finding *finding, const char *label, bool color)
{
    put_headline(f, finding, color);
    if (*label)
        fprintf(f, "  in %s\n", label);
    report_folded(f, 2, 2, finding->message);
    put_timeline(f, finding);
    if (finding->stacks.count > 0)
        putc('\n', f);
    put_stacks(f, &finding->stacks);
    put_output(f, finding->output ? finding->output : "");
    fprintf(f, "\n  repro: %s\n", finding->repro ? finding->repro : "");
}

static void put_counts(FILE *f, const char *title, json_t *counts)
{
    char number[32];
    const char *key;
    json_t *value;

    if (json_object_size(counts) > 0)
        fprintf(f, "  %s\n", title);
    json_object_foreach (counts, key, value)
        if (json_integer_value(value) != 0)
            fprintf(f, "    %-24s %15s\n", key,
                    report_grouped((uint64_t)json_integer_value(value), number));
}

void report_state(FILE *f, json_t *counters, json_t *library, const struct finding_stacks *stacks)
{
    const char *workload;
    json_t *counts;

    json_object_foreach (counters, workload, counts)
        put_counts(f, workload, counts);
    put_counts(f, "library", library);
    put_stacks(f, stacks);
    fflush(f);
}
