/* rcu-callback: a ledger of callbacks. None may be lost, run twice, out of order, early, or without the
 * big lock; a barrier may not return before those queued before it have run.
 *
 * Each caller publishes items, replaces them and queues a callback for the old one. Readers hold items
 * and look whether their callback has run meanwhile. Callers work in bursts, so that callbacks pile
 * up. Busy readers stay inside until the flavor tells them to leave.
 */
#include "long_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct params {
    int64_t readers, busy_readers, callers, barriers, lock_users;
    int64_t burst_max, pending_max, burst_pause_ns;
    int64_t section_ns, busy_section_ns;
    int64_t barrier_pause_ns;
    bool big_lock;
};

enum { READS, CHECKS, QUEUED, INVOKED, BARRIERS, BARRIERS_LOCKED, BUSY_KICKED, LOCKED };
static const char *const counter_names[] = {"reads",           "checks",   "queued",
                                            "invoked",         "barriers", "barriers_locked",
                                            "sections_kicked", "locked",   NULL};

enum { QUEUE_TO_INVOKE, END_TO_CALLBACK, BARRIER_TIME };
static const struct measure measure_list[] = {{"callback.queue_to_invoke", "ns"},
                                              {"gp.end_to_callback", "ns"},
                                              {"callback.barrier", "ns"},
                                              {NULL, NULL}};

enum { CALLBACK_LEDGER, QUIESCENCE };
static const char *const check_names[] = {"callback-ledger", "quiescence", NULL};

enum { NOTE_QUEUED, NOTE_INVOKED, NOTE_ENTERED, NOTE_LEFT, NOTE_BARRIER, NOTE_BARRIER_END };
static const char *const note_formats[] = {"queued callback %lu, %lu on their way",
                                           "callback %lu ran",
                                           "entered, loaded item %lu",
                                           "left, item %lu",
                                           "barrier begins, %lu queued by the first caller",
                                           "barrier ended, %lu ran of the first caller's",
                                           NULL};

static const char *const coverage_names[] = {"gps_forced", "gps_forced_by_call", "barriers",
                                             "barriers_locked", NULL};

/* What is queued. Items are of a caller's own pool and come back to it. */
struct item {
    flavor_head head;
    struct caller *caller;
    struct item *next;
    atomic_uint done; /* its callback has run */
    _Atomic uint64_t sequence;
    int64_t queued_ns;
};

struct caller {
    _Alignas(64) struct item *current;     /* published */
    _Alignas(64) _Atomic uint64_t queued;  /* by the caller */
    _Alignas(64) _Atomic uint64_t invoked; /* by callbacks; the next one's sequence */
    _Atomic(struct item *) returned;       /* items whose callback has run */
    struct item *idle;                     /* the caller's */
    struct torture_thread *thread;
    struct instance *instance;
};

struct state {
    size_t caller_count;
    struct caller *callers;
    atomic_uint taken; /* cells given to threads */
    pthread_mutex_t big_lock;
    atomic_int owner; /* whose; 0: nobody's */
};

/* --- The big lock --- */

static __thread int self_id;

static int my_id(void)
{
    static atomic_int next = 1;

    if (!self_id)
        self_id = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    return self_id;
}

static void big_lock(void *data)
{
    struct state *state = data;

    pthread_mutex_lock(&state->big_lock);
    atomic_store_explicit(&state->owner, my_id(), memory_order_relaxed);
}

static void big_unlock(void *data)
{
    struct state *state = data;

    atomic_store_explicit(&state->owner, 0, memory_order_relaxed);
    pthread_mutex_unlock(&state->big_lock);
}

static bool big_held(void *data)
{
    struct state *state = data;

    return atomic_load_explicit(&state->owner, memory_order_relaxed) == my_id();
}

/* --- Callbacks --- */

static void return_item(struct caller *c, struct item *item)
{
    item->next = atomic_load_explicit(&c->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->returned, &item->next, item,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* In the flavor's callback thread, the only writer of what it counts and measures here. */
static void invoked(flavor_head *head)
{
    struct item *item = (struct item *)((char *)head - offsetof(struct item, head));
    struct caller *c = item->caller;
    struct torture_thread *t = c->thread;
    const struct params *p = c->instance->params;
    uint64_t expected = atomic_load_explicit(&c->invoked, memory_order_relaxed);
    uint64_t sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);
    int64_t now = clock_monotonic_ns(), start, end;

    if (sequence != expected)
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)sequence, t->index, (unsigned long)expected);
    if (p->big_lock && !big_held(c->instance->state))
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran without the big lock.",
                          (unsigned long)sequence, t->index);
    if (atomic_exchange_explicit(&item->done, 1, memory_order_relaxed))
        torture_violation(c->instance, t, CALLBACK_LEDGER, "Callback %lu of caller %u ran twice.",
                          (unsigned long)sequence, t->index);
    torture_measure(t, QUEUE_TO_INVOKE, (uint64_t)(now - item->queued_ns));
    if (flavor_gp_times(&start, &end) && now > end)
        torture_measure(t, END_TO_CALLBACK, (uint64_t)(now - end));
    torture_count(t, INVOKED, 1);
    return_item(c, item);
    /* Release: what the callback did comes before it is counted as run.
     * Pairs with: the acquire in barrier_once(). Broken: a barrier is blamed wrongly. */
    atomic_store_explicit(&c->invoked, sequence + 1, memory_order_release);
}

/* --- Roles --- */

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 32; i++) {
            struct caller *c = &state->callers[random_below(&t->random, state->caller_count)];
            uint64_t ns = random_one_in(&t->random, 64)
                              ? random_below(&t->random, (uint64_t)p->section_ns + 1)
                              : 0;
            uint64_t entered = clock_ticks(), sequence;
            struct item *item;
            unsigned done;

            torture_section(t, true);
            flavor_read_lock();
            item = flavor_dereference(c->current);
            sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);
            if (ns)
                torture_spin(ns);
            done = atomic_load_explicit(&item->done, memory_order_relaxed);
            flavor_read_unlock();
            torture_section(t, false);
            if (__builtin_expect(done != 0, 0)) {
                torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)sequence, 0);
                torture_violation(t->instance, t, CALLBACK_LEDGER,
                                  "The callback of item %lu ran while a reader that had loaded "
                                  "the item was still inside its section.",
                                  (unsigned long)sequence);
            }
        }
        torture_count(t, READS, 32);
        torture_count(t, CHECKS, 32);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* Stays inside until the flavor tells it to leave. */
static void busy_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct long_reader stay;

    flavor_register_thread();
    long_reader_open(&stay);
    while (torture_running(t)) {
        struct item *item;
        bool kicked;

        torture_section(t, true);
        flavor_read_lock();
        item = flavor_dereference(state->callers[0].current);
        torture_note(t, NOTE_ENTERED,
                     (unsigned long)atomic_load_explicit(&item->sequence, memory_order_relaxed), 0);
        torture_beat(t);
        kicked = long_reader_stay(&stay, t, (uint64_t)p->busy_section_ns);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, BUSY_KICKED, kicked);
        torture_note(t, NOTE_LEFT, 0, 0);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
    long_reader_close(&stay);
    flavor_unregister_thread();
}

static struct item *take_item(struct caller *c)
{
    struct item *item;

    if (!c->idle)
        c->idle = atomic_exchange_explicit(&c->returned, NULL, memory_order_acquire);
    item = c->idle;
    if (item)
        c->idle = item->next;
    return item;
}

static void queue_one(struct torture_thread *t, struct caller *c, struct item *fresh)
{
    struct item *old = c->current;
    uint64_t sequence = atomic_load_explicit(&c->queued, memory_order_relaxed);

    atomic_store_explicit(&fresh->done, 0, memory_order_relaxed);
    atomic_store_explicit(&fresh->sequence, sequence + 1, memory_order_relaxed);
    flavor_assign_pointer(c->current, fresh);
    old->queued_ns = clock_monotonic_ns();
    torture_note(
        t, NOTE_QUEUED, (unsigned long)sequence,
        (unsigned long)(sequence - atomic_load_explicit(&c->invoked, memory_order_relaxed)));
    flavor_call(&old->head, invoked);
    /* Release: queued before it is counted as queued.
     * Pairs with: the acquire in barrier_once(). Broken: a barrier is blamed wrongly. */
    atomic_store_explicit(&c->queued, sequence + 1, memory_order_release);
    torture_count(t, QUEUED, 1);
    torture_count(t, CHECKS, 3);
}

/* Callbacks of the caller's that are still to run; beats whenever one has. */
static void wait_until_invoked(struct torture_thread *t, struct caller *c, uint64_t most)
{
    uint64_t queued = atomic_load_explicit(&c->queued, memory_order_relaxed), last = 0;

    for (;;) {
        uint64_t now = atomic_load_explicit(&c->invoked, memory_order_acquire);

        if (queued - now <= most)
            return;
        if (now != last)
            torture_beat(t);
        last = now;
        if (torture_running(t))
            shared_wait(&t->header->stop, 0, 200 * 1000);
        else
            shared_wait(&t->header->stop, 1, 200 * 1000);
    }
}

static void caller(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct caller *c = &state->callers[t->index];

    c->thread = t;
    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t burst = 1 + random_below(&t->random, (uint64_t)p->burst_max);

        for (uint64_t i = 0; i < burst; i++) {
            struct item *item = take_item(c);

            if (!item)
                break;
            queue_one(t, c, item);
        }
        torture_beat(t);
        wait_until_invoked(t, c, (uint64_t)p->pending_max / 2);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->burst_pause_ns + 1));
    }
    wait_until_invoked(t, c, 0);
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

/* What was queued before the barrier has run when it returns. */
static void barrier_once(struct torture_thread *t, uint64_t *queued, bool locked)
{
    struct state *state = t->instance->state;
    int64_t begun;

    for (size_t i = 0; i < state->caller_count; i++)
        queued[i] = atomic_load_explicit(&state->callers[i].queued, memory_order_acquire);
    torture_note(t, NOTE_BARRIER, (unsigned long)queued[0], 0);
    if (locked)
        big_lock(state);
    begun = clock_monotonic_ns();
    flavor_barrier();
    torture_measure(t, BARRIER_TIME, (uint64_t)(clock_monotonic_ns() - begun));
    for (size_t i = 0; i < state->caller_count; i++) {
        uint64_t ran = atomic_load_explicit(&state->callers[i].invoked, memory_order_acquire);

        if (ran < queued[i])
            torture_violation(t->instance, t, CALLBACK_LEDGER,
                              "A barrier returned when %lu of the %lu callbacks that caller %zu "
                              "had queued before it had run.",
                              (unsigned long)ran, (unsigned long)queued[i], i);
    }
    torture_note(
        t, NOTE_BARRIER_END,
        (unsigned long)atomic_load_explicit(&state->callers[0].invoked, memory_order_relaxed), 0);
    if (locked) {
        if (!big_held(state))
            torture_violation(t->instance, t, CALLBACK_LEDGER,
                              "A barrier that was called with the big lock returned without it.");
        big_unlock(state);
    }
    torture_count(t, BARRIERS, 1);
    torture_count(t, BARRIERS_LOCKED, locked);
    torture_count(t, CHECKS, state->caller_count);
}

static void barrier(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    uint64_t *queued = calloc(state->caller_count, sizeof *queued);

    flavor_register_thread();
    while (torture_running(t)) {
        barrier_once(t, queued, p->big_lock && random_one_in(&t->random, 2));
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->barrier_pause_ns + 1));
    }
    flavor_unregister_thread();
    free(queued);
}

/* Keeps the big lock busy, as the rest of a program would. */
static void lock_user(struct torture_thread *t)
{
    struct state *state = t->instance->state;

    while (torture_running(t)) {
        big_lock(state);
        torture_spin(random_below(&t->random, 5 * 1000));
        big_unlock(state);
        torture_count(t, LOCKED, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 200 * 1000));
    }
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);

    if (p->callers == 0) {
        diagnose(d, "rcu-callback: needs at least one caller");
        free(state);
        return false;
    }
    if (p->big_lock && !FLAVOR_CAN_CALLBACK_LOCK) {
        diagnose(d, "rcu-callback: big_lock is true, but the flavor cannot \"callback-lock\"; set "
                    "rcu-callback.big_lock=false");
        free(state);
        return false;
    }
    state->caller_count = (size_t)p->callers;
    state->callers = aligned_alloc(64, state->caller_count * sizeof *state->callers);
    memset(state->callers, 0, state->caller_count * sizeof *state->callers);
    pthread_mutex_init(&state->big_lock, NULL);
    for (size_t i = 0; i < state->caller_count; i++) {
        struct caller *c = &state->callers[i];

        c->instance = in;
        for (int64_t j = 0; j <= p->pending_max; j++) {
            struct item *item = calloc(1, sizeof *item);

            item->caller = c;
            item->next = c->idle;
            c->idle = item;
        }
        c->current = take_item(c);
        atomic_store(&c->current->sequence, 0);
    }
    if (p->big_lock)
        flavor_set_callback_lock(big_lock, big_unlock, big_held, state);
    in->state = state;
    return true;
}

static size_t free_items(struct item *item)
{
    size_t n = 0;

    while (item) {
        struct item *next = item->next;

        free(item);
        item = next;
        n++;
    }
    return n;
}

static void finish(struct instance *in)
{
    const struct params *p = in->params;
    struct state *state = in->state;

    for (size_t i = 0; i < state->caller_count; i++) {
        struct caller *c = &state->callers[i];
        size_t back = free_items(c->idle) + free_items(atomic_load(&c->returned));

        if (back != (size_t)p->pending_max || atomic_load(&c->queued) != atomic_load(&c->invoked))
            torture_violation(in, c->thread, QUIESCENCE,
                              "%zu of %zu items of caller %zu are back at the end; %lu callbacks "
                              "were queued, %lu ran.",
                              back, (size_t)p->pending_max, i,
                              (unsigned long)atomic_load(&c->queued),
                              (unsigned long)atomic_load(&c->invoked));
        free(c->current);
    }
    /* The callback thread may still be between its last callback and letting go of the lock. */
    pthread_mutex_lock(&state->big_lock);
    pthread_mutex_unlock(&state->big_lock);
    free(state->callers);
    if (!p->big_lock)
        free(state); /* else it stays: the flavor keeps the lock's address until the process ends */
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "1", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"busy_readers", OPTION_INT, FIELD(busy_readers), "0", 0, 4096, "threads", NULL,
     "readers that stay inside until they are told to leave"},
    {"callers", OPTION_INT, FIELD(callers), "2", 0, 4096, "threads", NULL,
     "threads that queue callbacks"},
    {"barriers", OPTION_INT, FIELD(barriers), "1", 0, 4096, "threads", NULL,
     "threads that call the barrier"},
    {"lock_users", OPTION_INT, FIELD(lock_users), "1", 0, 4096, "threads", NULL,
     "threads that take the big lock now and then"},
    {"big_lock", OPTION_BOOL, FIELD(big_lock), "true", 0, 0, NULL, NULL,
     "callbacks run under a lock, and half of the barriers are called with it"},
    {"burst_max", OPTION_INT, FIELD(burst_max), "100", 1, 1e9, "callbacks", NULL,
     "a caller queues up to so many at once"},
    {"pending_max", OPTION_INT, FIELD(pending_max), "1000", 2, 1e7, "callbacks", NULL,
     "a caller has at most so many on their way"},
    {"burst_pause", OPTION_DURATION, FIELD(burst_pause_ns), "100us", 0, 60e9, NULL, NULL,
     "mean pause of a caller between bursts"},
    {"section", OPTION_DURATION, FIELD(section_ns), "50us", 0, 60e9, NULL, NULL,
     "longest section of a reader"},
    {"busy_section", OPTION_DURATION, FIELD(busy_section_ns), "10s", 0, 600e9, NULL, NULL,
     "how long a busy reader stays when nobody tells it to leave"},
    {"barrier_pause", OPTION_DURATION, FIELD(barrier_pause_ns), "1ms", 0, 60e9, NULL, NULL,
     "mean pause between barriers"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", reader, 0},
    {"busy-reader", "busy_readers", busy_reader, CAN_FORCE},
    {"caller", "callers", caller, CAN_CALL},
    {"barrier", "barriers", barrier, CAN_BARRIER},
    {"lock-user", "lock_users", lock_user, 0},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_callback_workload;
const struct workload rcu_callback_workload = {
    .name = "rcu-callback",
    .summary = "a ledger of callbacks: none lost, doubled, out of order, early or without the lock",
    .needs = CAN_PROTECT,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    .setup = setup,
    .finish = finish,
};
