/* What threads of a runner found, or were doing: findings, timelines, stacks, crashes. */
#include "view_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOTES_OF_CULPRIT 8
#define NOTES_OF_OTHERS  3
#define TIMELINE         20

static struct shared_check *checks_of(const struct view *v, json_t *workload)
{
    return (struct shared_check *)((char *)v->header +
                                   view_member_number(workload, "checks_offset"));
}

static json_t *known_finding(json_t *known, size_t workload, const char *check)
{
    json_t *f;
    size_t i;

    json_array_foreach (known, i, f)
        if (view_member_number(f, "workload_index") == workload &&
            strcmp(view_member_text(f, "check"), check) == 0)
            return f;
    return NULL;
}

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

static json_t *describe_moment(const struct view *v, const struct moment *m, uint64_t ticks)
{
    const struct view_thread *t = &v->threads[m->thread];
    char text[160];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, note_format(v, m), m->note.a, m->note.b);
#pragma GCC diagnostic pop
    return json_pack("{sf ss si ss}", "us",
                     (double)(int64_t)(m->note.ticks - ticks) * v->header->ns_per_tick / 1e3,
                     "thread", t->name, "cpu", t->cpu, "event", text);
}

static void mark(json_t *list, size_t i, const char *thread, const char *what)
{
    json_object_set_new(json_array_get(list, i), "mark", json_sprintf("%s %s", thread, what));
}

/* Marks the section in which the thread found the violation, and the last that another did
 * meanwhile with what it held. */
static void mark_section(const struct view *v, const struct moment *moments, size_t count,
                         int thread, json_t *list)
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
    mark(list, entered, v->threads[thread].name, "comes in");
    if (during < count)
        mark(list, during, v->threads[thread].name, "is still inside");
}

/* Sorts and cuts `moments`. */
static json_t *make_timeline(const struct view *v, struct moment *moments, size_t count, int thread,
                             uint64_t ticks)
{
    json_t *list = json_array();

    qsort(moments, count, sizeof *moments, by_use);
    count = count < TIMELINE ? count : TIMELINE;
    qsort(moments, count, sizeof *moments, by_time);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe_moment(v, &moments[i], ticks));
    mark_section(v, moments, count, thread, list);
    return list;
}

json_t *view_timeline(const struct view *v, int thread, uint64_t ticks)
{
    struct moment *moments = calloc(v->thread_count * NOTES_OF_CULPRIT + 1, sizeof *moments);
    json_t *list;
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

            if (note.ticks <= ticks)
                moments[count++] = (struct moment){note, (int32_t)i, (int)i == thread};
        }
    }
    list = make_timeline(v, moments, count, -1, ticks);
    free(moments);
    return list;
}

static json_t *finding_timeline(const struct view *v, const struct shared_check *c)
{
    struct moment moments[SHARED_MOMENTS] = {{.thread = -1}};
    size_t count = 0;

    for (size_t i = 0; i < c->moment_count && i < SHARED_MOMENTS; i++)
        if (c->moments[i].thread >= 0 && (size_t)c->moments[i].thread < v->thread_count &&
            c->moments[i].note.ticks <= c->ticks)
            moments[count++] = c->moments[i];
    return make_timeline(v, moments, count, c->thread, c->ticks);
}

/* A text that the code under test may have scribbled over, as JSON can hold it. */
static json_t *safe_text(const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    char *copy = strndup(text, length);
    json_t *value;

    for (size_t i = 0; copy && i < length; i++)
        if (((unsigned char)copy[i] < 32 && copy[i] != '\n') || (unsigned char)copy[i] >= 127)
            copy[i] = '?';
    value = json_string(copy ? copy : "");
    free(copy);
    return value;
}

static json_t *make_finding(const struct view *v, size_t w, const char *check,
                            const struct shared_check *c)
{
    json_t *threads = json_array();

    if (c->thread >= 0 && (size_t)c->thread < v->thread_count)
        json_array_append_new(threads, json_string(v->threads[c->thread].name));
    return json_pack("{ss ss sI sI sf so so so}", "check", check, "workload",
                     view_member_text(view_workload(v, w), "name"), "workload_index", (json_int_t)w,
                     "count", (json_int_t)atomic_load_explicit(&c->count, memory_order_relaxed),
                     "first_s", fmax(0, view_seconds(v, c->ticks)), "message",
                     safe_text(c->message, sizeof c->message), "threads", threads, "timeline",
                     finding_timeline(v, c));
}

size_t view_findings(const struct view *v, json_t *known)
{
    json_t *w, *name;
    size_t i, j, fresh = 0;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        struct shared_check *checks = checks_of(v, w);

        json_array_foreach (json_object_get(w, "checks"), j, name) {
            const char *check = json_string_value(name);
            json_t *f;

            /* Orders: LOAD ready (acquire) -> LOAD of the report.
             * Pairs with: torture_violation(), STORE message -> STORE ready (release).
             * Broken: the driver prints half a message. */
            if (!atomic_load_explicit(&checks[j].ready, memory_order_acquire))
                continue;
            f = known_finding(known, i, check);
            if (f) {
                json_object_set_new(f, "count",
                                    json_integer((json_int_t)atomic_load_explicit(
                                        &checks[j].count, memory_order_relaxed)));
                continue;
            }
            json_array_append_new(known, make_finding(v, i, check, &checks[j]));
            fresh++;
        }
    }
    return fresh;
}

/* For all threads together: a starved machine takes its time. */
#define ANSWER_LIMIT_NS INT64_C(4000000000)

/* Until the answer is to the request, or the time that is left has passed. */
static bool wait_for_answer(atomic_uint *answer, unsigned wanted, int64_t *left_ns)
{
    struct timespec step = {.tv_nsec = 5 * 1000 * 1000};
    bool answered;

    /* Orders: LOAD answer (acquire) -> LOAD stack, LOAD holdouts[].
     * Pairs with: on_stack_signal(), STORE stack -> STORE stack_done (release); answer_driver(),
     * STORE holdouts[] -> STORE holdouts_done (release).
     * Broken: a report shows half a stack, or threads that held up an earlier grace period. */
    while (!(answered = atomic_load_explicit(answer, memory_order_acquire) == wanted) &&
           *left_ns > 0) {
        nanosleep(&step, NULL);
        *left_ns -= step.tv_nsec;
    }
    return answered;
}

static bool holds_up(const struct view *v, int tid)
{
    unsigned n = atomic_load_explicit(&v->header->holdout_count, memory_order_relaxed);

    for (unsigned i = 0; i < n && i < 16; i++)
        if (atomic_load_explicit(&v->header->holdouts[i], memory_order_relaxed) == tid)
            return true;
    return false;
}

json_t *view_stacks(const struct view *v)
{
    pid_t pid = (pid_t)json_integer_value(json_object_get(v->ready, "pid"));
    int64_t left_ns = ANSWER_LIMIT_NS, left_for_holdouts_ns = ANSWER_LIMIT_NS / 4;
    json_t *list = json_array();
    unsigned asked =
        1 + atomic_fetch_add_explicit(&v->header->holdouts_wanted, 1, memory_order_relaxed);
    bool told;

    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);

        atomic_fetch_add_explicit(&t->stack_wanted, 1, memory_order_relaxed);
        if (tid)
            syscall(SYS_tgkill, pid, tid, STACK_SIGNAL);
    }
    told = wait_for_answer(&v->header->holdouts_done, asked, &left_for_holdouts_ns);
    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);
        unsigned wanted = atomic_load_explicit(&t->stack_wanted, memory_order_relaxed);
        bool answered;

        if (!tid)
            continue;
        answered = wait_for_answer(&t->stack_done, wanted, &left_ns);
        json_array_append_new(
            list, json_pack("{ss so sb sb}", "thread", v->threads[i].name, "stack",
                            safe_text(answered ? t->stack : "", sizeof t->stack), "in_section",
                            atomic_load(&t->in_section), "holds_up_gp", told && holds_up(v, tid)));
    }
    return list;
}

json_t *view_crash(const struct view *v)
{
    struct shared_crash *c = &v->header->crash;
    /* Orders: LOAD signal (acquire) -> LOAD thread, LOAD address.
     * Pairs with: on_crash(), STORE thread, STORE address -> STORE signal (release).
     * Broken: the driver reports a crash of thread 0 at address 0. */
    int number = atomic_load_explicit(&c->signal, memory_order_acquire);
    bool known = c->thread >= 0 && (size_t)c->thread < v->thread_count;
    bool early = number && known && c->in_section && (number == SIGSEGV || number == SIGBUS);
    const char *who = known ? v->threads[c->thread].name : "a thread outside the workloads";
    unsigned w = known ? v->threads[c->thread].workload : 0;
    char message[256];

    if (!number)
        return NULL;
    if (c->sender != 0)
        snprintf(message, sizeof message, "The runner was ended by a signal from process %d: %s.",
                 (int)c->sender, strsignal(number));
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
    return json_pack(
        "{ss ss sI sI sf ss s[s] so s[{ss so}]}", "check", early ? "early-reuse" : "crash",
        "workload", view_member_text(view_workload(v, w), "name"), "workload_index", (json_int_t)w,
        "count", (json_int_t)1, "first_s", fmax(0, view_seconds(v, c->ticks)), "message", message,
        "threads", who, "timeline", view_timeline(v, c->thread, c->ticks), "stacks", "thread", who,
        "stack", safe_text(c->stack, sizeof c->stack));
}
