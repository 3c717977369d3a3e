/* What led to a finding: notes of the flight recorder, merged by time. */
#include "view_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_OF_CULPRIT 8
#define NOTES_OF_OTHERS  3
#define TIMELINE         20

/* Of the moments of all threads, at most TIMELINE are shown: what is about the finding first, then
 * what is nearest to it in time. */
static int by_use(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;

    if (a->relevant != b->relevant)
        return a->relevant ? -1 : 1;
    return a->note.ticks > b->note.ticks ? -1 : a->note.ticks < b->note.ticks;
}

static int by_time(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;

    return a->note.ticks < b->note.ticks ? -1 : a->note.ticks > b->note.ticks;
}

/* The row of the workload's notes, as the ready event has it; NULL when it has none. */
static json_t *note_row(const struct view *v, const struct moment *m)
{
    json_t *workload = view_workload(v, v->threads[m->thread].workload);

    return json_array_get(json_object_get(workload, "notes"), m->note.kind);
}

static const char *note_format(const struct view *v, const struct moment *m)
{
    const char *format = json_string_value(json_object_get(note_row(v, m), "format"));

    return format ? format : "?";
}

static bool note_enters(const struct view *v, const struct moment *m)
{
    return json_is_true(json_object_get(note_row(v, m), "enters"));
}

static void add_moment(const struct view *v, const struct moment *m, uint64_t ticks,
                       struct finding *f)
{
    const struct view_thread *t = &v->threads[m->thread];
    char text[160];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, note_format(v, m), m->note.a, m->note.b);
#pragma GCC diagnostic pop
    finding_add_moment(
        f, &(struct finding_moment){
               .us = (double)(int64_t)(m->note.ticks - ticks) * v->header->ns_per_tick / 1e3,
               .thread = (char *)t->name,
               .cpu = t->cpu,
               .event = text,
           });
}

/* Marks the section in which the thread found the violation, and the last that another did
 * meanwhile with what it held. */
static void mark_section(const struct view *v, const struct moment *moments, size_t count,
                         int thread, struct finding *f)
{
    size_t entered = count, during = count;

    for (size_t i = 0; i < count; i++)
        if (moments[i].thread == thread && note_enters(v, &moments[i]))
            entered = i;
    if (entered == count)
        return;
    for (size_t i = entered + 1; i < count; i++)
        if (moments[i].thread != thread && moments[i].note.a == moments[entered].note.a)
            during = i;
    finding_mark(f, entered, v->threads[thread].name, "comes in");
    if (during < count)
        finding_mark(f, during, v->threads[thread].name, "is still inside");
}

/* Sorts and cuts `moments`. The finding has none yet. */
static void add_timeline(const struct view *v, struct moment *moments, size_t count, int thread,
                         uint64_t ticks, struct finding *f)
{
    qsort(moments, count, sizeof *moments, by_use);
    count = count < TIMELINE ? count : TIMELINE;
    qsort(moments, count, sizeof *moments, by_time);
    for (size_t i = 0; i < count; i++)
        add_moment(v, &moments[i], ticks, f);
    mark_section(v, moments, count, thread, f);
}

void view_timeline(const struct view *v, int thread, uint64_t ticks, struct finding *f)
{
    struct moment *moments = calloc(v->thread_count * NOTES_OF_CULPRIT + 1, sizeof *moments);
    size_t count = 0;

    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        /* Orders: LOAD note_count (acquire) -> LOAD notes[].
         * Pairs with: torture_note_at(), STORE notes[] -> STORE note_count (release).
         * Broken: a report shows a note that is half written. */
        uint64_t notes = atomic_load_explicit(&t->note_count, memory_order_acquire);
        unsigned most = (int)i == thread ? NOTES_OF_CULPRIT : NOTES_OF_OTHERS;

        for (uint64_t j = 0; j < notes && j < SHARED_NOTES && j < most; j++) {
            struct note note = t->notes[(notes - 1 - j) % SHARED_NOTES];

            if (note.ticks <= ticks && note.sum == note_sum(&note))
                moments[count++] = (struct moment){note, (int32_t)i, (int)i == thread};
        }
    }
    add_timeline(v, moments, count, -1, ticks, f);
    free(moments);
}

void view_check_timeline(const struct view *v, const struct shared_check *c, struct finding *f)
{
    struct moment moments[SHARED_MOMENTS] = {{.thread = -1}};
    size_t count = 0;

    for (size_t i = 0; i < c->moment_count && i < SHARED_MOMENTS; i++)
        if (c->moments[i].thread >= 0 && (size_t)c->moments[i].thread < v->thread_count &&
            c->moments[i].note.ticks <= c->ticks)
            moments[count++] = c->moments[i];
    add_timeline(v, moments, count, c->thread, c->ticks, f);
}
