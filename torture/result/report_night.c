/* A night as people read it. */
#include "night.h"
#include "report_parts.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_int_t count_of(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *report_hours(double seconds, char *buffer)
{
    long s = lround(seconds);

    if (seconds < 60)
        snprintf(buffer, 32, "%.1f s", seconds);
    else if (s < 3600)
        snprintf(buffer, 32, "%ld min %ld s", s / 60, s % 60);
    else
        snprintf(buffer, 32, "%ld h %ld min", s / 3600, s / 60 % 60);
    return buffer;
}

static const char *paint_of(const char *verdict, bool color)
{
    if (!color)
        return "";
    return strcmp(verdict, "violation") == 0                                  ? RED
           : strcmp(verdict, "pass") == 0 || strcmp(verdict, "measured") == 0 ? GREEN
                                                                              : AMBER;
}

/* --- The scenarios --- */

static bool counts_near_misses(json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if (json_object_get(row, "near_misses"))
            return true;
    return false;
}

static void put_row(FILE *f, json_t *row, int width, bool near, bool color)
{
    char checks[32], clean[32], misses[32] = "-";
    const char *verdict = document_text(row, "verdict");

    report_count((double)count_of(row, "checks"), checks);
    report_hours(json_number_value(json_object_get(row, "clean_seconds")), clean);
    if (json_object_get(row, "near_misses"))
        report_count((double)count_of(row, "near_misses"), misses);
    fprintf(f, "  %-*s  %6lld  %7s  %12s", width, document_text(row, "name"),
            (long long)count_of(row, "rounds"), checks, clean);
    if (near)
        fprintf(f, "  %11s", misses);
    fprintf(f, "  %8lld  %s%s%s\n", (long long)count_of(row, "with_findings"),
            paint_of(verdict, color), verdict, color ? PLAIN : "");
}

static void put_rows(FILE *f, json_t *rows, bool color)
{
    bool near = counts_near_misses(rows);
    int width = (int)strlen("scenario");
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if ((int)strlen(document_text(row, "name")) > width)
            width = (int)strlen(document_text(row, "name"));
    fprintf(f, "\n  %-*s  %6s  %7s  %12s", width, "scenario", "rounds", "checks", "clean");
    if (near)
        fprintf(f, "  %11s", "near misses");
    fprintf(f, "  %8s  %s\n", "findings", "verdict");
    json_array_foreach (rows, i, row)
        put_row(f, row, width, near, color);
}

/* --- Findings --- */

static const struct {
    const char *state, *word;
} states[] = {
    {"new", "NEW"},
    {"seen", "SEEN BEFORE"},
    {"known", "KNOWN"},
    {"expired", "NEW, NO LONGER KNOWN"},
};

static void put_line(FILE *f, char *line)
{
    report_folded(f, 4, 6, line);
    free(line);
}

static void put_finding(FILE *f, json_t *finding, bool color)
{
    const char *state = document_text(finding, "state"), *word = state;
    bool accepted = strcmp(state, "known") == 0;
    json_int_t rounds = count_of(finding, "rounds");
    json_t *name, *frame;
    size_t i;

    for (i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i].state) == 0)
            word = states[i].word;
    fprintf(f, "\n  %s%s%s  %s  in %lld round%s of", color ? (accepted ? AMBER : RED) : "", word,
            color ? PLAIN : "", document_text(finding, "fingerprint"), (long long)rounds,
            rounds == 1 ? "" : "s");
    json_array_foreach (json_object_get(finding, "scenarios"), i, name)
        fprintf(f, "%s %s", i ? "," : "", json_string_value(name));
    fprintf(f, "\n");
    report_folded(f, 4, 6, document_text(finding, "message"));
    if (json_object_get(finding, "reason"))
        put_line(f,
                 text_format("%s until %s: %s", accepted ? "Accepted" : "Was accepted",
                             document_text(finding, "expires"), document_text(finding, "reason")));
    if (json_array_size(json_object_get(finding, "frames")) > 0) {
        fprintf(f, "    frames:");
        json_array_foreach (json_object_get(finding, "frames"), i, frame)
            fprintf(f, " %s", json_string_value(frame));
        fprintf(f, "\n");
    }
    fprintf(f, "    first in %s\n    repro: %s\n", document_text(finding, "first_directory"),
            document_text(finding, "repro"));
}

/* --- The verdict --- */

static const struct {
    const char *correctness, *word, *text;
} outcomes[] = {
    {"pass", "PASS", NULL}, /* the bound */
    {"measured", "MEASURED", " Nothing was checked, so that no failure rate is bounded."},
    {"violation", "VIOLATION", " There are findings that nobody has accepted: see above."},
    {"inconclusive", "INCONCLUSIVE", " That is not all that was asked for:"},
    {"skipped", "SKIPPED", " Nothing could run here:"},
};

/* ", 3 inconclusive, 1 scenario skipped": heap. */
static char *what_lacks(json_t *rows, json_int_t *rounds)
{
    json_int_t inconclusive = 0, skipped = 0;
    char *text = text_format("%s", "");
    json_t *row;
    size_t i;

    *rounds = 0;
    json_array_foreach (rows, i, row) {
        *rounds += count_of(row, "rounds");
        inconclusive += count_of(row, "inconclusive");
        skipped += strcmp(document_text(row, "verdict"), "skipped") == 0;
    }
    if (inconclusive > 0) {
        free(text);
        text = text_format(", %lld inconclusive", (long long)inconclusive);
    }
    if (skipped > 0) {
        char *more =
            text_format(", %lld scenario%s skipped", (long long)skipped, skipped == 1 ? "" : "s");

        text = text_append(text, more);
        free(more);
    }
    return text;
}

static void put_verdict(FILE *f, json_t *summary, bool color)
{
    json_t *verdict = json_object_get(summary, "verdict"), *reason;
    const char *correctness = document_text(verdict, "correctness"), *word = "", *text = NULL;
    json_int_t rounds, code = count_of(verdict, "exit_code");
    double rate =
        json_number_value(json_object_get(json_object_get(verdict, "max_failures_per_hour"), "95"));
    char *lacks = what_lacks(json_object_get(summary, "scenarios"), &rounds), *line;
    char clean[32], least[32], bound[100];
    size_t i;

    for (i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (strcmp(correctness, outcomes[i].correctness) == 0) {
            word = outcomes[i].word;
            text = outcomes[i].text;
        }
    if (rate < 100)
        snprintf(least, sizeof least, "%.3g", rate);
    else
        report_grouped((uint64_t)ceil(rate), least);
    snprintf(bound, sizeof bound, " With 95 %% confidence the failure rate is below %s an hour.",
             least);
    line = text_format(
        "%s clean in %lld round%s%s.%s",
        report_hours(json_number_value(json_object_get(verdict, "clean_seconds")), clean),
        (long long)rounds, rounds == 1 ? "" : "s", lacks, text ? text : bound);
    fprintf(f, "\n  %s%s%s  ", paint_of(correctness, color), word, color ? PLAIN : "");
    report_folded(f, -4 - (int)strlen(word), 4, line);
    json_array_foreach (json_object_get(verdict, "reasons"), i, reason)
        report_folded(f, 4, 6, json_string_value(reason));
    if (code != EXIT_CODE_PASS)
        fprintf(f, "  exit code %lld (%s)\n", (long long)code, exit_code_meaning((int)code));
    free(line);
    free(lacks);
}

void report_night(FILE *f, json_t *summary, const char *directory, bool written, bool color)
{
    json_t *finding;
    char span[32];
    size_t i;

    fprintf(f, "stillpoint %s  %s  seed %lld  for %s\n",
            document_text(json_object_get(summary, "tool"), "version"),
            document_text(summary, "name"), (long long)count_of(summary, "seed"),
            report_hours(json_number_value(json_object_get(summary, "for_seconds")), span));
    put_rows(f, json_object_get(summary, "scenarios"), color);
    json_array_foreach (json_object_get(summary, "findings"), i, finding)
        put_finding(f, finding, color);
    put_verdict(f, summary, color);
    fprintf(f, "  %s   %srounds.jsonl%s\n", directory, written ? "summary.json  " : "",
            json_array_size(json_object_get(summary, "findings")) > 0 ? "  findings/" : "");
}
