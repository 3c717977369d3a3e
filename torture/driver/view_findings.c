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
     * Pairs with: write_down(), STORE message -> STORE ready (release).
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

/* Whether it is new. */
static bool take_finding(const struct view *v, struct findings *known, size_t workload,
                         const char *check, const struct shared_check *c)
{
    struct finding *f;
    bool fresh;

    /* What was overwritten is reported by the guard. */
    if (!view_check_is_ready(c) || !view_check_is_whole(c))
        return false;
    f = known_finding(known, workload, check);
    fresh = f == NULL;
    if (fresh) {
        f = make_finding(v, workload, check, c);
        findings_add(known, f);
    }
    f->count = atomic_load_explicit(&c->count, memory_order_relaxed);
    return fresh;
}

/* Of one that no workload has: whose thread found it. */
static size_t workload_of(const struct view *v, const struct shared_check *c)
{
    return c->thread >= 0 && (size_t)c->thread < v->thread_count ? v->threads[c->thread].workload
                                                                 : 0;
}

size_t view_findings(const struct view *v, struct findings *known)
{
    const struct shared_check *of_run = &v->header->statistics;
    json_t *w, *name;
    size_t i, j, fresh = 0;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        struct shared_check *checks = view_checks(v, w);

        json_array_foreach (json_object_get(w, "checks"), j, name)
            fresh += take_finding(v, known, i, json_string_value(name), &checks[j]);
    }
    if (view_check_is_ready(of_run))
        fresh += take_finding(v, known, workload_of(v, of_run), "statistics", of_run);
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
