#include "symbols.h"
#include "view_parts.h"

#include "torture/record/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void find_measures(struct view *v)
{
    json_t *w, *m;
    size_t i, j;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        json_array_foreach (json_object_get(w, "measures"), j, m) {
            const char *name = view_member_text(m, "name");
            size_t k = 0;

            while (k < v->measure_count && strcmp(v->measures[k].name, name) != 0)
                k++;
            if (k < v->measure_count)
                continue;
            v->measures = realloc(v->measures, (k + 1) * sizeof *v->measures);
            v->measures[k] = (struct view_measure){name, view_member_text(m, "unit")};
            v->measure_count = k + 1;
        }
    }
}

/* Whether `size` bytes at `offset` lie in the mapping, behind its head. */
static bool within(const struct view *v, size_t offset, size_t size)
{
    return offset >= SHARED_ALIGN(sizeof(struct shared_header)) && offset % 64 == 0 &&
           size <= v->size && offset <= v->size - size;
}

/* The runner may have been overwritten before it wrote the event. */
static bool fits(const struct view *v, json_t *ready)
{
    json_t *workloads = json_object_get(ready, "workloads"), *item;
    size_t i;

    json_array_foreach (workloads, i, item)
        if (!within(v, view_member_number(item, "checks_offset"),
                    json_array_size(json_object_get(item, "checks")) * sizeof(struct shared_check)))
            return false;
    json_array_foreach (json_object_get(ready, "threads"), i, item) {
        json_t *w = json_array_get(workloads, view_member_number(item, "workload"));

        if (!w || !within(v, view_member_number(item, "offset"),
                          shared_thread_size(json_array_size(json_object_get(w, "counters")),
                                             json_array_size(json_object_get(w, "measures")))))
            return false;
    }
    return json_array_size(json_object_get(ready, "library")) <= SHARED_LIBRARY;
}

bool view_open(struct view *v, int fd, json_t *ready, struct diagnostics *d)
{
    json_t *list = json_object_get(ready, "threads"), *item;
    struct stat status;
    void *base;
    size_t i;

    *v = (struct view){.size = view_member_number(ready, "size")};
    if (v->size < sizeof(struct shared_header) || fstat(fd, &status) != 0 ||
        (size_t)status.st_size < v->size) {
        diagnose(d, "the runner's shared memory is smaller than it says");
        return false;
    }
    if (!fits(v, ready)) {
        diagnose(d, "the runner describes parts that are not in its shared memory");
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
    v->maps = symbols_maps((int)view_member_number(ready, "pid"));
    v->thread_count = json_array_size(list);
    v->threads = calloc(v->thread_count + 1, sizeof *v->threads);
    json_array_foreach (list, i, item) {
        struct view_thread *t = &v->threads[i];
        char *part = (char *)base + view_member_number(item, "offset");
        size_t counters;

        t->name = view_member_text(item, "name");
        t->role = view_member_text(item, "role");
        t->workload = (unsigned)view_member_number(item, "workload");
        t->cpu = (int)json_integer_value(json_object_get(item, "cpu"));
        t->node = (int)json_integer_value(json_object_get(item, "node"));
        t->shared = (struct shared_thread *)part;
        t->counters = (_Atomic uint64_t *)(part + shared_counters_offset());
        counters = json_array_size(json_object_get(view_workload(v, t->workload), "counters"));
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
    free(v->maps);
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
        if (v->threads[i].workload == workload && !v->threads[i].distrusted)
            sum += atomic_load_explicit(&v->threads[i].counters[counter], memory_order_relaxed);
    return sum;
}

json_t *view_counters(const struct view *v)
{
    json_t *all = json_object(), *w, *name;
    size_t i, j;

    json_array_foreach (json_object_get(v->ready, "workloads"), i, w) {
        json_t *object = json_object_get(all, view_member_text(w, "name"));

        if (!object) {
            object = json_object();
            json_object_set_new(all, view_member_text(w, "name"), object);
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
        json_t *list = json_object_get(view_workload(v, v->threads[i].workload), "measures"), *m;
        size_t j;

        json_array_foreach (list, j, m)
            if (strcmp(view_member_text(m, "name"), v->measures[measure].name) == 0)
                tally_add(sum, &v->threads[i].histograms[j]);
    }
}

/* Where a thread found itself, at its start and at its end. */
static json_t *ran_on(const struct shared_thread *t)
{
    int cpus[] = {atomic_load_explicit(&t->began_on, memory_order_relaxed),
                  atomic_load_explicit(&t->ended_on, memory_order_relaxed)};
    json_t *list = json_array();

    for (size_t i = 0; i < 2; i++)
        if (cpus[i] > 0)
            json_array_append_new(list, json_integer(cpus[i] - 1));
    return list;
}

/* NULL: it stayed where it was sent to. */
static char *stray(const struct view_thread *t)
{
    bool left_free = atomic_load_explicit(&t->shared->left_free, memory_order_relaxed);
    json_t *list = ran_on(t->shared), *cpu;
    long long elsewhere = -1;
    char *text;
    size_t i;

    json_array_foreach (list, i, cpu)
        if (elsewhere < 0 && json_integer_value(cpu) != t->cpu)
            elsewhere = json_integer_value(cpu);
    json_decref(list);
    if (t->cpu < 0 || (elsewhere < 0 && !left_free))
        return NULL;
    text = text_format("%s was sent to CPU %d", t->name, t->cpu);
    if (elsewhere >= 0) {
        char *more = text_format(" and ran on CPU %lld", elsewhere);

        text = text_append(text, more);
        free(more);
    }
    return left_free ? text_append(text, ", and was no longer bound when it ended") : text;
}

char *view_strays(const struct view *v)
{
    char *note = NULL;
    size_t strays = 0;

    for (size_t i = 0; i < v->thread_count; i++) {
        char *text = stray(&v->threads[i]);

        strays += text != NULL;
        if (note)
            free(text);
        else
            note = text;
    }
    if (strays > 1) {
        char *more = text_format("; %zu more of %zu threads left where they were sent to as well",
                                 strays - 1, v->thread_count);

        note = text_append(note, more);
        free(more);
    }
    return note;
}

/* NULL: there is nothing to add. */
static json_t *cpu_share(const struct shared_thread *t)
{
    unsigned share = atomic_load_explicit(&t->cpu_share, memory_order_relaxed);

    return share > 0 && share <= 1001 ? json_real((share - 1) / 1000.0) : NULL;
}

/* What the thread counted, without what it did not. NULL: it is not to be believed. */
static json_t *counted(const struct view *v, const struct view_thread *t)
{
    json_t *object = json_object(), *name;
    size_t i;

    json_array_foreach (json_object_get(view_workload(v, t->workload), "counters"), i, name) {
        uint64_t count = atomic_load_explicit(&t->counters[i], memory_order_relaxed);

        if (count > 0)
            json_object_set_new(object, json_string_value(name), json_integer((json_int_t)count));
    }
    if (!t->distrusted)
        return object;
    json_decref(object);
    return NULL;
}

json_t *view_threads(const struct view *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->thread_count; i++) {
        const struct view_thread *t = &v->threads[i];

        json_array_append_new(
            list,
            json_pack("{ss ss ss si si so sI so* so*}", "name", t->name, "role", t->role,
                      "workload", view_member_text(view_workload(v, t->workload), "name"), "cpu",
                      t->cpu, "node", t->node, "ran_on", ran_on(t->shared), "heartbeats",
                      (json_int_t)atomic_load_explicit(&t->shared->heartbeat, memory_order_relaxed),
                      "counters", counted(v, t), "cpu_share", cpu_share(t->shared)));
    }
    return list;
}
