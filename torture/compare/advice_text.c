/* Advice as people read it. */
#include "advice.h"

#include "metric.h"
#include "torture/record/text.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NARROWEST 20

struct cells {
    char *name;
    char operations[32], operation[32], wait[32], memory[32];
    const char *mark;
};

static bool same_scheme(json_t *a, json_t *b)
{
    return strcmp(document_text(a, "flavor"), document_text(b, "flavor")) == 0 &&
           strcmp(document_text(a, "policy"), document_text(b, "policy")) == 0;
}

static void fill(struct cells *c, json_t *scheme, json_t *chosen)
{
    json_t *operations = json_object_get(scheme, "operations");
    json_t *operation = json_object_get(scheme, "operation"),
           *wait = json_object_get(scheme, "wait");
    json_t *memory = json_object_get(scheme, "memory");

    *c = (struct cells){.name = advice_scheme(scheme),
                        .operations = "-",
                        .operation = "-",
                        .wait = "-",
                        .memory = "-",
                        .mark = ""};
    if (json_is_number(operations))
        report_count(json_number_value(operations), c->operations);
    if (json_is_number(operation))
        report_duration(json_number_value(operation), c->operation);
    if (json_is_number(wait))
        report_duration(json_number_value(wait), c->wait);
    if (json_is_number(memory))
        report_bytes(json_number_value(memory), c->memory);
    if (same_scheme(scheme, chosen))
        c->mark = "this";
    else if (json_is_true(json_object_get(scheme, "front")))
        c->mark = "front";
}

char *advice_mix(json_t *advice)
{
    json_int_t readers = json_integer_value(json_object_get(advice, "readers"));
    bool stalled = json_integer_value(json_object_get(advice, "stallers")) > 0;

    return text_format("%lld thread%s, %g %% updates%s%s", (long long)readers,
                       readers == 1 ? "" : "s",
                       json_number_value(json_object_get(advice, "updates")),
                       stalled ? ", beside a reader that stays " : "",
                       stalled ? document_text(advice, "stall") : "");
}

static int widest(json_t *schemes)
{
    int width = NARROWEST;
    json_t *scheme;
    size_t i;

    json_array_foreach (schemes, i, scheme) {
        char *name = advice_scheme(scheme);

        if ((int)strlen(name) > width)
            width = (int)strlen(name);
        free(name);
    }
    return width;
}

void advice_report(FILE *f, json_t *advice)
{
    json_t *schemes = json_object_get(advice, "schemes"), *scheme;
    json_t *chosen = json_object_get(advice, "advice");
    int width = widest(schemes);
    char *mix = advice_mix(advice);
    size_t i;

    fprintf(f, "%s\n\n  %-*s %13s %10s %13s %12s\n", mix, width, "scheme", "operations/s",
            "p50 of one", "reclaimed p99", "held back");
    json_array_foreach (schemes, i, scheme) {
        struct cells c;

        fill(&c, scheme, chosen);
        fprintf(f, "  %-*s %13s %10s %13s %12s%s%s\n", width, c.name, c.operations, c.operation,
                c.wait, c.memory, *c.mark ? "  " : "", c.mark);
        free(c.name);
    }
    putc('\n', f);
    report_folded(f, 0, 0, document_text(advice, "reason"));
    putc('\n', f);
    fputs("Front: nothing else does more, reclaims sooner and holds back less.\n", f);
    free(mix);
}

void advice_markdown(FILE *f, json_t *advice)
{
    json_t *schemes = json_object_get(advice, "schemes"), *scheme;
    json_t *chosen = json_object_get(advice, "advice");
    char *mix = advice_mix(advice);
    size_t i;

    fprintf(f,
            "%s: **%s**\n\n| scheme | operations/s | p50 of one | reclaimed, p99 | held back | |\n"
            "| --- | ---: | ---: | ---: | ---: | --- |\n",
            mix, document_text(advice, "reason"));
    json_array_foreach (schemes, i, scheme) {
        struct cells c;

        fill(&c, scheme, chosen);
        fprintf(f, "| %s | %s | %s | %s | %s | %s |\n", c.name, c.operations, c.operation, c.wait,
                c.memory, c.mark);
        free(c.name);
    }
    free(mix);
}
