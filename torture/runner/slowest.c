#include "slowest.h"

#include <pthread.h>
#include <stdlib.h>

struct slowest {
    pthread_mutex_t lock;     /* guards all but `least_ns`, which any thread loads */
    _Atomic int64_t least_ns; /* what takes no longer is not kept; 0: all are */
    size_t count;
    struct slow kept[SLOW_KEPT];
};

struct slowest *slowest_open(void)
{
    struct slowest *slowest = calloc(1, sizeof *slowest);

    pthread_mutex_init(&slowest->lock, NULL);
    return slowest;
}

void slowest_close(struct slowest *slowest)
{
    if (slowest)
        pthread_mutex_destroy(&slowest->lock);
    free(slowest);
}

bool torture_is_slow(const struct torture_thread *t, int64_t ns)
{
    return ns > atomic_load_explicit(&t->instance->slowest->least_ns, memory_order_relaxed);
}

static struct slow *fastest(struct slowest *slowest)
{
    struct slow *least = &slowest->kept[0];

    for (size_t i = 1; i < slowest->count; i++)
        if (slowest->kept[i].ns < least->ns)
            least = &slowest->kept[i];
    return least;
}

void torture_slow(struct torture_thread *t, const struct slow *s)
{
    struct slowest *slowest = t->instance->slowest;

    pthread_mutex_lock(&slowest->lock);
    if (slowest->count < SLOW_KEPT)
        slowest->kept[slowest->count++] = *s;
    else if (torture_is_slow(t, s->ns))
        *fastest(slowest) = *s;
    if (slowest->count == SLOW_KEPT)
        atomic_store_explicit(&slowest->least_ns, fastest(slowest)->ns, memory_order_relaxed);
    pthread_mutex_unlock(&slowest->lock);
}

int torture_thread_with_id(const struct torture_thread *t, int thread_id)
{
    const struct instance *in = t->instance;

    for (size_t i = 0; thread_id != 0 && i < in->thread_count; i++)
        if (atomic_load_explicit(&in->threads[i].shared->tid, memory_order_relaxed) == thread_id)
            return (int)i;
    return -1;
}

static json_t *describe_one(const struct slow *s, size_t causes)
{
    json_t *own = json_array(), *queued = json_array(), *threads = json_array();

    for (size_t i = 0; i < causes; i++) {
        json_array_append_new(own, json_integer(s->own[i]));
        json_array_append_new(queued, json_integer(s->queued[i]));
        json_array_append_new(threads, json_integer(s->thread[i]));
    }
    return json_pack("{sI sI so so so}", "ns", (json_int_t)s->ns, "ended_ns",
                     (json_int_t)s->ended_ns, "own", own, "queued", queued, "threads", threads);
}

json_t *slowest_describe(const struct instance *in)
{
    const struct measure *m = measure_explained(in->workload);
    json_t *causes = json_array(), *list = json_array();

    for (size_t i = 0; i < m->cause_count; i++)
        json_array_append_new(causes, json_string(m->causes[i].name));

    for (size_t i = 0; i < in->slowest->count; i++)
        json_array_append_new(list, describe_one(&in->slowest->kept[i], m->cause_count));
    return json_pack("{ss ss so so}", "event", "slowest", "latency", m->name, "causes", causes,
                     "requests", list);
}
