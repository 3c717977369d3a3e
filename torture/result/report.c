/* The whole report: what its parts have, and the lines around them. */
#include "report_parts.h"

#include "lost.h"
#include "near_misses.h"
#include "part.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"
#include "torture/scenario/flavor_describe.h"
#include "torture/scenario/settings.h"
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEDIANS_MOST 8 /* in a sentence */

/* A list with commas that ends in a full stop, folded; nothing when nothing was added. */
struct sentence {
    char *text;
    size_t length;
    unsigned parts;
    FILE *out;
};

static void sentence_begin(struct sentence *s, const char *start)
{
    *s = (struct sentence){.text = NULL};
    s->out = open_memstream(&s->text, &s->length);
    if (!s->out)
        abort();
    fputs(start, s->out);
}

static FILE *sentence_next(struct sentence *s)
{
    if (s->parts++ > 0)
        fputs(", ", s->out);
    return s->out;
}

static void sentence_end(struct sentence *s, FILE *f)
{
    putc('.', s->out);
    fclose(s->out);
    if (s->parts > 0)
        report_folded(f, 2, 4, s->text);
    free(s->text);
}

static void put_median(FILE *out, json_t *run, const char *metric)
{
    char *name = report_row_name(run), figure[32];
    double value = 0;

    verdict_metric(run, metric, &value);
    if (value < 100 && verdict_metric_unit(metric) == METRIC_NS)
        snprintf(figure, sizeof figure, "%.2f ns", value);
    else
        report_metric(metric, value, figure);
    fprintf(out, "%s %s", name ? name : "?", figure);
    free(name);
}

/* A line of its own for a metric; of many points the smallest and largest. */
static void put_medians(FILE *f, json_t *runs, const char *words, const char *metric)
{
    json_t *measured = json_array(), *run, *smallest = NULL, *largest = NULL;
    double value, least = INFINITY, most = -INFINITY;
    struct sentence s;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!verdict_metric(run, metric, &value))
            continue;
        smallest = value < least ? run : smallest;
        largest = value > most ? run : largest;
        least = fmin(least, value);
        most = fmax(most, value);
        json_array_append(measured, run);
    }
    sentence_begin(&s, words);
    if (json_array_size(measured) > MEDIANS_MOST) {
        fprintf(s.out, ", medians of %zu points: from ", json_array_size(measured));
        put_median(sentence_next(&s), smallest, metric);
        fputs(" to ", s.out);
        put_median(s.out, largest, metric);
    } else {
        fputs(", median: ", s.out);
        json_array_foreach (measured, i, run)
            put_median(sentence_next(&s), run, metric);
    }
    sentence_end(&s, f);
    json_decref(measured);
}

/* Of latencies that want one, each once, whichever workloads have it; and of what grace periods
 * cost. */
static void put_lines_of_medians(FILE *f, json_t *runs)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++) {
            const struct measure *m = &(*w)->measures[i];

            if (m->words && measure_named(m->name) == m) {
                char *metric = text_format("%s.p50", m->name);

                put_medians(f, runs, m->words, metric);
                free(metric);
            }
        }
    put_medians(f, runs, "CPU time of who leads a grace period", METRIC_CPU_OF_GP);
}

/* The words of a flavor's statistic, or NULL; a runner that cannot be started has none. */
static const char *statistic_words(json_t *runs, const char *name)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        struct diagnostics unheard = {.text = NULL};
        const struct flavor_description *flavor =
            flavor_describe(document_text(run, "flavor"), &unheard);
        json_t *words = flavor ? json_object_get(flavor->json, "words") : NULL;

        diagnostics_free(&unheard);
        if (json_object_get(words, name))
            return json_string_value(json_object_get(words, name));
    }
    return NULL;
}

/* A hard state in people's words, or its name with spaces. */
static void put_state(FILE *f, json_t *runs, const char *name)
{
    const struct counter *counter = counter_named(name);
    const char *words = counter ? counter->words : statistic_words(runs, name);

    if (words)
        fputs(words, f);
    for (; !words && *name; name++)
        fputc(*name == '_' ? ' ' : *name, f);
}

static void put_reached(FILE *f, json_t *runs)
{
    json_t *sums = json_object(), *run, *value;
    struct sentence s;
    const char *key;
    size_t i;

    json_array_foreach (runs, i, run)
        json_object_foreach (json_object_get(run, "coverage"), key, value)
            json_object_set_new(sums, key,
                                json_integer(json_integer_value(json_object_get(sums, key)) +
                                             json_integer_value(value)));
    sentence_begin(&s, "Reached: ");
    json_object_foreach (sums, key, value) {
        char number[32];

        if (json_integer_value(value) == 0)
            continue;
        put_state(sentence_next(&s), runs, key);
        fprintf(s.out, " %s", report_grouped((uint64_t)json_integer_value(value), number));
    }
    sentence_end(&s, f);
    json_decref(sums);
}

/* "drain-0, 2.6 s of 5.0 s": the longest silence that was no stall. */
static void put_silence(FILE *f, json_t *runs)
{
    json_t *run, *worst = NULL;
    double share = 0;
    size_t i;

    json_array_foreach (runs, i, run) {
        json_t *silence = json_object_get(run, "longest_silence");
        double seconds = json_number_value(json_object_get(silence, "seconds"));
        double allowed = json_number_value(json_object_get(silence, "allowed"));

        if (allowed > 0 && seconds / allowed > share &&
            seconds <= json_number_value(json_object_get(run, "stall_limit"))) {
            worst = silence;
            share = seconds / allowed;
        }
    }
    if (share > 0.5)
        fprintf(f, " (%s, %.1f s of %.1f s)", document_text(worst, "thread"),
                json_number_value(json_object_get(worst, "seconds")),
                json_number_value(json_object_get(worst, "allowed")));
}

/* Where something came close, though nothing was broken by it. */
static void put_near_misses(FILE *f, json_t *runs)
{
    json_t *sums = json_object(), *run, *count;
    struct sentence s;
    const char *name;
    size_t i;

    json_array_foreach (runs, i, run)
        near_misses_add(sums, run);
    sentence_begin(&s, "Near misses: ");
    json_object_foreach (sums, name, count) {
        char number[32];

        if (json_integer_value(count) == 0)
            continue;
        fprintf(sentence_next(&s), "%s %s", near_misses_words(name),
                report_grouped((uint64_t)json_integer_value(count), number));
        if (strcmp(name, NEAR_STALLS) == 0)
            put_silence(s.out, runs);
    }
    sentence_end(&s, f);
    json_decref(sums);
}

/* Rounds of --until-failure of which nothing but a count is left. */
static void put_earlier(FILE *f, json_t *runs)
{
    json_int_t count = 0;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run)
        count += json_integer_value(json_object_get(json_object_get(run, "earlier"), "runs"));
    if (count > 0)
        fprintf(f, "  Before these, %lld run%s found nothing; %s counted, not kept.\n",
                (long long)count, count == 1 ? "" : "s", count == 1 ? "it is" : "they are");
}

/* What was requested and could not be done that way, each once. */
static void put_notes(FILE *f, json_t *runs)
{
    json_t *seen = json_object(), *run, *note;
    size_t i, j;

    json_array_foreach (runs, i, run)
        json_array_foreach (json_object_get(run, "notes"), j, note) {
            const char *text = json_string_value(note);
            char *line = NULL;

            if (!text || json_object_get(seen, text))
                continue;
            json_object_set_new(seen, text, json_true());
            if (asprintf(&line, "Note: %s.", text) >= 0)
                report_folded(f, 2, 4, line);
            free(line);
        }
    json_decref(seen);
}

static void put_outcome(FILE *f, const char *word, const char *paint, const char *text, bool color)
{
    fprintf(f, "  %s%s%s  ", color ? paint : "", word, color ? PLAIN : "");
    report_folded(f, -4 - (int)strlen(word), 4, text);
}

/* Nothing but lost time is wrong: it says so in a line. */
static void put_lost(FILE *f, json_t *result, bool color)
{
    json_t *reasons = json_object_get(json_object_get(result, "verdict"), "reasons");
    char *line = NULL;

    if (asprintf(&line, "%s. Nothing was violated in the rest.",
                 json_string_value(json_array_get(reasons, 0))) >= 0)
        put_outcome(f, "INCONCLUSIVE", AMBER, line, color);
    free(line);
}

static void put_verdict(FILE *f, json_t *result, bool color)
{
    json_t *verdict = json_object_get(result, "verdict");
    const char *correctness = document_text(verdict, "correctness");
    double clean = json_number_value(json_object_get(verdict, "clean_seconds"));
    double rate =
        json_number_value(json_object_get(json_object_get(verdict, "max_failures_per_hour"), "95"));
    int code = (int)json_integer_value(json_object_get(verdict, "exit_code"));
    bool over = strcmp(document_text(verdict, "performance"), "exceeded") == 0;
    bool lost = lost_is_all(result);
    char bound[32], text[200];
    json_t *reason;
    size_t i;

    if (rate < 100)
        snprintf(bound, sizeof bound, "%.3g", rate);
    else
        report_grouped((uint64_t)ceil(rate), bound);
    if (strcmp(correctness, "pass") == 0) {
        snprintf(
            text, sizeof text,
            "%.1f s clean. With 95 %% confidence the failure rate is below %s an hour: soak to "
            "know more.",
            clean, bound);
        put_outcome(f, over ? "PASS, but too slow" : "PASS", over ? AMBER : GREEN, text, color);
    } else if (strcmp(correctness, "measured") == 0) {
        put_outcome(f, over ? "MEASURED, and too slow" : "MEASURED", over ? AMBER : GREEN,
                    "nothing was checked, so that no failure rate is bounded.", color);
    } else if (strcmp(correctness, "violation") == 0) {
        put_outcome(f, "VIOLATION", RED, "the library under test broke its promise; see above.",
                    color);
    } else if (lost) {
        put_lost(f, result, color);
    } else if (strcmp(correctness, "inconclusive") == 0) {
        snprintf(text, sizeof text, "%.1f s clean, but that is not all that was asked for:", clean);
        put_outcome(f, "INCONCLUSIVE", AMBER, text, color);
    } else {
        put_outcome(f, "SKIPPED", AMBER, "nothing could run here:", color);
    }
    json_array_foreach (lost ? NULL : json_object_get(verdict, "reasons"), i, reason)
        report_folded(f, 4, 6, json_string_value(reason));
    if (code != EXIT_CODE_PASS)
        fprintf(f, "  exit code %d (%s)\n", code, exit_code_meaning(code));
}

/* Those of our own and the others that changed the runs. */
static void put_environment(FILE *f, json_t *environment)
{
    const char *name;
    json_t *value;

    json_object_foreach (environment, name, value) {
        char *line = NULL;

        if (asprintf(&line, "%s=%s", name, json_string_value(value)) >= 0)
            report_folded(f, 2, 4, line);
        free(line);
    }
}

void report_header(FILE *f, json_t *result)
{
    json_t *host = json_object_get(result, "host"), *tool = json_object_get(result, "tool");
    json_int_t cpus = json_integer_value(json_object_get(host, "cpus_allowed"));
    json_int_t nodes = json_integer_value(json_object_get(host, "numa_nodes"));

    json_t *quota = json_object_get(json_object_get(host, "cgroup"), "cpu_quota");
    const char *kernel = document_text(host, "kernel");
    char limited[64] = "";

    if (json_is_number(quota) && json_number_value(quota) < (double)cpus)
        snprintf(limited, sizeof limited, " (no more of them than %.3g, by a quota)",
                 json_number_value(quota));
    fprintf(f, "stillpoint %s  %s  seed %lld\n", document_text(tool, "version"),
            document_text(json_object_get(result, "scenario"), "name"),
            (long long)json_integer_value(json_object_get(result, "seed")));
    fprintf(f, "  %lld CPU%s%s, %lld NUMA node%s, %.*s, membarrier %s, kvm %s\n", (long long)cpus,
            cpus == 1 ? "" : "s", limited, (long long)nodes, nodes == 1 ? "" : "s",
            (int)strcspn(kernel, "-"), kernel,
            json_is_true(json_object_get(host, "membarrier")) ? "yes" : "no",
            json_is_true(json_object_get(host, "kvm")) ? "yes" : "no");
    put_environment(f, json_object_get(result, "environment"));
    putc('\n', f);
}

static void put_files(FILE *f, const char *directory, json_t *files)
{
    char *line = NULL;
    json_t *file;
    size_t i, length;
    FILE *out = open_memstream(&line, &length);

    if (!out)
        return;
    fprintf(out, "%s ", directory);
    json_array_foreach (files, i, file)
        fprintf(out, "  %s", json_string_value(file));
    fclose(out);
    report_folded(f, 2, 4, line);
    free(line);
}

/* Its table, and the lines about the same points. */
static void put_part(FILE *f, json_t *part, const char *name, bool color)
{
    json_t *rows = report_rows(json_object_get(part, "runs"));

    if (json_array_size(rows) > 0) {
        report_table(f, part, rows, name, color);
        putc('\n', f);
        report_tail(f, rows);
        put_lines_of_medians(f, rows);
        report_cost(f, rows);
        if (name)
            putc('\n', f);
    }
    json_decref(rows);
}

void report_result(FILE *f, json_t *result, const char *directory, json_t *files, bool color)
{
    json_t *runs = json_object_get(result, "runs"), *verdict = json_object_get(result, "verdict");
    json_t *run, *written, *part;
    size_t i, j;

    report_header(f, result);
    for (i = 0; (part = result_part(result, i)); i++) {
        put_part(f, part, result_part_name(result, i), color);
        json_decref(part);
    }
    put_earlier(f, runs);
    put_reached(f, runs);
    put_near_misses(f, runs);
    put_notes(f, runs);
    report_budgets(f, json_object_get(verdict, "budgets"), color);
    putc('\n', f);
    json_array_foreach (runs, i, run)
        json_array_foreach (json_object_get(run, "findings"), j, written) {
            struct finding *finding = finding_read(written);

            report_finding(f, finding, document_text(run, "label"), color);
            putc('\n', f);
            finding_free(finding);
        }
    put_verdict(f, result, color);
    put_files(f, directory, files);
}
