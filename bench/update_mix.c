/* update-mix: searches of a list, or of a hash table, some of which replace what they find.
 *
 * Workers search a singly linked list, or one of several by the key, for random keys. Of their
 * operations so many in a hundred replace the element by a fresh one, under a mutex that searches
 * never take, and retire the old one. They are timed in batches, as read-side does it. Fresh
 * elements are of the worker's own pool, where a reclaimer puts them back, in whichever thread the
 * flavor calls it; while the pool is empty operations are searches only. Some updates are timed
 * until the old element is reclaimed; elements that were not yet are counted between batches.
 * Stallers stay in a section, or hold an element, for long.
 */
#include "torture/workloads/cache_lines.h"
#include "torture/workloads/long_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define SAMPLED 64 /* one update in so many is timed; at random, as flavors count as well */

struct params {
    int64_t workers, elements, buckets, pool, batch, stallers, stall_ns, stall_pause_ns;
    double updates;
};

enum {
    OPS,
    UPDATES,
    UPDATES_PUT_OFF,
    MISSED,
    UNRECLAIMED_PEAK,
    UNRECLAIMED_BYTES_PEAK,
    STALLS,
    STALLS_KICKED,
    COUNTER_COUNT
};
static const struct counter counters[COUNTER_COUNT] = {
    [OPS] = {.name = "ops", .words = "operations"},
    [UPDATES] = {.name = "updates"},
    [UPDATES_PUT_OFF] = {.name = "updates_put_off"},
    [MISSED] = {.name = "missed", .words = "searches that missed their key"},
    /* By the first worker alone: the sum of all threads is what it has seen at most. */
    [UNRECLAIMED_PEAK] = {.name = "unreclaimed_peak", .words = "elements unreclaimed at once"},
    [UNRECLAIMED_BYTES_PEAK] = {.name = "unreclaimed_bytes_peak",
                                .words = "bytes unreclaimed at once"},
    [STALLS] = {.name = "stalls"},
    [STALLS_KICKED] = {.name = "sections_kicked",
                       .words = "readers told to leave",
                       .needs = CAN_FORCE},
};
enum { OP, RECLAIM, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [OP] = {.name = "mix.op", .unit = "ps"},
    [RECLAIM] = {.name = "mix.reclaim", .unit = "ns"},
};

/* A cache line. A place is an element's index in its pool, plus 1. */
struct element {
    _Alignas(64) struct element *next; /* in the list */
    _Atomic uint32_t key;
    uint32_t below; /* in the pool: the place of the element under it; 0: none */
    flavor_retired retired;
    struct pool *pool;
    _Atomic uint64_t ticks; /* of one that is timed: when it was retired, then how long it took */
};

/* Of one worker, which keeps the elements that it has taken out by itself. */
struct pool {
    /* Lower half: the place of the element that came back last; 0: none. Upper half: how many came
     * back in the whole run, so that no value comes twice. */
    _Alignas(64) _Atomic uint64_t returned;
    struct element *elements;
};

struct state {
    _Alignas(64) struct element **heads; /* of lists, published; one, or a hash table's */
    uint32_t mask;                       /* of a key, which gives its list */
    _Alignas(64) pthread_mutex_t lock;   /* of updates */
    _Atomic uint64_t retired;            /* under the lock */
    _Alignas(64) struct pool *pools;     /* one per worker */
    size_t pool_count;
};

/* --- Pools --- */

static uint32_t place_of(uint64_t returned)
{
    return (uint32_t)returned;
}

static void reclaim(flavor_retired *retired)
{
    struct element *e = (struct element *)((char *)retired - offsetof(struct element, retired));
    uint32_t place = (uint32_t)(e - e->pool->elements) + 1;
    uint64_t begun = atomic_load_explicit(&e->ticks, memory_order_relaxed), now, before, after;

    if (begun) {
        now = clock_ticks();
        atomic_store_explicit(&e->ticks, now > begun ? now - begun : 1, memory_order_relaxed);
    }
    before = atomic_load_explicit(&e->pool->returned, memory_order_relaxed);
    /* Orders: STORE e->below, STORE e->ticks -> CAS e->pool->returned (release).
     * Pairs with: recover(), RMW w->pool->returned (acquire) -> LOAD e->below; unreclaimed(), LOAD
     * returned (acquire).
     * Broken: the pool is a torn list, or is freed while this thread stores to it. */
    do {
        e->below = place_of(before);
        after = ((before >> 32) + 1) << 32 | place;
    } while (!atomic_compare_exchange_weak_explicit(&e->pool->returned, &before, after,
                                                    memory_order_release, memory_order_relaxed));
}

struct worker {
    struct state *state;
    struct pool *pool;
    struct element *elements; /* of the pool, without the line that others store to */
    uint32_t idle;            /* place of the first of those that were taken out; 0: none */
    uint64_t threshold;       /* of 53 random bits: below it an operation updates */
    uint64_t updates, put_off, missed, peak;
};

/* All that were put back are idle again, and are the first to be used. */
static void recover(struct torture_thread *t, struct worker *w)
{
    struct element *e;
    uint32_t first = place_of(atomic_load_explicit(&w->pool->returned, memory_order_relaxed));

    if (!first)
        return;
    /* Orders: RMW w->pool->returned (acquire) -> LOAD e->below, LOAD e->ticks.
     * Pairs with: reclaim(), STORE e->below -> CAS e->pool->returned (release).
     * Broken: the pool is a torn list. */
    first = place_of(
        atomic_fetch_and_explicit(&w->pool->returned, ~(uint64_t)UINT32_MAX, memory_order_acquire));
    for (uint32_t place = first;; place = e->below) {
        uint64_t ticks;

        e = &w->elements[place - 1];
        ticks = atomic_load_explicit(&e->ticks, memory_order_relaxed);
        if (ticks) {
            torture_measure(t, RECLAIM, clock_ticks_to_ns(ticks));
            atomic_store_explicit(&e->ticks, 0, memory_order_relaxed);
        }
        if (!e->below)
            break;
    }
    e->below = w->idle;
    w->idle = first;
}

/* NULL: all are in the list, or not reclaimed yet. */
static struct element *take(struct torture_thread *t, struct worker *w)
{
    struct element *e;

    if (!w->idle)
        recover(t, w);
    if (!w->idle)
        return NULL;
    e = &w->elements[w->idle - 1];
    w->idle = e->below;
    return e;
}

/* Elements that were retired and are not back; never more than there are. */
static uint64_t unreclaimed(const struct state *s)
{
    uint32_t count = (uint32_t)atomic_load_explicit(&s->retired, memory_order_relaxed);

    /* Orders: LOAD returned (acquire) -> finish(), which frees the pools.
     * Pairs with: reclaim(), CAS e->pool->returned (release).
     * Broken: a pool is freed while the last of its elements is put back. */
    for (size_t i = 0; i < s->pool_count; i++)
        count -=
            (uint32_t)(atomic_load_explicit(&s->pools[i].returned, memory_order_acquire) >> 32);
    return count > INT32_MAX ? 0 : count; /* more came back since than were to */
}

/* --- The list --- */

static uint32_t key_of(struct element *e)
{
    return atomic_load_explicit(&e->key, memory_order_relaxed);
}

/* Where sections do not protect: what `next` of an element that is unlinked leads to. */
static struct element unlinked;

static struct element **head_of(const struct state *s, uint32_t key)
{
    return &s->heads[key & s->mask];
}

/* Inside a section, in which the element then stays; NULL: it is not there.
 *
 * Where sections do not protect, this goes hand over hand: one slot holds the element that it
 * stands on, the other takes the next one, and `next` is loaded again when that slot can be seen.
 * If it is the same, and not `unlinked`, the element is in the list, and so is the next one. That
 * can only be retired by an update which stores to this `next`, or which takes the mutex after the
 * one that did so: later, and the slot is found. Without the second load it may be retired, and
 * slots scanned, before this one can be seen. If `next` of an element that is unlinked and held
 * stayed as it is, it would lead to what was reclaimed long ago. */
static struct element *find(struct state *s, uint32_t key)
{
    struct element **head = head_of(s, key), *e = flavor_protect(0, *head);

    for (unsigned slot = 1; e && key_of(e) != key; slot ^= 1) {
        e = flavor_protect(slot, e->next);
        if (!FLAVOR_CAN_SECTIONS && e == &unlinked)
            e = flavor_protect(slot, *head);
    }
    return e;
}

static void search(struct worker *w, uint32_t key)
{
    flavor_read_lock();
    w->missed += find(w->state, key) == NULL;
    flavor_read_unlock();
}

/* Nobody unlinks anything meanwhile, so no section is needed. */
static void update(struct worker *w, uint32_t key, struct element *fresh, bool timed)
{
    struct state *s = w->state;
    struct element **link = head_of(s, key), *old;

    pthread_mutex_lock(&s->lock);
    while (key_of(*link) != key)
        link = &(*link)->next;
    old = *link;
    __atomic_store_n(&fresh->next, old->next, __ATOMIC_RELAXED);
    atomic_store_explicit(&fresh->key, key, memory_order_relaxed);
    if (!FLAVOR_CAN_SECTIONS)
        __atomic_store_n(&old->next, &unlinked, __ATOMIC_RELAXED);
    flavor_assign_pointer(*link, fresh);
    histogram_bump(&s->retired, 1);
    pthread_mutex_unlock(&s->lock);
    w->updates++;
    if (timed)
        atomic_store_explicit(&old->ticks, clock_ticks(), memory_order_relaxed);
    flavor_retire(&old->retired, old, reclaim);
}

/* --- Threads --- */

/* Returns how many operations: a flavor that waits with each update may not get far in time. */
static uint64_t operate(struct torture_thread *t, struct worker *w, uint64_t elements,
                        uint64_t batch)
{
    for (uint64_t i = 0; i < batch; i++) {
        uint32_t key = (uint32_t)random_below(&t->random, elements);
        uint64_t random = random_next(&t->random);
        struct element *fresh;

        if (random >> 11 >= w->threshold) {
            search(w, key);
            continue;
        }
        fresh = take(t, w);
        if (!fresh) {
            flavor_reclaim();
            w->put_off++;
            search(w, key);
            continue;
        }
        update(w, key, fresh, random % SAMPLED == 0);
        torture_beat(t);
        if (!torture_running(t))
            return i + 1;
    }
    return batch;
}

static void raise_peak(struct torture_thread *t, struct worker *w)
{
    uint64_t now = unreclaimed(w->state);

    if (now <= w->peak)
        return;
    torture_count(t, UNRECLAIMED_PEAK, now - w->peak);
    torture_count(t, UNRECLAIMED_BYTES_PEAK, (now - w->peak) * sizeof(struct element));
    w->peak = now;
}

static void worker(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;
    struct worker w = {
        .state = s,
        .pool = &s->pools[t->index],
        .elements = s->pools[t->index].elements,
        .threshold = (uint64_t)(p->updates / 100 * 0x1p53),
    };

    flavor_register_thread();
    while (torture_running(t)) {
        struct worker before = w;
        uint64_t start = clock_ticks();
        uint64_t ops = operate(t, &w, (uint64_t)p->elements, (uint64_t)p->batch);

        torture_measure(t, OP, clock_ps_each(clock_ticks() - start, ops));
        torture_count(t, OPS, ops);
        torture_count(t, UPDATES, w.updates - before.updates);
        torture_count(t, UPDATES_PUT_OFF, w.put_off - before.put_off);
        torture_count(t, MISSED, w.missed - before.missed);
        recover(t, &w);
        if (t->index == 0)
            raise_peak(t, &w);
        torture_beat(t);
    }
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    flavor_unregister_thread();
}

static void staller(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;
    struct long_reader self;

    flavor_register_thread();
    long_reader_open(&self);
    while (torture_running(t)) {
        bool kicked;

        flavor_read_lock();
        (void)flavor_protect(0, *s->heads);
        kicked = long_reader_stay(&self, t, (uint64_t)p->stall_ns);
        flavor_read_unlock();
        torture_count(t, STALLS, 1);
        torture_count(t, STALLS_KICKED, kicked);
        torture_beat(t);
        torture_sleep(t, (uint64_t)p->stall_pause_ns);
    }
    long_reader_close(&self);
    flavor_unregister_thread();
}

/* --- Set-up --- */

/* All of it idle, but for those behind the first so many. */
static void open_pool(struct pool *pool, size_t idle, size_t count)
{
    pool->elements = cache_lines(count * sizeof *pool->elements);
    for (size_t i = 0; i < count; i++) {
        pool->elements[i].pool = pool;
        pool->elements[i].below = (uint32_t)i;
    }
    atomic_init(&pool->returned, idle);
}

static void discard(flavor_retired *retired)
{
    free(retired);
}

/* A thread of the flavor's that reclaims starts with the first call, and inherits where the caller
 * may run: not on the CPU that a worker is bound to. */
static void start_reclaiming(void)
{
    flavor_retired *first = calloc(1, sizeof *first);

    flavor_register_thread();
    flavor_retire(first, first, discard);
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    flavor_unregister_thread();
}

/* Pools that take over half of the memory would measure the machine's want of it. */
static bool has_room(size_t workers, size_t elements, struct diagnostics *d)
{
    double needed = (double)elements * sizeof(struct element);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    if (needed <= memory / 2)
        return true;
    diagnose(d,
             "update-mix: the pools of %zu workers take %.1f GB, and this machine has %.1f: set "
             "\"pool\" lower",
             workers, needed / 1e9, memory / 1e9);
    return false;
}

/* Those that are in the list at first are of each pool in turn. */
static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    size_t workers = (size_t)p->workers, elements = (size_t)p->elements, idle = (size_t)p->pool;
    struct state *s;

    if (workers == 0 || !has_room(workers, workers * (idle + 1) + elements, d))
        return false;
    s = cache_lines(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->heads = cache_lines((size_t)p->buckets * sizeof(struct element *));
    s->mask = (uint32_t)p->buckets - 1;
    s->pool_count = workers;
    s->pools = cache_lines(workers * sizeof *s->pools);
    for (size_t i = 0; i < workers; i++)
        open_pool(&s->pools[i], idle, idle + elements / workers + 1);
    for (size_t key = elements; key-- > 0;) {
        struct element *e = &s->pools[key % workers].elements[idle + key / workers];

        atomic_init(&e->key, (uint32_t)key);
        e->next = *head_of(s, (uint32_t)key);
        *head_of(s, (uint32_t)key) = e;
    }
    start_reclaiming();
    in->state = s;
    return true;
}

/* What a flavor without a barrier has not yet reclaimed goes with the process. */
static void finish(struct instance *in)
{
    struct state *s = in->state;

    if (unreclaimed(s) > 0)
        return;
    for (size_t i = 0; i < s->pool_count; i++)
        free(s->pools[i].elements);
    free(s->pools);
    free(s->heads);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "workers",
     .type = OPTION_INT,
     .offset = FIELD(workers),
     .default_text = "1",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads that search and update"},
    {.name = "updates",
     .type = OPTION_REAL,
     .offset = FIELD(updates),
     .default_text = "10",
     .max = 100,
     .unit = "%",
     .help = "how many operations replace the element that they find"},
    {.name = "elements",
     .type = OPTION_INT,
     .offset = FIELD(elements),
     .default_text = "64",
     .min = 1,
     .max = 1e6,
     .unit = "elements",
     .help = "length of the list"},
    {.name = "buckets",
     .type = OPTION_INT,
     .offset = FIELD(buckets),
     .default_text = "1",
     .min = 1,
     .max = 1 << 20,
     .unit = "lists",
     .help =
         "over so many lists the elements are spread by their keys, as in a hash table; a power "
         "of two"},
    {.name = "pool",
     .type = OPTION_INT,
     .offset = FIELD(pool),
     .default_text = "100000",
     .min = 1,
     .max = 1e7,
     .unit = "elements",
     .help = "of each worker besides its part of the list: with all of them unreclaimed, updates "
             "are put off"},
    {.name = "batch",
     .type = OPTION_INT,
     .offset = FIELD(batch),
     .default_text = "1000",
     .min = 1,
     .max = 1e6,
     .unit = "operations",
     .help = "operations in one timing"},
    {.name = "stallers",
     .type = OPTION_INT,
     .offset = FIELD(stallers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers that stay in a section, or hold an element"},
    {.name = "stall",
     .type = OPTION_DURATION,
     .stays = 1,
     .stayers = "stallers",
     .offset = FIELD(stall_ns),
     .default_text = "10ms",
     .max = 600e9,
     .help = "how long they stay, unless a force notifier tells them to leave"},
    {.name = "stall_pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .stayers = "stallers",
     .offset = FIELD(stall_pause_ns),
     .default_text = "10ms",
     .max = 600e9,
     .help = "how long they sleep outside"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    /* Who reclaims may need one of their CPUs: that is part of what a mix costs. */
    {.name = "mix-worker", .count_option = "workers", .run = worker},
    {.name = "mix-staller", .count_option = "stallers", .run = staller},
    {.name = NULL},
};

static const char *refuse(const void *params)
{
    const struct params *p = params;

    return (p->buckets & (p->buckets - 1)) == 0 ? NULL
                                                : "update-mix: \"buckets\" is a power of two";
}

extern const struct workload update_mix_workload;
const struct workload update_mix_workload = {
    .name = "update-mix",
    .summary =
        "searches of a list or a hash table, some of which replace what they find and retire it",
    .bench = true,
    .needs = CAN_RETIRE,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .setup = setup,
    .finish = finish,
};
