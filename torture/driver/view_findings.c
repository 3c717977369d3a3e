/* What threads of a runner found, and how it crashed. */
#include "symbols.h"
#include "view_parts.h"

#include "torture/record/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shared_check *view_checks(const struct view *v, json_t *workload)
{
    return (struct shared_check *)((char *)v->header +
                                   view_member_number(workload, "checks_offset"));
}

bool view_check_is_ready(const struct shared_check *c)
{
    /* Orders: LOAD ready (acquire) -> LOAD of the report.
     * Pairs with: torture_violation(), STORE message -> STORE ready (release).
     * Broken: the driver prints half a message. */
    return atomic_load_explicit(&c->ready, memory_order_acquire) != 0;
}

bool view_check_is_whole(const struct shared_check *c)
{
    return c->sum == shared_check_sum(c);
}

static struct finding *known_finding(const struct findings *known, size_t workload,
                                     const char *check)
{
    for (size_t i = 0; i < known->count; i++)
        if (known->list[i]->workload_index == workload && strcmp(known->list[i]->check, check) == 0)
            return known->list[i];
    return NULL;
}

static struct finding *make_finding(const struct view *v, size_t w, const char *check,
                                    const struct shared_check *c)
{
    char *message = text_printable(c->message, sizeof c->message);
    struct finding *f =
        finding_new(check, (unsigned)w, view_member_text(view_workload(v, w), "name"),
                    fmax(0, view_seconds(v, c->ticks)), message);

    if (c->thread >= 0 && (size_t)c->thread < v->thread_count)
        finding_add_thread(f, v->threads[c->thread].name);
    view_check_timeline(v, c, f);
    free(message);
    return f;
}

size_t view_findings(const struct view *v, struct findings *known)
{
    json_t *w, *name;
    size_t i, j, fresh = 0;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        struct shared_check *checks = view_checks(v, w);

        json_array_foreach (json_object_get(w, "checks"), j, name) {
            const char *check = json_string_value(name);
            struct finding *f;

            /* What was overwritten is reported by the guard. */
            if (!view_check_is_ready(&checks[j]) || !view_check_is_whole(&checks[j]))
                continue;
            f = known_finding(known, i, check);
            if (!f) {
                f = make_finding(v, i, check, &checks[j]);
                findings_add(known, f);
                fresh++;
            }
            f->count = atomic_load_explicit(&checks[j].count, memory_order_relaxed);
        }
    }
    return fresh;
}

struct finding *view_crash(const struct view *v)
{
    struct shared_crash *c = &v->header->crash;
    /* Orders: LOAD signal (acquire) -> LOAD thread, LOAD address.
     * Pairs with: on_crash(), STORE thread, STORE address -> STORE signal (release).
     * Broken: the driver reports a crash of thread 0 at address 0. */
    int number = atomic_load_explicit(&c->signal, memory_order_acquire);
    bool known = c->thread >= 0 && (size_t)c->thread < v->thread_count;
    bool early = number && known && c->in_section && (number == SIGSEGV || number == SIGBUS);
    bool stray = number && c->stray;
    const char *who = known ? v->threads[c->thread].name : "a thread outside the workloads";
    unsigned w = known ? v->threads[c->thread].workload : 0;
    char message[256], *written, *stack;
    struct symbols *symbols;
    struct finding *f;

    /* Not as the handler wrote it: how the process ended tells more. */
    if (!number || c->sum != shared_crash_sum(c, number))
        return NULL;
    if (c->sender != 0)
        snprintf(message, sizeof message, "The runner was ended by a signal from process %d: %s.",
                 (int)c->sender, strsignal(number));
    else if (stray)
        snprintf(message, sizeof message,
                 "%s crashed at address 0x%llx, between the parts of what the harness keeps: it "
                 "wrote or read where it must not.",
                 who, (unsigned long long)c->address);
    else if (early)
        snprintf(
            message, sizeof message,
            "%s crashed inside a read section, at address 0x%llx (%s): what it reached there had "
            "been freed.",
            who, (unsigned long long)c->address, strsignal(number));
    else if (number == SIGABRT)
        snprintf(message, sizeof message, "%s aborted.", who);
    else
        snprintf(message, sizeof message, "%s crashed: %s at address 0x%llx.", who,
                 strsignal(number), (unsigned long long)c->address);
    f = finding_new(stray   ? "stray-write"
                    : early ? "early-reuse"
                            : "crash",
                    w, view_member_text(view_workload(v, w), "name"),
                    fmax(0, view_seconds(v, c->ticks)), message);
    finding_add_thread(f, who);
    view_timeline(v, c->thread, c->ticks, f);
    written = text_printable(c->stack, sizeof c->stack);
    symbols = symbols_open(v->maps);
    stack = symbols_of_stack(symbols, written);
    symbols_close(symbols);
    free(written);
    stacks_add(&f->stacks, &(struct finding_stack){.thread = (char *)who, .text = stack});
    free(stack);
    return f;
}
