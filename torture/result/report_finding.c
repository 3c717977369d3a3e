/* One finding as people read it, with what led to it; and the state of a run on request. */
#include "report.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RED   "\033[31;1m"
#define PLAIN "\033[0m"

#define FOLD_COLUMN 100
#define STACK_LINES 12

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

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

static void put_stack(FILE *f, json_t *item)
{
    const char *stack = text_of(item, "stack");
    int lines = 0;

    fprintf(f, "    %s%s%s\n", text_of(item, "thread"),
            json_is_true(json_object_get(item, "in_section")) ? ", inside a read section" : "",
            json_is_true(json_object_get(item, "holds_up_gp")) ? "  <- holds up the grace period"
                                                               : "");
    if (!*stack)
        fprintf(f, "      (no answer)\n");
    while (*stack && lines++ < STACK_LINES) {
        size_t length = strcspn(stack, "\n");

        fprintf(f, "      %.*s\n", (int)length, stack);
        stack += length + (stack[length] == '\n');
    }
}

static void put_stacks(FILE *f, json_t *stacks)
{
    bool answered = false;
    json_t *item;
    size_t i;

    json_array_foreach (stacks, i, item)
        answered = answered || *text_of(item, "stack");
    if (json_array_size(stacks) > 0)
        fprintf(f, "  stacks\n");
    if (json_array_size(stacks) > 0 && !answered) {
        fprintf(f, "    no thread answers: the process is stopped, or blocks the signal\n");
        return;
    }
    json_array_foreach (stacks, i, item)
        put_stack(f, item);
}

static void put_moment(FILE *f, json_t *item, int names)
{
    int cpu = (int)json_integer_value(json_object_get(item, "cpu"));
    const char *mark = text_of(item, "mark");
    char number[16] = "-";

    if (cpu >= 0)
        snprintf(number, sizeof number, "%d", cpu);
    fprintf(f, "  %16.1f  %-*s  %3s  %s%s%s\n", json_number_value(json_object_get(item, "us")),
            names, text_of(item, "thread"), number, text_of(item, "event"), *mark ? "  <- " : "",
            mark);
}

static void put_timeline(FILE *f, json_t *timeline)
{
    int names = (int)strlen("thread");
    json_t *item;
    size_t i;

    if (json_array_size(timeline) == 0)
        return;
    json_array_foreach (timeline, i, item) {
        int length = (int)strlen(text_of(item, "thread"));

        names = length > names ? length : names;
    }
    fprintf(f, "\n  %16s  %-*s  %3s  %s\n", "time (us before)", names, "thread", "cpu", "event");
    json_array_foreach (timeline, i, item)
        put_moment(f, item, names);
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
static void put_headline(FILE *f, json_t *finding, bool color)
{
    double first = json_number_value(json_object_get(finding, "first_s"));
    json_int_t count = json_integer_value(json_object_get(finding, "count"));
    char shown[32], number[32];

    if (first < 0.01)
        report_duration(first * 1e9, shown);
    else
        snprintf(shown, sizeof shown, "%.2f s", first);
    fprintf(f, "%sVIOLATION%s  %s: %s  after %s", color ? RED : "", color ? PLAIN : "",
            text_of(finding, "workload"), text_of(finding, "check"), shown);
    if (count > 1)
        fprintf(f, "  (%s times, first shown)", report_grouped((uint64_t)count, number));
    putc('\n', f);
}

void report_finding(FILE *f, json_t *finding, const char *label, bool color)
{
    json_t *stacks = json_object_get(finding, "stacks");

    put_headline(f, finding, color);
    if (*label)
        fprintf(f, "  in %s\n", label);
    report_folded(f, 2, 2, text_of(finding, "message"));
    put_timeline(f, json_object_get(finding, "timeline"));
    if (json_array_size(stacks) > 0)
        putc('\n', f);
    put_stacks(f, stacks);
    put_output(f, text_of(finding, "output"));
    fprintf(f, "\n  repro: %s\n", text_of(finding, "repro"));
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

void report_state(FILE *f, json_t *counters, json_t *library, json_t *stacks)
{
    const char *workload;
    json_t *counts;

    json_object_foreach (counters, workload, counts)
        put_counts(f, workload, counts);
    put_counts(f, "library", library);
    put_stacks(f, stacks);
    fflush(f);
}
