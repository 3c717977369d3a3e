#include "report.h"

#include "verdict.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define RED   "\033[31;1m"
#define GREEN "\033[32;1m"
#define AMBER "\033[33;1m"
#define PLAIN "\033[0m"

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

const char *report_duration(double ns, char *buffer)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

    for (size_t i = 0; i < 3; i++)
        if (ns >= units[i].ns * 0.9995) {
            double value = ns / units[i].ns;

            snprintf(buffer, 32, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[i].unit);
            return buffer;
        }
    snprintf(buffer, 32, ns < 9.95 && ns != floor(ns) ? "%.2f ns" : "%.0f ns", ns);
    return buffer;
}

const char *report_count(double count, char *buffer)
{
    static const struct {
        double size;
        const char *unit;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};

    for (size_t i = 0; i < 4; i++)
        if (count >= units[i].size) {
            double value = count / units[i].size;

            snprintf(buffer, 32, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[i].unit);
            return buffer;
        }
    snprintf(buffer, 32, "%.0f", count);
    return buffer;
}

const char *report_grouped(uint64_t count, char *buffer)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[at++] = ' ';
        buffer[at++] = digits[i];
    }
    buffer[at] = 0;
    return buffer;
}

/* Text folded at 96 columns under an indent. */
static void put_folded(FILE *f, int indent, const char *text)
{
    int column = indent;

    fprintf(f, "%*s", indent, "");
    while (*text) {
        size_t word = strcspn(text, " ");

        if (column > indent && column + (int)word > 96) {
            fprintf(f, "\n%*s", indent, "");
            column = indent;
        }
        fprintf(f, "%.*s", (int)word, text);
        column += (int)word;
        text += word;
        if (*text == ' ') {
            text++;
            if (*text && column < 96) {
                putc(' ', f);
                column++;
            }
        }
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
    while (*stack && lines++ < 12) {
        size_t length = strcspn(stack, "\n");

        fprintf(f, "      %.*s\n", (int)length, stack);
        stack += length + (stack[length] == '\n');
    }
}

void report_finding(FILE *f, json_t *finding, bool color)
{
    json_t *timeline = json_object_get(finding, "timeline"), *item;
    json_int_t count = json_integer_value(json_object_get(finding, "count"));
    size_t i;

    fprintf(f, "%sVIOLATION%s  %s: %s  after %.2f s", color ? RED : "", color ? PLAIN : "",
            text_of(finding, "workload"), text_of(finding, "check"),
            json_number_value(json_object_get(finding, "first_s")));
    if (count > 1)
        fprintf(f, "  (%lld times, first shown)", (long long)count);
    putc('\n', f);
    put_folded(f, 2, text_of(finding, "message"));
    if (json_array_size(timeline) > 0)
        fprintf(f, "\n  %16s  %-20s  %3s  %s\n", "time (us before)", "thread", "cpu", "event");
    json_array_foreach (timeline, i, item) {
        int cpu = (int)json_integer_value(json_object_get(item, "cpu"));
        char name[16] = "-";

        if (cpu >= 0)
            snprintf(name, sizeof name, "%d", cpu);
        fprintf(f, "  %16.1f  %-20s  %3s  %s\n", json_number_value(json_object_get(item, "us")),
                text_of(item, "thread"), name, text_of(item, "event"));
    }
    if (json_array_size(json_object_get(finding, "stacks")) > 0)
        fprintf(f, "\n  stacks\n");
    json_array_foreach (json_object_get(finding, "stacks"), i, item)
        put_stack(f, item);
    if (*text_of(finding, "output"))
        fprintf(f, "\n  the runner's last words\n%s", text_of(finding, "output"));
    fprintf(f, "\n  repro: %s\n", text_of(finding, "repro"));
}

/* --- The table --- */

struct columns {
    char gps[32], p50[32], p99[32], max[32], forced[32], checks[32];
};

static json_t *gp_latency(json_t *run)
{
    json_t *latency = json_object_get(run, "latency"), *gp = json_object_get(latency, "gp");

    return gp ? gp : json_object_get(latency, "gp.total");
}

static double percentile(json_t *latency, const char *name)
{
    return json_number_value(json_object_get(json_object_get(latency, "percentiles"), name));
}

static json_int_t sum_counters(json_t *run, const char *name)
{
    json_int_t sum = 0;
    const char *key;
    json_t *workload;

    json_object_foreach (json_object_get(run, "counters"), key, workload)
        sum += json_integer_value(json_object_get(workload, name));
    return sum;
}

static void fill_columns(json_t *run, struct columns *c)
{
    json_t *gp = gp_latency(run), *library = json_object_get(run, "library");
    json_t *gps = json_object_get(library, "gps"), *forced = json_object_get(library, "gps_forced");
    char number[32];

    memset(c, 0, sizeof *c);
    strcpy(c->p50, "-");
    strcpy(c->p99, "-");
    strcpy(c->max, "-");
    strcpy(c->forced, "-");
    report_grouped((uint64_t)(gps ? json_integer_value(gps) : sum_counters(run, "gps")), c->gps);
    if (forced)
        report_grouped((uint64_t)json_integer_value(forced), c->forced);
    if (gp) {
        report_duration(percentile(gp, "50"), c->p50);
        report_duration(percentile(gp, "99"), c->p99);
        report_duration(json_number_value(json_object_get(gp, "max")), c->max);
    }
    report_count((double)sum_counters(run, "checks"), number);
    snprintf(c->checks, sizeof c->checks, "%s", number);
}

static const char *verdict_color(const char *verdict)
{
    return strcmp(verdict, "pass") == 0 ? GREEN : strcmp(verdict, "violation") == 0 ? RED : AMBER;
}

static void put_row(FILE *f, json_t *run, int width, bool color)
{
    const char *verdict = text_of(run, "verdict"), *label = text_of(run, "label");
    struct columns c;

    if (!*label)
        label = text_of(run, "flavor");
    if (strcmp(verdict, "skipped") == 0) {
        fprintf(f, "  %-*s  %sskipped%s: %s\n", width, label, color ? AMBER : "",
                color ? PLAIN : "", text_of(run, "skip"));
        return;
    }
    fill_columns(run, &c);
    fprintf(f, "  %-*s %11s %9s %9s %9s %8s %7s  %s%s%s\n", width, label, c.gps, c.p50, c.p99,
            c.max, c.forced, c.checks, color ? verdict_color(verdict) : "", verdict,
            color ? PLAIN : "");
}

static void put_table(FILE *f, json_t *runs, bool color)
{
    int width = 10;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        int length = (int)strlen(text_of(run, "label"));

        if (length > width)
            width = length;
    }
    fprintf(f, "  %-*s %11s %9s %9s %9s %8s %7s  %s\n", width, "point", "GPs", "GP p50", "GP p99",
            "max", "forced", "checks", "verdict");
    json_array_foreach (runs, i, run)
        put_row(f, run, width, color);
}

/* The read side is what everything else must not slow down. */
static void put_read_side(FILE *f, json_t *runs)
{
    bool any = false;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        json_t *pair = json_object_get(json_object_get(run, "latency"), "read_side.pair");
        double unit = strcmp(text_of(pair, "unit"), "ps") == 0 ? 1000 : 1;

        if (!pair)
            continue;
        fprintf(f, "%s%s%s%.2f ns",
                any ? ", " : "  Read-side pair, median: ", text_of(run, "label"),
                *text_of(run, "label") ? " " : "", percentile(pair, "50") / unit);
        any = true;
    }
    if (any)
        fprintf(f, ".\n");
}

static void put_reached(FILE *f, json_t *runs)
{
    json_t *sums = json_object(), *run, *value;
    const char *key, *separator = "  Reached: ";
    size_t i;

    json_array_foreach (runs, i, run)
        json_object_foreach (json_object_get(run, "coverage"), key, value)
            json_object_set_new(sums, key,
                                json_integer(json_integer_value(json_object_get(sums, key)) +
                                             json_integer_value(value)));
    json_object_foreach (sums, key, value) {
        char number[32];

        fprintf(f, "%s%s %s", separator, key,
                report_grouped((uint64_t)json_integer_value(value), number));
        separator = ", ";
    }
    if (json_object_size(sums) > 0)
        fprintf(f, ".\n");
    json_decref(sums);
}

/* A metric in its own unit: latencies are nanoseconds, the rest plain numbers. */
static void put_figure(FILE *f, const char *metric, bool ratio, double value)
{
    char buffer[32];

    if (ratio)
        fprintf(f, "%.3g", value);
    else if (strncmp(metric, "library.", 8) == 0 || strncmp(metric, "counters.", 9) == 0 ||
             strncmp(metric, "rate.", 5) == 0)
        fprintf(f, "%s", report_count(value, buffer));
    else
        fprintf(f, "%s", report_duration(value, buffer));
}

static void put_selection(FILE *f, json_t *point)
{
    const char *key, *separator = "";
    json_t *value;

    json_object_foreach (point, key, value) {
        const char *dot = strrchr(key, '.');

        fprintf(f, "%s%s=", separator, dot ? dot + 1 : key);
        if (json_is_string(value))
            fputs(json_string_value(value), f);
        else
            json_dumpf(value, f, JSON_ENCODE_ANY | JSON_COMPACT);
        separator = " ";
    }
}

static void put_budgets(FILE *f, json_t *budgets, bool color)
{
    json_t *budget;
    size_t i;

    json_array_foreach (budgets, i, budget) {
        const char *metric = text_of(budget, "metric");
        json_t *ratio = json_object_get(budget, "ratio_to"), *max = json_object_get(budget, "max"),
               *min = json_object_get(budget, "min");
        bool ok = json_is_true(json_object_get(budget, "ok"));

        fprintf(f, "  budget %s", metric);
        if (json_object_size(json_object_get(budget, "point")) > 0) {
            fprintf(f, " (");
            put_selection(f, json_object_get(budget, "point"));
            fprintf(f, ")");
        }
        if (ratio) {
            fprintf(f, " over ");
            put_selection(f, ratio);
        }
        if (json_is_null(json_object_get(budget, "value"))) {
            fprintf(f, ": %snot measured%s\n", color ? RED : "", color ? PLAIN : "");
            continue;
        }
        fprintf(f, ": ");
        put_figure(f, metric, ratio != NULL, json_number_value(json_object_get(budget, "value")));
        if (max) {
            fprintf(f, ", at most ");
            put_figure(f, metric, ratio != NULL, json_number_value(max));
        }
        if (min) {
            fprintf(f, ", at least ");
            put_figure(f, metric, ratio != NULL, json_number_value(min));
        }
        fprintf(f, "  %s%s%s\n", color ? (ok ? GREEN : RED) : "", ok ? "ok" : "EXCEEDED",
                color ? PLAIN : "");
    }
}

static void put_verdict(FILE *f, json_t *verdict, bool color)
{
    const char *correctness = text_of(verdict, "correctness");
    double clean = json_number_value(json_object_get(verdict, "clean_seconds"));
    double rate =
        json_number_value(json_object_get(json_object_get(verdict, "max_failures_per_hour"), "95"));
    int code = (int)json_integer_value(json_object_get(verdict, "exit_code"));
    bool over = strcmp(text_of(verdict, "performance"), "exceeded") == 0;
    json_t *reason;
    size_t i;

    if (strcmp(correctness, "pass") == 0)
        fprintf(f,
                "  %s%s%s  %.1f s clean. With 95 %% confidence the failure rate is below %.3g an "
                "hour: soak to know more.\n",
                color ? (over ? AMBER : GREEN) : "", over ? "PASS, but too slow" : "PASS",
                color ? PLAIN : "", clean, rate);
    else if (strcmp(correctness, "violation") == 0)
        fprintf(f, "  %sVIOLATION%s  the library under test broke its promise; see above.\n",
                color ? RED : "", color ? PLAIN : "");
    else if (strcmp(correctness, "inconclusive") == 0)
        fprintf(f,
                "  %sINCONCLUSIVE%s  %.1f s clean, but not everything that the scenario requires "
                "was reached.\n",
                color ? AMBER : "", color ? PLAIN : "", clean);
    else
        fprintf(f, "  %sSKIPPED%s  nothing could run here.\n", color ? AMBER : "",
                color ? PLAIN : "");
    json_array_foreach (json_object_get(verdict, "reasons"), i, reason)
        put_folded(f, 4, json_string_value(reason));
    if (code != EXIT_CODE_PASS)
        fprintf(f, "  exit code %d (%s)\n", code, exit_code_meaning(code));
}

static void put_header(FILE *f, json_t *result)
{
    json_t *host = json_object_get(result, "host"), *tool = json_object_get(result, "tool");
    json_int_t cpus = json_integer_value(json_object_get(host, "cpus_allowed"));
    json_int_t nodes = json_integer_value(json_object_get(host, "numa_nodes"));

    fprintf(f,
            "stillpoint %s  %s  seed %lld  %lld CPU%s, %lld NUMA node%s, %s  membarrier %s  kvm "
            "%s\n\n",
            text_of(tool, "version"), text_of(json_object_get(result, "scenario"), "name"),
            (long long)json_integer_value(json_object_get(result, "seed")), (long long)cpus,
            cpus == 1 ? "" : "s", (long long)nodes, nodes == 1 ? "" : "s", text_of(host, "kernel"),
            json_is_true(json_object_get(host, "membarrier")) ? "yes" : "no",
            json_is_true(json_object_get(host, "kvm")) ? "yes" : "no");
}

void report_result(FILE *f, json_t *result, const char *directory, json_t *files, bool color)
{
    json_t *runs = json_object_get(result, "runs"), *verdict = json_object_get(result, "verdict");
    json_t *run, *finding, *file;
    size_t i, j;

    put_header(f, result);
    put_table(f, runs, color);
    putc('\n', f);
    put_read_side(f, runs);
    put_reached(f, runs);
    put_budgets(f, json_object_get(verdict, "budgets"), color);
    putc('\n', f);
    json_array_foreach (runs, i, run)
        json_array_foreach (json_object_get(run, "findings"), j, finding) {
            report_finding(f, finding, color);
            putc('\n', f);
        }
    put_verdict(f, verdict, color);
    fprintf(f, "  %s ", directory);
    json_array_foreach (files, i, file)
        fprintf(f, "  %s", json_string_value(file));
    putc('\n', f);
}
