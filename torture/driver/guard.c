#include "guard.h"

#include "torture/record/clock.h"
#include "torture/record/text.h"
#include "view_parts.h"

#include <stdlib.h>
#include <string.h>

/* Nothing counts faster than this, and nobody adds up for longer before it counts. */
#define MOST_PER_NS 16
#define LONGEST_NS  (INT64_C(10) * 1000000000)

/* A word that only grows. */
struct guarded {
    const _Atomic uint64_t *word;
    const char *what;
    uint64_t before;
    unsigned thread;
    bool any_step; /* not a count: it may grow by any step */
};

static void add(struct guard *g, const _Atomic uint64_t *word, const char *what, size_t thread,
                bool any_step)
{
    g->words[g->count++] = (struct guarded){
        .word = word, .what = what, .thread = (unsigned)thread, .any_step = any_step};
}

static size_t words_of(const struct view *v)
{
    size_t count = 0;

    for (size_t i = 0; i < v->thread_count; i++) {
        json_t *w = view_workload(v, v->threads[i].workload);

        count += 2 + json_array_size(json_object_get(w, "counters")) +
                 3 * json_array_size(json_object_get(w, "measures"));
    }
    return count;
}

void guard_open(struct guard *g, struct view *v, int64_t begin_ns, int64_t end_ns)
{
    *g = (struct guard){.view = v,
                        .words = calloc(words_of(v) + 1, sizeof *g->words),
                        .ns_per_tick = v->header->ns_per_tick,
                        .begin_ns = begin_ns,
                        .end_ns = end_ns,
                        .looked_ns = clock_monotonic_ns()};
    if (!g->words)
        abort();
    for (size_t i = 0; i < v->thread_count; i++) {
        const struct view_thread *t = &v->threads[i];
        json_t *w = view_workload(v, t->workload), *item;
        size_t j;

        add(g, &t->shared->heartbeat, "heartbeat", i, false);
        add(g, &t->shared->note_count, "count of notes", i, false);
        json_array_foreach (json_object_get(w, "counters"), j, item)
            add(g, &t->counters[j], json_string_value(item), i, false);
        json_array_foreach (json_object_get(w, "measures"), j, item) {
            add(g, &t->histograms[j].count, view_member_text(item, "name"), i, false);
            add(g, &t->histograms[j].max, view_member_text(item, "name"), i, true);
            add(g, &t->histograms[j].min_inverted, view_member_text(item, "name"), i, true);
        }
    }
}

void guard_close(struct guard *g)
{
    free(g->words);
    *g = (struct guard){.view = NULL};
}

/* --- While it runs --- */

static char *told(struct guard *g, char *what)
{
    if (!what || g->overwritten) {
        free(what);
        return NULL;
    }
    g->overwritten = true;
    return text_append(text_format("Something wrote over what the harness keeps: "), what);
}

static char *distrust(struct guard *g, unsigned thread, unsigned *workload)
{
    *workload = g->view->threads[thread].workload;
    g->view->threads[thread].distrusted = g->view->distrusted = true;
    return text_format("%s", g->view->threads[thread].name);
}

/* All words are looked at, so that each thread that was overwritten is left out. */
static char *look_at_words(struct guard *g, unsigned *workload)
{
    int64_t now = clock_monotonic_ns();
    uint64_t most = (uint64_t)(now - g->looked_ns + LONGEST_NS) * MOST_PER_NS;
    char *what = NULL;

    g->looked_ns = now;
    for (size_t i = 0; i < g->count; i++) {
        struct guarded *w = &g->words[i];
        uint64_t value = atomic_load_explicit(w->word, memory_order_relaxed);

        if (value < w->before || (!w->any_step && value - w->before > most)) {
            char *name = distrust(g, w->thread, workload);

            if (!what)
                what = text_format("\"%s\" of %s went from %llu to %llu at once.", w->what, name,
                                   (unsigned long long)w->before, (unsigned long long)value);
            free(name);
        }
        w->before = value;
    }
    return what;
}

/* The times that the runner stores. */
static const char *look_at_times(struct guard *g)
{
    struct shared_header *h = g->view->header;
    int64_t gate = atomic_load_explicit(&h->gate_ns, memory_order_relaxed);
    int64_t end = atomic_load_explicit(&h->end_ns, memory_order_relaxed);
    int64_t still = atomic_load_explicit(&h->still_ns, memory_order_relaxed);
    int64_t now = clock_monotonic_ns(), gate_before = g->gate_ns, still_before = g->still_ns;

    g->gate_ns = gate;
    g->still_ns = still;
    if (gate && (gate < g->begin_ns || gate > now || (gate_before && gate != gate_before)))
        return "the gate did not open when it says.";
    if (!gate && gate_before)
        return "the gate had opened.";
    if (end && (end < gate || end > now))
        return "the run did not end when it says.";
    if (still < still_before || still > now - g->begin_ns)
        return "it did not stand still for as long as it says.";
    return NULL;
}

static char *look_at_header(struct guard *g, bool stopping)
{
    struct shared_header *h = g->view->header;
    unsigned stop = atomic_load_explicit(&h->stop, memory_order_relaxed);
    const char *what = NULL;

    if (h->magic != SHARED_MAGIC || h->size != g->view->size)
        what = "the head of the mapping is not what it was.";
    else if (h->ns_per_tick != g->ns_per_tick)
        what = "the length of a tick is not what it was.";
    else if (stop > 1 || (stop && !stopping && clock_monotonic_ns() < g->end_ns))
        what = "nobody had told the run to end.";
    else if (!stop && stopping)
        what = "the order to end was taken back.";
    else if (atomic_load_explicit(&h->phase, memory_order_relaxed) > PHASE_CALLED_OFF)
        what = "the phase of the run is none.";
    else
        what = look_at_times(g);
    /* So that times are right all the same; threads of the runner read what is beside it. */
    if (h->ns_per_tick != g->ns_per_tick)
        h->ns_per_tick = g->ns_per_tick;
    return what ? text_format("%s", what) : NULL;
}

/* NULL: the record is as a thread wrote it, or not there. */
static const char *look_at_check(const struct shared_check *c, bool ended)
{
    bool written = view_check_is_ready(c);
    uint64_t count = atomic_load_explicit(&c->count, memory_order_relaxed);

    return written && !view_check_is_whole(c) ? "its record is not what any thread wrote"
           : written && count == 0            ? "it has a record and was never violated"
           : ended && count > 0 && !written   ? "violations were counted, and none was written down"
                                              : NULL;
}

static char *look_at_checks(struct guard *g, bool ended, unsigned *workload)
{
    const char *of_run = look_at_check(&g->view->header->statistics, ended);
    json_t *w, *name;
    size_t i, j;

    if (of_run)
        return text_format("the check \"statistics\": %s.", of_run);
    json_array_foreach (json_object_get(g->view->ready, "workloads"), i, w) {
        const struct shared_check *checks = view_checks(g->view, w);

        json_array_foreach (json_object_get(w, "checks"), j, name) {
            const char *what = look_at_check(&checks[j], ended);

            if (what) {
                *workload = (unsigned)i;
                return text_format("the check \"%s\" of %s: %s.", json_string_value(name),
                                   view_member_text(w, "name"), what);
            }
        }
    }
    return NULL;
}

char *guard_look(struct guard *g, bool stopping, unsigned *workload)
{
    char *what;

    *workload = 0;
    what = look_at_header(g, stopping);
    if (!what)
        what = look_at_words(g, workload);
    if (!what)
        what = look_at_checks(g, false, workload);
    return told(g, what);
}

/* --- When it has ended --- */

/* The newest notes, but for the slot that the next one was to be written to. */
static char *look_at_notes(struct guard *g, unsigned *workload)
{
    for (size_t i = 0; i < g->view->thread_count; i++) {
        const struct shared_thread *t = g->view->threads[i].shared;
        uint64_t count = atomic_load_explicit(&t->note_count, memory_order_relaxed);

        for (uint64_t j = 0; j < count && j < SHARED_NOTES - 1; j++) {
            const struct note *note = &t->notes[(count - 1 - j) % SHARED_NOTES];

            if (note->sum != note_sum(note)) {
                *workload = g->view->threads[i].workload;
                return text_format("note %llu of %s is not what it wrote.",
                                   (unsigned long long)(count - j), g->view->threads[i].name);
            }
        }
    }
    return NULL;
}

/* Of threads that ended as planned each value is in its bucket. */
static char *look_at_histograms(struct guard *g, unsigned *workload)
{
    char *what = NULL;

    for (size_t i = 0; i < g->view->thread_count; i++) {
        const struct view_thread *t = &g->view->threads[i];
        json_t *item;
        size_t j;

        json_array_foreach (json_object_get(view_workload(g->view, t->workload), "measures"), j,
                            item) {
            uint64_t sum = 0,
                     count = atomic_load_explicit(&t->histograms[j].count, memory_order_relaxed);

            for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
                sum += atomic_load_explicit(&t->histograms[j].buckets[k], memory_order_relaxed);
            if (sum != count) {
                free(distrust(g, (unsigned)i, workload));
                free(what);
                what = text_format("\"%s\" of %s has %llu values, and %llu in its buckets.",
                                   view_member_text(item, "name"), t->name,
                                   (unsigned long long)count, (unsigned long long)sum);
            }
        }
    }
    return what;
}

/* The lie of a crash, while it ran or when something else ended it. */
static char *look_at_crash(struct guard *g)
{
    const struct shared_crash *c = &g->view->header->crash;
    int number = atomic_load_explicit(&c->signal, memory_order_relaxed);

    if (!number || c->sum == shared_crash_sum(c, number))
        return NULL;
    return text_format("the record of a crash is not what the handler wrote.");
}

/* Errors of which no limit tells are not written down as refusals. */
static char *look_at_refusals(struct guard *g)
{
    for (unsigned i = 0; i < REFUSABLE_COUNT; i++) {
        const struct shared_refusal *r = &g->view->header->refused[i];
        uint64_t count = atomic_load_explicit(&r->count, memory_order_relaxed);
        int error = atomic_load_explicit(&r->error, memory_order_relaxed);

        if ((count || error) && !refusal_remedy(error, refusable_calls[i]))
            return text_format("%s was not refused as often as it says.", refusable_calls[i]);
    }
    return NULL;
}

char *guard_look_at_end(struct guard *g, bool finished, unsigned *workload)
{
    char *what;

    *workload = 0;
    what = look_at_words(g, workload);
    if (!what)
        what = look_at_crash(g);
    if (!what)
        what = look_at_refusals(g);
    if (!what && finished)
        what = look_at_checks(g, true, workload);
    if (!what)
        what = look_at_notes(g, workload);
    if (!what && finished)
        what = look_at_histograms(g, workload);
    return told(g, what);
}
