#include "view.h"

#include "crash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOTES_OF_CULPRIT 16
#define NOTES_OF_OTHERS  6

static json_t *workload_at_index(const struct view *v, size_t i)
{
    return json_array_get(json_object_get(v->ready, "workloads"), i);
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static size_t number_of(json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

static void find_measures(struct view *v)
{
    json_t *w, *m;
    size_t i, j;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        json_array_foreach (json_object_get(w, "measures"), j, m) {
            const char *name = text_of(m, "name");
            size_t k = 0;

            while (k < v->measure_count && strcmp(v->measures[k].name, name) != 0)
                k++;
            if (k < v->measure_count)
                continue;
            v->measures = realloc(v->measures, (k + 1) * sizeof *v->measures);
            v->measures[k] = (struct view_measure){name, text_of(m, "unit")};
            v->measure_count = k + 1;
        }
    }
}

bool view_open(struct view *v, int fd, json_t *ready, struct diagnostics *d)
{
    json_t *list = json_object_get(ready, "threads"), *item;
    struct stat status;
    void *base;
    size_t i;

    *v = (struct view){.size = number_of(ready, "size")};
    if (v->size < sizeof(struct shared_header) || fstat(fd, &status) != 0 ||
        (size_t)status.st_size < v->size) {
        diagnose(d, "the runner's shared memory is smaller than it says");
        return false;
    }
    base = mmap(NULL, v->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        diagnose(d, "cannot map %zu MiB of the runner's shared memory: %s", v->size >> 20,
                 strerror(errno));
        return false;
    }
    v->header = base;
    v->ready = json_incref(ready);
    v->thread_count = json_array_size(list);
    v->threads = calloc(v->thread_count + 1, sizeof *v->threads);
    json_array_foreach (list, i, item) {
        struct view_thread *t = &v->threads[i];
        char *part = (char *)base + number_of(item, "offset");
        size_t counters;

        t->name = text_of(item, "name");
        t->role = text_of(item, "role");
        t->workload = (unsigned)number_of(item, "workload");
        t->cpu = (int)json_integer_value(json_object_get(item, "cpu"));
        t->node = (int)json_integer_value(json_object_get(item, "node"));
        t->shared = (struct shared_thread *)part;
        t->counters = (_Atomic uint64_t *)(part + shared_counters_offset());
        counters = json_array_size(json_object_get(workload_at_index(v, t->workload), "counters"));
        t->histograms = (struct histogram *)(part + shared_histograms_offset(counters));
    }
    find_measures(v);
    return true;
}

void view_close(struct view *v)
{
    if (!v->header)
        return;
    munmap(v->header, v->size);
    json_decref(v->ready);
    free(v->threads);
    free(v->measures);
    *v = (struct view){.header = NULL};
}

double view_seconds(const struct view *v, uint64_t ticks)
{
    return (double)(int64_t)(ticks - v->header->start_ticks) * v->header->ns_per_tick / 1e9;
}

static uint64_t sum_counter(const struct view *v, size_t workload, size_t counter)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < v->thread_count; i++)
        if (v->threads[i].workload == workload)
            sum += atomic_load_explicit(&v->threads[i].counters[counter], memory_order_relaxed);
    return sum;
}

json_t *view_counters(const struct view *v)
{
    json_t *all = json_object(), *w, *name;
    size_t i, j;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        json_t *object = json_object_get(all, text_of(w, "name"));

        if (!object) {
            object = json_object();
            json_object_set_new(all, text_of(w, "name"), object);
        }
        json_array_foreach (json_object_get(w, "counters"), j, name) {
            const char *key = json_string_value(name);
            json_int_t before = json_integer_value(json_object_get(object, key));

            json_object_set_new(object, key,
                                json_integer(before + (json_int_t)sum_counter(v, i, j)));
        }
    }
    return all;
}

uint64_t view_counter(const struct view *v, const char *wanted)
{
    json_t *w, *name;
    uint64_t sum = 0;
    size_t i, j;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        json_array_foreach (json_object_get(w, "counters"), j, name)
            if (strcmp(json_string_value(name), wanted) == 0)
                sum += sum_counter(v, i, j);
    }
    return sum;
}

json_t *view_library(const struct view *v)
{
    json_t *object = json_object(), *name;
    size_t i;

    json_array_foreach (json_object_get(v->ready, "library"), i, name)
        json_object_set_new(object, json_string_value(name),
                            json_integer((json_int_t)atomic_load_explicit(&v->header->library[i],
                                                                          memory_order_relaxed)));
    return object;
}

bool view_statistic(const struct view *v, const char *wanted, uint64_t *value)
{
    json_t *name;
    size_t i;

    json_array_foreach (json_object_get(v->ready, "library"), i, name) {
        if (strcmp(json_string_value(name), wanted) != 0)
            continue;
        *value = atomic_load_explicit(&v->header->library[i], memory_order_relaxed);
        return true;
    }
    return false;
}

void view_tally(const struct view *v, size_t measure, struct tally *sum)
{
    tally_clear(sum);
    for (size_t i = 0; i < v->thread_count; i++) {
        json_t *list = json_object_get(workload_at_index(v, v->threads[i].workload), "measures"),
               *m;
        size_t j;

        json_array_foreach (list, j, m)
            if (strcmp(text_of(m, "name"), v->measures[measure].name) == 0)
                tally_add(sum, &v->threads[i].histograms[j]);
    }
}

json_t *view_threads(const struct view *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->thread_count; i++) {
        const struct view_thread *t = &v->threads[i];

        json_array_append_new(
            list, json_pack("{ss ss ss si si sI}", "name", t->name, "role", t->role, "workload",
                            text_of(workload_at_index(v, t->workload), "name"), "cpu", t->cpu,
                            "node", t->node, "heartbeats",
                            (json_int_t)atomic_load_explicit(&t->shared->heartbeat,
                                                             memory_order_relaxed)));
    }
    return list;
}

/* --- Findings --- */

static struct shared_check *checks_of(const struct view *v, json_t *workload)
{
    return (struct shared_check *)((char *)v->header + number_of(workload, "checks_offset"));
}

static json_t *known_finding(json_t *known, size_t workload, const char *check)
{
    json_t *f;
    size_t i;

    json_array_foreach (known, i, f)
        if (number_of(f, "workload_index") == workload && strcmp(text_of(f, "check"), check) == 0)
            return f;
    return NULL;
}

static json_t *make_finding(const struct view *v, size_t w, const char *check,
                            const struct shared_check *c)
{
    json_t *threads = json_array();

    if (c->thread >= 0 && (size_t)c->thread < v->thread_count)
        json_array_append_new(threads, json_string(v->threads[c->thread].name));
    return json_pack("{ss ss sI sI sf ss so so}", "check", check, "workload",
                     text_of(workload_at_index(v, w), "name"), "workload_index", (json_int_t)w,
                     "count", (json_int_t)atomic_load_explicit(&c->count, memory_order_relaxed),
                     "first_s", view_seconds(v, c->ticks), "message", c->message, "threads",
                     threads, "timeline", view_timeline(v, (int)w, c->thread, c->ticks));
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

            /* Acquire, pairs with: the release in torture_violation(). */
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

struct moment {
    struct note note;
    size_t thread;
};

static int by_time(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;

    return a->note.ticks < b->note.ticks ? -1 : a->note.ticks > b->note.ticks;
}

/* The last `most` notes of a thread up to `ticks`, newest first. */
static size_t last_notes(const struct view *v, size_t thread, uint64_t ticks, size_t most,
                         struct moment *into)
{
    struct shared_thread *t = v->threads[thread].shared;
    /* Acquire, pairs with: the release in torture_note_at(). */
    uint64_t count = atomic_load_explicit(&t->note_count, memory_order_acquire);
    size_t found = 0;

    for (uint64_t i = 0; i < count && i < SHARED_NOTES && found < most; i++) {
        struct note note = t->notes[(count - 1 - i) % SHARED_NOTES];

        if (note.ticks <= ticks)
            into[found++] = (struct moment){note, thread};
    }
    return found;
}

static json_t *describe_moment(const struct view *v, const struct moment *m, uint64_t ticks)
{
    const struct view_thread *t = &v->threads[m->thread];
    const char *format = json_string_value(
        json_array_get(json_object_get(workload_at_index(v, t->workload), "notes"), m->note.kind));
    char text[160];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format ? format : "?", m->note.a, m->note.b);
#pragma GCC diagnostic pop
    return json_pack("{sf ss si ss}", "us",
                     (double)(int64_t)(m->note.ticks - ticks) * v->header->ns_per_tick / 1e3,
                     "thread", t->name, "cpu", t->cpu, "event", text);
}

json_t *view_timeline(const struct view *v, int workload, int thread, uint64_t ticks)
{
    struct moment *moments =
        calloc(v->thread_count * NOTES_OF_OTHERS + NOTES_OF_CULPRIT, sizeof *moments);
    json_t *list = json_array();
    size_t count = 0;

    for (size_t i = 0; i < v->thread_count; i++)
        if (workload < 0 || v->threads[i].workload == (unsigned)workload)
            count += last_notes(v, i, ticks, (int)i == thread ? NOTES_OF_CULPRIT : NOTES_OF_OTHERS,
                                moments + count);
    qsort(moments, count, sizeof *moments, by_time);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe_moment(v, &moments[i], ticks));
    free(moments);
    return list;
}

static void wait_for_stack(struct shared_thread *t, unsigned wanted, struct timespec *left)
{
    struct timespec step = {.tv_nsec = 5 * 1000 * 1000};

    /* Acquire, pairs with: the release in on_stack_signal(). */
    while (atomic_load_explicit(&t->stack_done, memory_order_acquire) != wanted &&
           left->tv_nsec > 0) {
        nanosleep(&step, NULL);
        left->tv_nsec -= step.tv_nsec;
    }
}

static bool holds_up(const struct view *v, int tid)
{
    unsigned n = atomic_load_explicit(&v->header->holdout_count, memory_order_relaxed);

    /* Acquire, pairs with: the release in answer_driver(). */
    if (atomic_load_explicit(&v->header->holdouts_done, memory_order_acquire) !=
        atomic_load_explicit(&v->header->holdouts_wanted, memory_order_relaxed))
        return false;
    for (unsigned i = 0; i < n && i < 16; i++)
        if (atomic_load_explicit(&v->header->holdouts[i], memory_order_relaxed) == tid)
            return true;
    return false;
}

json_t *view_stacks(const struct view *v, int pid)
{
    struct timespec left = {.tv_nsec = 999 * 1000 * 1000};
    json_t *list = json_array();

    atomic_fetch_add_explicit(&v->header->holdouts_wanted, 1, memory_order_relaxed);
    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);

        atomic_fetch_add_explicit(&t->stack_wanted, 1, memory_order_relaxed);
        if (tid)
            syscall(SYS_tgkill, pid, tid, STACK_SIGNAL);
    }
    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);
        unsigned wanted = atomic_load_explicit(&t->stack_wanted, memory_order_relaxed);
        bool answered;

        if (!tid)
            continue;
        wait_for_stack(t, wanted, &left);
        answered = atomic_load_explicit(&t->stack_done, memory_order_acquire) == wanted;
        json_array_append_new(list, json_pack("{ss ss sb sb}", "thread", v->threads[i].name,
                                              "stack", answered ? t->stack : "", "in_section",
                                              atomic_load(&t->in_section), "holds_up_gp",
                                              holds_up(v, tid)));
    }
    return list;
}

json_t *view_crash(const struct view *v)
{
    struct shared_crash *c = &v->header->crash;
    /* Acquire, pairs with: the release in on_crash(). */
    int number = atomic_load_explicit(&c->signal, memory_order_acquire);
    bool known = c->thread >= 0 && (size_t)c->thread < v->thread_count;
    bool early = number && known && c->in_section && (number == SIGSEGV || number == SIGBUS);
    const char *who = known ? v->threads[c->thread].name : "a thread of the library";
    unsigned w = known ? v->threads[c->thread].workload : 0;
    char message[256];

    if (!number)
        return NULL;
    if (early)
        snprintf(message, sizeof message,
                 "%s reached address 0x%llx inside a read section, where memory had been freed: "
                 "%s.",
                 who, (unsigned long long)c->address, strsignal(number));
    else
        snprintf(message, sizeof message, "%s crashed: %s at address 0x%llx.", who,
                 strsignal(number), (unsigned long long)c->address);
    return json_pack("{ss ss sI sI sf ss s[s] so s[{ss ss}]}", "check",
                     early ? "early-reuse" : "crash", "workload",
                     text_of(workload_at_index(v, w), "name"), "workload_index", (json_int_t)w,
                     "count", (json_int_t)1, "first_s", view_seconds(v, c->ticks), "message",
                     message, "threads", who, "timeline", view_timeline(v, -1, c->thread, c->ticks),
                     "stacks", "thread", who, "stack", c->stack);
}
