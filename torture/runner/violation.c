/* Violations, as the threads of a runner report them. */
#include "violation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTES_OF_CULPRIT 6
#define NOTES_ABOUT_IT   8 /* of each other thread */
#define NOTES_BESIDES    3

/* One entry of a ring whose owner may be writing; false when it was overwritten meanwhile, by its
 * owner or by what should not. */
__attribute__((no_sanitize("thread"))) static bool copy_note(const struct shared_thread *t,
                                                             uint64_t index, struct note *note)
{
    const struct note *from = &t->notes[index % SHARED_NOTES];

    note->ticks = from->ticks;
    note->a = from->a;
    note->b = from->b;
    note->kind = from->kind;
    note->sum = from->sum;
    /* Orders: LOAD notes[] -> LOAD note_count (relaxed), by the fence.
     * Pairs with: torture_note_at(), STORE note_count -> STORE notes[] of its next call. Only x86
     * keeps these two in order: a fence there would hide bugs of the code under test.
     * Broken: a note that was overwritten meanwhile passes for whole, and a report shows it. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&t->note_count, memory_order_relaxed) - index < SHARED_NOTES - 1 &&
           note->sum == note_sum(note);
}

static bool has_second_number(const struct torture_thread *t, uint32_t kind)
{
    const char *first = strstr(t->instance->workload->notes[kind].format, "%lu");

    return first && strstr(first + 1, "%lu");
}

static void keep(struct shared_check *c, const struct note *note, unsigned thread, bool relevant)
{
    if (c->moment_count < SHARED_MOMENTS)
        c->moments[c->moment_count++] = (struct moment){*note, (int32_t)thread, relevant};
}

/* How it came in and what it saw; what it had seen before is of no use. */
static void keep_own(struct shared_check *c, const struct torture_thread *t)
{
    uint64_t count = atomic_load_explicit(&t->shared->note_count, memory_order_relaxed);
    struct note note;

    for (uint64_t i = 0; i < count && i < NOTES_OF_CULPRIT; i++)
        if (copy_note(t->shared, count - 1 - i, &note) &&
            (c->moment_count == 0 || note.a == c->moments[0].note.a))
            keep(c, &note, t->id, true);
}

/* What another thread noted about the same thing, and the last that it noted at all. */
static void keep_others(struct shared_check *c, const struct torture_thread *t,
                        const unsigned long *about)
{
    /* Orders: LOAD note_count (acquire) -> LOAD of the notes.
     * Pairs with: torture_note_at(), STORE notes[] -> STORE note_count (release).
     * Broken: a report shows a note that is half written. */
    uint64_t count = atomic_load_explicit(&t->shared->note_count, memory_order_acquire);
    unsigned relevant = 0, besides = 0;
    struct note note;

    for (uint64_t i = 0; i < count && i < SHARED_NOTES; i++) {
        if (!copy_note(t->shared, count - 1 - i, &note))
            break;
        if (about && (note.a == *about || (note.b == *about && has_second_number(t, note.kind)))) {
            if (relevant++ < NOTES_ABOUT_IT)
                keep(c, &note, t->id, true);
        } else if (besides++ < NOTES_BESIDES) {
            keep(c, &note, t->id, false);
        }
    }
}

/* The rings go on and are soon overwritten, so what led to the violation is copied out of them. */
static void keep_moments(struct shared_check *c, const struct instance *instance,
                         const struct torture_thread *t)
{
    const unsigned long *about = NULL;

    c->moment_count = 0;
    if (t)
        keep_own(c, t);
    if (c->moment_count > 0)
        about = &c->moments[0].note.a;
    for (size_t i = 0; i < instance->thread_count; i++)
        if (&instance->threads[i] != t && instance->threads[i].instance == instance)
            keep_others(c, &instance->threads[i], about);
}

/* Where --gdb stops: the report is whole, and the callers are the culprit's. */
void torture_finding_made(void);
__attribute__((noinline)) void torture_finding_made(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Whether it is the first one, which is written down. */
static bool count_violation(struct shared_check *c)
{
    atomic_fetch_add_explicit(&c->count, 1, memory_order_relaxed);
    return !atomic_exchange_explicit(&c->claimed, 1, memory_order_relaxed);
}

static void write_down(struct shared_check *c, const struct instance *instance,
                       const struct torture_thread *t, const char *format, va_list arguments)
{
    c->ticks = clock_ticks();
    c->thread = t ? (int32_t)t->id : -1;
    keep_moments(c, instance, t);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    c->sum = shared_check_sum(c);
    /* Orders: STORE message, and the rest of the report -> STORE ready (release).
     * Pairs with: view_check_is_ready(), LOAD ready (acquire) -> LOAD of the report.
     * Broken: the driver prints half a message. */
    atomic_store_explicit(&c->ready, 1, memory_order_release);
    torture_finding_made();
}

void torture_violation(struct instance *instance, struct torture_thread *t, unsigned check,
                       const char *format, ...)
{
    struct shared_check *c = &instance->checks[check];
    va_list arguments;

    if (!count_violation(c))
        return;
    va_start(arguments, format);
    write_down(c, instance, t, format, arguments);
    va_end(arguments);
}

void torture_violation_of_run(struct instance *instance, struct torture_thread *t,
                              struct shared_check *check, const char *format, ...)
{
    va_list arguments;

    if (!count_violation(check))
        return;
    va_start(arguments, format);
    write_down(check, instance, t, format, arguments);
    va_end(arguments);
}
