/* One run in one line, as it has ended. */
#include "headline.h"
#include "report_parts.h"
#include "torture/scenario/document.h"

#include <string.h>

/* "gp.wait p50 0.9 ms, p99 117 ms, max 121 ms". */
static void put_latency(FILE *f, const char *name, json_t *latency)
{
    char p50[32], p99[32], max[32];

    report_value(latency, report_percentile_ns(latency, "50"), p50);
    report_value(latency, report_percentile_ns(latency, "99"), p99);
    report_value(latency, report_ns(latency, json_object_get(latency, "max")), max);
    fprintf(f, "  %s p50 %s, p99 %s, max %s", name, p50, p99, max);
}

void report_run(FILE *f, json_t *run)
{
    json_t *result = json_pack("{s[O]}", "runs", run), *order = headline_order(result);
    const char *name = headline_of(order, run), *label = document_text(run, "label");
    json_int_t repeat = json_integer_value(json_object_get(run, "repeat"));
    size_t findings = json_array_size(json_object_get(run, "findings"));

    fprintf(f, "%s", *label ? label : document_text(run, "flavor"));
    if (repeat > 0)
        fprintf(f, " #%lld", (long long)repeat + 1);
    fprintf(f, "  %s after %.1f s", document_text(run, "verdict"),
            json_number_value(json_object_get(run, "seconds")));
    if (name)
        put_latency(f, name, json_object_get(json_object_get(run, "latency"), name));
    if (findings > 0)
        fprintf(f, "  findings %zu", findings);
    if (json_object_get(run, "left_out"))
        fprintf(f, "  left out: %s", document_text(run, "left_out"));
    fputc('\n', f);
    json_decref(order);
    json_decref(result);
}
