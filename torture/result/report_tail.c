/* Where the time above the 99th percentile went. */
#include "report_parts.h"

#include "torture/record/workload.h"
#include "torture/scenario/document.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 8    /* of more the result has them, and a picture */
#define LEAST     0.01 /* causes of a smaller share are not shown */

struct share {
    const struct cause *cause;
    double share;
    const char *thread; /* or NULL */
};

static int larger(const void *left, const void *right)
{
    double a = ((const struct share *)left)->share, b = ((const struct share *)right)->share;

    return (a < b) - (a > b);
}

/* "96 % a reader inside, blocked (long-reader-0); 2 % the caller woken late" */
static void put_shares(FILE *out, json_t *tail, const struct measure *m)
{
    struct share *shares = calloc(m->cause_count, sizeof *shares);
    double total = json_number_value(json_object_get(tail, "ns"));

    for (size_t i = 0; i < m->cause_count; i++) {
        json_t *cause = json_object_get(json_object_get(tail, "causes"), m->causes[i].name);

        shares[i].cause = &m->causes[i];
        shares[i].share = json_number_value(json_object_get(cause, "ns")) / total;
        shares[i].thread = json_string_value(json_object_get(cause, "thread"));
    }
    qsort(shares, m->cause_count, sizeof *shares, larger);
    for (size_t i = 0; i < m->cause_count && (i == 0 || shares[i].share >= LEAST); i++) {
        fprintf(out, "%s%.0f %% %s", i > 0 ? "; " : "", shares[i].share * 100,
                shares[i].cause->words);
        if (shares[i].thread && i == 0)
            fprintf(out, " (%s)", shares[i].thread);
    }
    free(shares);
}

bool report_tail_is_scheduler(json_t *run, const char *latency)
{
    json_t *tail = json_object_get(run, "tail"), *causes = json_object_get(tail, "causes");
    const struct measure *m = measure_named(latency);
    double waited = 0;

    if (strcmp(document_text(tail, "latency"), latency) != 0)
        return false;
    for (size_t i = 0; m && i < m->cause_count; i++)
        if (m->causes[i].scheduler)
            waited += json_number_value(
                json_object_get(json_object_get(causes, m->causes[i].name), "ns"));
    return waited > json_number_value(json_object_get(tail, "ns")) / 2;
}

static void put_row(FILE *f, json_t *run, json_t *tail)
{
    const char *name = json_string_value(json_object_get(tail, "latency"));
    const char *label = json_string_value(json_object_get(run, "label"));
    const struct measure *m = name ? measure_named(name) : NULL;
    char *text = NULL;
    size_t length;
    FILE *out = m && m->causes ? open_memstream(&text, &length) : NULL;

    if (!out)
        return;
    fputs(label && *label ? label : "all", out);
    fputs(": ", out);
    put_shares(out, tail, m);
    putc('.', out);
    fclose(out);
    report_folded(f, 4, 6, text);
    free(text);
}

void report_tail(FILE *f, json_t *rows)
{
    size_t i, known = 0, marked = 0;
    json_t *run;

    json_array_foreach (rows, i, run) {
        json_t *tail = json_object_get(run, "tail");

        known += tail != NULL;
        marked += tail && report_tail_is_scheduler(run, document_text(tail, "latency"));
    }
    if (known == 0)
        return;
    if (marked > 0)
        fprintf(f, "  * The scheduler's: for most of the time above it a thread could run and had "
                   "no CPU.\n\n");
    if (known > MOST_ROWS) {
        fprintf(
            f,
            "  Where the time of the slowest 1 %% went, at each of %zu points: see the picture\n"
            "    of causes, and \"tail\" in result.json.\n\n",
            known);
        return;
    }
    fprintf(f, "  Where the time of the slowest 1 %% went:\n");
    json_array_foreach (rows, i, run)
        if (json_object_get(run, "tail"))
            put_row(f, run, json_object_get(run, "tail"));
    putc('\n', f);
}
