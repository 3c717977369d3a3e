#include "tail.h"

#include "torture/record/workload.h"

#include <stdlib.h>
#include <string.h>

/* All of one cause. */
struct sum {
    json_int_t ns, queued_ns;
    json_int_t *thread_ns; /* of each thread of the run */
};

static json_int_t member(json_t *request, const char *key, size_t index)
{
    return json_integer_value(json_array_get(json_object_get(request, key), index));
}

/* With the name of the thread in which that was, if one is known. */
static json_t *describe_cause(const struct sum *sum, json_t *threads)
{
    json_t *cause = json_pack("{sI sI}", "ns", sum->ns, "queued_ns", sum->queued_ns), *name;
    size_t most = 0;

    for (size_t i = 1; i < json_array_size(threads); i++)
        if (sum->thread_ns[i] > sum->thread_ns[most])
            most = i;
    name = json_object_get(json_array_get(threads, most), "name");
    if (name && sum->thread_ns[most] > 0)
        json_object_set(cause, "thread", name);
    return cause;
}

/* Of some requests together: what they waited for, by cause. */
static json_t *describe_causes(json_t *const *requests, size_t count, const struct measure *m,
                               json_t *threads)
{
    size_t thread_count = json_array_size(threads);
    json_t *causes = json_object();

    for (size_t i = 0; i < m->cause_count; i++) {
        struct sum sum = {.thread_ns = calloc(thread_count + 1, sizeof *sum.thread_ns)};

        for (size_t r = 0; r < count; r++) {
            json_int_t queued = member(requests[r], "queued", i);
            json_int_t ns = member(requests[r], "own", i) + queued;
            json_int_t thread = member(requests[r], "threads", i);

            sum.ns += ns;
            sum.queued_ns += queued;
            if (thread >= 0 && (size_t)thread < thread_count)
                sum.thread_ns[thread] += ns;
        }
        if (sum.ns > 0)
            json_object_set_new(causes, m->causes[i].name, describe_cause(&sum, threads));
        free(sum.thread_ns);
    }
    return causes;
}

static int slower(const void *left, const void *right)
{
    json_int_t a = json_integer_value(json_object_get(*(json_t *const *)left, "ns"));
    json_int_t b = json_integer_value(json_object_get(*(json_t *const *)right, "ns"));

    return (a < b) - (a > b);
}

/* Those that count, the slowest first; heap. */
static json_t **ranked(json_t *slowest, int64_t since_ns, size_t *count)
{
    json_t *list = json_object_get(slowest, "requests"), *request;
    json_t **found = calloc(json_array_size(list) + 1, sizeof(json_t *));
    size_t i;

    *count = 0;
    json_array_foreach (list, i, request)
        if (json_integer_value(json_object_get(request, "ended_ns")) >= since_ns)
            found[(*count)++] = request;
    qsort(found, *count, sizeof(json_t *), slower);
    return found;
}

static json_t *describe(json_t **requests, size_t count, const struct measure *m, json_t *threads)
{
    json_t *list = json_array();
    json_int_t total_ns = 0;

    for (size_t i = 0; i < count; i++) {
        json_t *ns = json_object_get(requests[i], "ns");

        total_ns += json_integer_value(ns);
        json_array_append_new(list, json_pack("{sO so}", "ns", ns, "causes",
                                              describe_causes(&requests[i], 1, m, threads)));
    }
    return json_pack("{ss sI sO sI so so}", "latency", m->name, "requests", (json_int_t)count,
                     "from_ns", json_object_get(requests[count - 1], "ns"), "ns", total_ns,
                     "causes", describe_causes(requests, count, m, threads), "slowest", list);
}

json_t *tail_of_run(json_t *slowest, json_t *latency, json_t *threads, int64_t since_ns)
{
    const char *name = json_string_value(json_object_get(slowest, "latency"));
    const struct measure *m = name ? measure_named(name) : NULL;
    json_int_t of =
        name ? json_integer_value(json_object_get(json_object_get(latency, name), "count")) : 0;
    size_t known, count = (size_t)((of + 99) / 100);
    json_t *tail = NULL, **requests;

    if (!m || !m->causes)
        return NULL;
    requests = ranked(slowest, since_ns, &known);
    if (count > known)
        count = known;
    if (count > 0)
        tail = describe(requests, count, m, threads);
    free(requests);
    return tail;
}
