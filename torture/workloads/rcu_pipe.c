/* rcu-pipe: objects travel down a pipe, one step a grace period, and readers tell how far one was when
 * they saw it.
 *
 * Each updater owns a cell with one published object. It publishes a fresh one, and from then on the
 * old one ages by one with each grace period of that updater's. A reader that entered while an object
 * was current may see it at age 0 or 1 when it leaves; a 2 means that a grace period ended although
 * the reader had been inside since before it began. Objects of two kinds: slots, which keep their age
 * for ever, and heap objects, which are poisoned and freed, some with their page unmapped, as soon as
 * their grace period has ended.
 *
 * Source of the pipe: the kernel's rcutorture. One updater thread per grace-period primitive, so that
 * the slow ones do not starve the checks of the fast ones.
 */
#include "long_reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PIPE_LENGTH 10
#define POOL_SIZE   (PIPE_LENGTH + 6)
#define POISON      UINT64_C(0x5151515151515151)
#define PAGE        4096
#define NEVER       UINT64_MAX

struct params {
    int64_t readers, quiet_readers, long_readers;
    int64_t sync_updaters, expedited_updaters, call_rcu_updaters, fake_updaters;
    int64_t nest_max;
    int64_t short_delay_ns, short_delay_one_in, long_delay_ns, long_delay_one_in;
    int64_t long_section_ns, long_pause_ns;
    int64_t expedite_pause_ns, fake_pause_ns;
    int64_t heap_one_in, unmap_one_in;
    int64_t entry_stores, gap_ns;
};

enum {
    READS,
    CHECKS,
    GPS,
    NESTED,
    DELAYED,
    LONG_KICKED,
    QUIET_READS,
    HEAP_FREED,
    UNMAPPED,
    AGE_0,
    COUNTERS = AGE_0 + PIPE_LENGTH + 1
};
static const char *const counter_names[] = {"reads",
                                            "checks",
                                            "gps",
                                            "nested_sections",
                                            "delayed_sections",
                                            "sections_kicked",
                                            "quiet_reads",
                                            "heap_freed",
                                            "unmapped",
                                            "age_0",
                                            "age_1",
                                            "age_2",
                                            "age_3",
                                            "age_4",
                                            "age_5",
                                            "age_6",
                                            "age_7",
                                            "age_8",
                                            "age_9",
                                            "age_10",
                                            NULL};

enum { GP, GP_REQUEST, GP_TOTAL, GP_END_TO_CALLBACK };
static const struct measure measure_list[] = {{"gp", "ns"},
                                              {"gp.request_to_start", "ns"},
                                              {"gp.total", "ns"},
                                              {"gp.end_to_callback", "ns"},
                                              {NULL, NULL}};

enum { PIPE_AGE, EARLY_REUSE, PUBLISH_ORDER, QUIESCENCE };
static const char *const check_names[] = {"pipe-age", "early-reuse", "publish-order", "quiescence",
                                          NULL};

enum {
    NOTE_PUBLISHED,
    NOTE_GP_START,
    NOTE_GP_END,
    NOTE_ENTERED,
    NOTE_AGE,
    NOTE_LEFT,
    NOTE_QUEUED,
    NOTE_CALLBACK
};
static const char *const note_formats[] = {"published object %lu, retired %lu",
                                           "waits for a grace period, %lu retired",
                                           "its grace period ended, %lu retired",
                                           "entered, loaded object %lu at age %lu",
                                           "the age of object %lu is %lu",
                                           "left, object %lu at age %lu",
                                           "queued a callback for object %lu",
                                           "callback for object %lu, now at age %lu",
                                           NULL};

static const char *const coverage_names[] = {
    "gps_forced", "gps_shared", "gps_proven", "sleeps", "heap_freed", "nested_sections", NULL};

/* What a reader looks at. */
struct object {
    atomic_uint age; /* grace periods since it was retired, plus one; 0: current */
    _Atomic uint64_t id;
    _Atomic uint64_t check; /* id_check(id), written before it is published */
    flavor_head head;
    struct updater *updater;
    struct object *next; /* in a list of the updater's */
    enum { SLOT, HEAP, MAPPED } kind;
};

/* One cell and who updates it. Lines that readers touch are apart from those they do not. */
struct updater {
    _Alignas(64) struct object *current; /* published */
    _Alignas(64) struct object pool[POOL_SIZE];
    struct object *pipe; /* retired slots, newest first; the updater's, or the callbacks' */
    struct object *idle; /* slots to use; the updater's */
    _Atomic(struct object *) returned; /* slots back from callbacks */
    atomic_uint in_flight;             /* callbacks queued and not yet done */
    uint64_t next_id;
    struct torture_thread *thread;
};

/* See contend(). */
struct line {
    _Alignas(64) atomic_uint value;
};

struct state {
    size_t updater_count;
    struct updater *updaters;
    struct line *contended; /* entry_stores of them */
    atomic_ulong progress;  /* grace periods of all updaters: what quiet readers wait for */
};

static uint64_t id_check(uint64_t id)
{
    return random_mix(id ^ POISON);
}

static void object_fill(struct object *o, uint64_t id)
{
    atomic_store_explicit(&o->age, 0, memory_order_relaxed);
    atomic_store_explicit(&o->id, id, memory_order_relaxed);
    atomic_store_explicit(&o->check, id_check(id), memory_order_relaxed);
}

static void object_scribble(struct object *o)
{
    atomic_store_explicit(&o->id, POISON, memory_order_relaxed);
    atomic_store_explicit(&o->check, POISON, memory_order_relaxed);
}

/* --- Readers --- */

/* What a reader found in one section. */
struct sight {
    struct object *object;
    uint64_t entered, id, check;
    unsigned first_age, age;
    uint64_t id_again;
};

static inline void look(struct sight *s, struct updater *u)
{
    struct object *o = flavor_dereference(u->current);

    s->object = o;
    s->id = atomic_load_explicit(&o->id, memory_order_relaxed);
    s->check = atomic_load_explicit(&o->check, memory_order_relaxed);
    s->first_age = atomic_load_explicit(&o->age, memory_order_relaxed);
}

static inline void look_again(struct sight *s)
{
    s->id_again = atomic_load_explicit(&s->object->id, memory_order_relaxed);
    s->age = atomic_load_explicit(&s->object->age, memory_order_relaxed);
}

/* After the section; from here on the harness may be slow. */
static void judge(struct torture_thread *t, const struct sight *s)
{
    unsigned age = s->age < PIPE_LENGTH ? s->age : PIPE_LENGTH;

    torture_count(t, AGE_0 + age, 1);
    torture_count(t, CHECKS, 3);
    if (__builtin_expect(s->check == id_check(s->id) && s->id_again == s->id && age <= 1, 1))
        return;
    torture_note_at(t, s->entered, NOTE_ENTERED, s->id, s->first_age);
    torture_note(t, NOTE_AGE, s->id, s->age);
    if (s->id == POISON || s->id_again != s->id)
        torture_violation(
            t->instance, t, EARLY_REUSE,
            "A reader held object %lu, and its memory was %s before the section ended.",
            (unsigned long)s->id,
            s->id_again == POISON || s->id == POISON ? "freed" : "used again");
    else if (s->check != id_check(s->id))
        torture_violation(t->instance, t, PUBLISH_ORDER,
                          "A reader reached object %lu before what was written to it: its check "
                          "value is stale.",
                          (unsigned long)s->id);
    else
        torture_violation(t->instance, t, PIPE_AGE,
                          "A reader saw object %lu at age %u: a grace period that began after the "
                          "reader had entered ended before it left.",
                          (unsigned long)s->id, s->age);
}

static struct updater *any_updater(struct torture_thread *t)
{
    struct state *state = t->instance->state;

    return &state->updaters[state->updater_count == 1
                                ? 0
                                : random_below(&t->random, state->updater_count)];
}

/* Plain stores to lines that readers and updaters fight for. Readers make them just before a section:
 * they keep the store buffer busy, so that the entry of the section, and what came before, is seen
 * late. A reader whose entry nobody sees yet is what a missing fence forgets. Nothing of this happens
 * inside a section or while a grace period is waited for. */
static inline void contend(const struct params *p, struct state *state, unsigned value)
{
    for (int64_t i = 0; i < p->entry_stores; i++)
        atomic_store_explicit(&state->contended[i].value, value, memory_order_relaxed);
}

static inline void delay(struct torture_thread *t, const struct params *p)
{
    if (random_one_in(&t->random, (uint64_t)p->long_delay_one_in)) {
        torture_spin(random_below(&t->random, (uint64_t)p->long_delay_ns + 1));
        torture_count(t, DELAYED, 1);
    } else if (random_one_in(&t->random, (uint64_t)p->short_delay_one_in)) {
        torture_spin(random_below(&t->random, (uint64_t)p->short_delay_ns + 1));
        torture_count(t, DELAYED, 1);
    }
}

/* One section of a reader that comes and goes. */
static void read_once(struct torture_thread *t, const struct params *p, struct state *state)
{
    unsigned nested = FLAVOR_CAN_NEST && p->nest_max > 0 && random_one_in(&t->random, 8)
                          ? 1 + (unsigned)random_below(&t->random, (uint64_t)p->nest_max)
                          : 0;
    struct updater *u = any_updater(t);
    struct sight sight;

    if (p->gap_ns > 0)
        torture_spin(random_below(&t->random, (uint64_t)p->gap_ns + 1));
    sight.entered = clock_ticks();
    contend(p, state, (unsigned)sight.entered);
    torture_section(t, true);
    flavor_read_lock();
    look(&sight, u);
    for (unsigned i = 0; i < nested; i++)
        flavor_read_lock();
    delay(t, p);
    for (unsigned i = 0; i < nested; i++)
        flavor_read_unlock();
    look_again(&sight);
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, READS, 1);
    if (nested)
        torture_count(t, NESTED, 1);
    judge(t, &sight);
}

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 64; i++)
            read_once(t, p, state);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* Enters once, leaves, and then stays out until the updaters have got somewhere: a wake-up that its
 * unlock owes and forgets is healed by nobody. */
static void quiet_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        struct sight sight = {.entered = clock_ticks()};
        unsigned long before;

        torture_section(t, true);
        flavor_read_lock();
        look(&sight, any_updater(t));
        torture_spin(random_below(&t->random, (uint64_t)p->long_delay_ns + 1));
        look_again(&sight);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, QUIET_READS, 1);
        judge(t, &sight);
        torture_note_at(t, sight.entered, NOTE_ENTERED, sight.id, sight.first_age);
        torture_note(t, NOTE_LEFT, sight.id, sight.age);
        before = atomic_load_explicit(&state->progress, memory_order_relaxed);
        while (torture_running(t) &&
               atomic_load_explicit(&state->progress, memory_order_relaxed) == before) {
            torture_sleep(t, 200 * 1000);
            torture_beat(t);
        }
        torture_sleep(t, random_below(&t->random, 500 * 1000));
        torture_beat(t);
    }
    flavor_unregister_thread();
}

static void long_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct long_reader stay;

    flavor_register_thread();
    long_reader_open(&stay);
    while (torture_running(t)) {
        struct sight sight = {.entered = clock_ticks()};
        bool kicked;

        torture_section(t, true);
        flavor_read_lock();
        look(&sight, any_updater(t));
        kicked =
            long_reader_stay(&stay, t, random_below(&t->random, (uint64_t)p->long_section_ns + 1));
        look_again(&sight);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, LONG_KICKED, kicked);
        torture_note_at(t, sight.entered, NOTE_ENTERED, sight.id, sight.first_age);
        torture_note(t, NOTE_LEFT, sight.id, sight.age);
        judge(t, &sight);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->long_pause_ns + 1));
        torture_beat(t);
    }
    long_reader_close(&stay);
    flavor_unregister_thread();
}

/* --- Updaters --- */

static struct object *new_heap(struct torture_thread *t, const struct params *p)
{
    struct object *o;

    if (random_one_in(&t->random, (uint64_t)p->unmap_one_in)) {
        o = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (o == MAP_FAILED)
            return NULL;
        o->kind = MAPPED;
        return o;
    }
    o = calloc(1, sizeof *o);
    if (o)
        o->kind = HEAP;
    return o;
}

static struct object *new_object(struct updater *u, struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct object *o = NULL;

    if (random_one_in(&t->random, (uint64_t)p->heap_one_in))
        o = new_heap(t, p);
    if (!o) {
        if (!u->idle)
            u->idle = atomic_exchange_explicit(&u->returned, NULL, memory_order_acquire);
        o = u->idle;
        if (!o)
            return NULL;
        u->idle = o->next;
    }
    o->updater = u;
    object_fill(o, u->next_id);
    u->next_id += ((struct state *)t->instance->state)->updater_count;
    return o;
}

/* Its grace period has ended: nobody may hold it, so what it held may go. Counts go to the updater's
 * thread, which waits for its callbacks before it ends. */
static void heap_free(struct object *o, struct torture_thread *t)
{
    object_scribble(o);
    if (o->kind == MAPPED) {
        munmap(o, PAGE);
        torture_count(t, UNMAPPED, 1);
    } else {
        free(o);
        torture_count(t, HEAP_FREED, 1);
    }
}

/* A grace period has ended: everything retired is one older. Heap objects go, the oldest slots are
 * used again. */
static void age_pipe(struct updater *u, struct torture_thread *t)
{
    struct object **link = &u->pipe;

    while (*link) {
        struct object *o = *link;
        unsigned age = atomic_fetch_add_explicit(&o->age, 1, memory_order_relaxed) + 1;

        if (o->kind != SLOT) {
            *link = o->next;
            heap_free(o, t);
        } else if (age >= PIPE_LENGTH) {
            *link = o->next;
            object_scribble(o);
            o->next = u->idle;
            u->idle = o;
        } else {
            link = &o->next;
        }
    }
}

static struct updater *own_cell(struct torture_thread *t)
{
    struct state *state = t->instance->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct torture_thread *none = NULL;

        if (__atomic_compare_exchange_n(&state->updaters[i].thread, &none, t, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return &state->updaters[i];
    }
    abort(); /* there are as many cells as updaters */
}

/* Publishes a new object and returns the one it replaces. */
static struct object *replace(struct updater *u, struct torture_thread *t, struct object *fresh)
{
    struct object *old = u->current;

    flavor_assign_pointer(u->current, fresh);
    atomic_store_explicit(&old->age, 1, memory_order_relaxed);
    torture_note(t, NOTE_PUBLISHED, (unsigned long)fresh->id, (unsigned long)old->id);
    return old;
}

/* Records how a wait for a grace period went: its own time, and its parts where the flavor tells. */
static void measure_wait(struct torture_thread *t, int64_t requested, int64_t returned)
{
    int64_t start, end;

    torture_measure(t, GP_TOTAL, (uint64_t)(returned - requested));
    if (!flavor_gp_times(&start, &end))
        return;
    torture_measure(t, GP, (uint64_t)(end - start));
    torture_measure(t, GP_REQUEST, start > requested ? (uint64_t)(start - requested) : 0);
}

static void update_loop(struct torture_thread *t, void (*wait)(void), int64_t pause_ns)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct updater *u = own_cell(t);

    flavor_register_thread();
    while (torture_running(t)) {
        struct object *fresh = new_object(u, t), *old;
        int64_t requested, returned;

        contend(p, state, 0);
        old = replace(u, t, fresh);
        old->next = u->pipe;
        u->pipe = old;
        torture_note(t, NOTE_GP_START, (unsigned long)old->id, 0);
        requested = clock_monotonic_ns();
        wait();
        returned = clock_monotonic_ns();
        torture_note(t, NOTE_GP_END, (unsigned long)old->id, 0);
        age_pipe(u, t);
        measure_wait(t, requested, returned);
        torture_count(t, GPS, 1);
        torture_beat(t);
        atomic_fetch_add_explicit(&state->progress, 1, memory_order_relaxed);
        if (pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)pause_ns + 1));
    }
    for (unsigned i = 0; i <= PIPE_LENGTH && u->pipe; i++) {
        wait();
        age_pipe(u, t);
        torture_beat(t);
    }
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

static void sync_updater(struct torture_thread *t)
{
    update_loop(t, flavor_synchronize, 0);
}

static void expedited_updater(struct torture_thread *t)
{
    update_loop(t, flavor_synchronize_expedited,
                ((const struct params *)t->instance->params)->expedite_pause_ns);
}

/* --- The updater that does not wait --- */

static void return_slot(struct updater *u, struct object *o)
{
    o->next = atomic_load_explicit(&u->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&u->returned, &o->next, o, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

/* In the flavor's callback thread. A slot goes round until it is old enough. */
static void aged(flavor_head *head)
{
    struct object *o = (struct object *)((char *)head - offsetof(struct object, head));
    struct updater *u = o->updater;
    unsigned age = atomic_fetch_add_explicit(&o->age, 1, memory_order_relaxed) + 1;

    if (o->kind == SLOT && age < PIPE_LENGTH) {
        flavor_call(&o->head, aged);
        return;
    }
    if (o->kind == SLOT) {
        object_scribble(o);
        return_slot(u, o);
    } else {
        heap_free(o, u->thread);
    }
    /* Release, pairs with: the acquire in call_rcu_updater(). Broken: it ends, and its counters are
     * read, while a callback still counts. */
    atomic_fetch_sub_explicit(&u->in_flight, 1, memory_order_release);
}

/* Waits for callbacks to come back, at most `most` still on their way. Beats only when some did. */
static void wait_for_callbacks(struct torture_thread *t, struct updater *u, unsigned most)
{
    unsigned before = atomic_load_explicit(&u->in_flight, memory_order_acquire), now;

    while ((now = atomic_load_explicit(&u->in_flight, memory_order_acquire)) > most) {
        if (now != before)
            torture_beat(t);
        before = now;
        shared_wait(&u->in_flight, now, 200 * 1000);
    }
}

static void call_rcu_updater(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct updater *u = own_cell(t);

    flavor_register_thread();
    while (torture_running(t)) {
        struct object *fresh = new_object(u, t), *old;

        if (!fresh) {
            shared_wait(&t->header->stop, 0, 50 * 1000);
            continue; /* all slots are in the pipe; beats come from callbacks */
        }
        contend(p, state, 0);
        old = replace(u, t, fresh);
        atomic_fetch_add_explicit(&u->in_flight, 1, memory_order_relaxed);
        torture_note(t, NOTE_QUEUED, (unsigned long)old->id, 0);
        flavor_call(&old->head, aged);
        torture_count(t, CHECKS, 1);
        torture_beat(t);
        atomic_fetch_add_explicit(&state->progress, 1, memory_order_relaxed);
        wait_for_callbacks(t, u, POOL_SIZE - 2);
    }
    wait_for_callbacks(t, u, 0);
    flavor_unregister_thread();
}

/* Asks for grace periods that nobody needs, at random moments. */
static void fake_updater(struct torture_thread *t)
{
    const struct params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->fake_pause_ns + 1));
        if (!torture_running(t))
            break;
        flavor_synchronize();
        torture_count(t, GPS, 1);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);
    size_t count = (size_t)(p->sync_updaters + p->expedited_updaters + p->call_rcu_updaters);

    if (count == 0) {
        diagnose(d, "rcu-pipe: needs at least one updater (sync_updaters, expedited_updaters, "
                    "call_rcu_updaters)");
        free(state);
        return false;
    }
    state->updater_count = count;
    state->updaters = aligned_alloc(64, count * sizeof *state->updaters);
    memset(state->updaters, 0, count * sizeof *state->updaters);
    state->contended = aligned_alloc(64, ((size_t)p->entry_stores + 1) * sizeof *state->contended);
    memset(state->contended, 0, ((size_t)p->entry_stores + 1) * sizeof *state->contended);
    for (size_t i = 0; i < count; i++) {
        struct updater *u = &state->updaters[i];

        u->next_id = i;
        for (unsigned j = 0; j < POOL_SIZE; j++) {
            u->pool[j].next = u->idle;
            u->idle = &u->pool[j];
        }
        u->current = u->idle;
        u->idle = u->idle->next;
        u->current->updater = u;
        object_fill(u->current, u->next_id);
        u->next_id += count;
    }
    in->state = state;
    return true;
}

/* After the run everything but the current object is back. */
static void finish(struct instance *in)
{
    struct state *state = in->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct updater *u = &state->updaters[i];
        unsigned back = u->current->kind == SLOT, out = 0;

        for (struct object *o = u->idle; o; o = o->next)
            back++;
        for (struct object *o = atomic_load(&u->returned); o; o = o->next)
            back++;
        for (struct object *o = u->pipe; o; o = o->next)
            out++;
        if (back != POOL_SIZE || out > 0)
            torture_violation(in, u->thread, QUIESCENCE,
                              "%u of %u slots are back at the end, %u objects are still retired.",
                              back, (unsigned)POOL_SIZE, out);
        if (u->current->kind == MAPPED)
            munmap(u->current, PAGE);
        else if (u->current->kind == HEAP)
            free(u->current);
    }
    free(state->contended);
    free(state->updaters);
    free(state);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "2", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"quiet_readers", OPTION_INT, FIELD(quiet_readers), "1", 0, 4096, "threads", NULL,
     "readers that, once outside, wait for a grace period: they do not heal lost wake-ups"},
    {"long_readers", OPTION_INT, FIELD(long_readers), "0", 0, 4096, "threads", NULL,
     "readers that stay inside until they are told to leave, as a vCPU does"},
    {"sync_updaters", OPTION_INT, FIELD(sync_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that call synchronize"},
    {"expedited_updaters", OPTION_INT, FIELD(expedited_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that call the expedited synchronize"},
    {"call_rcu_updaters", OPTION_INT, FIELD(call_rcu_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that queue callbacks"},
    {"fake_updaters", OPTION_INT, FIELD(fake_updaters), "1", 0, 4096, "threads", NULL,
     "threads that ask for grace periods at random and publish nothing"},
    {"nest_max", OPTION_INT, FIELD(nest_max), "3", 0, 1000, "levels", NULL,
     "up to so many more levels in every eighth section"},
    {"short_delay", OPTION_DURATION, FIELD(short_delay_ns), "2us", 0, 60e9, NULL, NULL,
     "longest short delay inside a section"},
    {"short_delay_one_in", OPTION_INT, FIELD(short_delay_one_in), "4", 0, 1e12, "sections", NULL,
     "one section in so many has a short delay; 0: none"},
    {"long_delay", OPTION_DURATION, FIELD(long_delay_ns), "100us", 0, 60e9, NULL, NULL,
     "longest long delay inside a section, and every section of a quiet reader"},
    {"long_delay_one_in", OPTION_INT, FIELD(long_delay_one_in), "2000", 0, 1e12, "sections", NULL,
     "one section in so many has a long delay; 0: none"},
    {"long_section", OPTION_DURATION, FIELD(long_section_ns), "100ms", 0, 600e9, NULL, NULL,
     "how long a long reader stays at most when nobody tells it to leave"},
    {"long_pause", OPTION_DURATION, FIELD(long_pause_ns), "200ms", 0, 600e9, NULL, NULL,
     "mean pause between the sections of a long reader"},
    {"expedite_pause", OPTION_DURATION, FIELD(expedite_pause_ns), "0ms", 0, 600e9, NULL, NULL,
     "mean pause between updates of an expedited updater"},
    {"fake_pause", OPTION_DURATION, FIELD(fake_pause_ns), "1ms", 0, 600e9, NULL, NULL,
     "mean pause of a fake updater"},
    {"heap_one_in", OPTION_INT, FIELD(heap_one_in), "4", 0, 1e12, "objects", NULL,
     "one object in so many is freed and poisoned after its grace period; 0: none"},
    {"unmap_one_in", OPTION_INT, FIELD(unmap_one_in), "64", 0, 1e12, "heap objects", NULL,
     "one heap object in so many has its page unmapped; 0: none"},
    {"entry_stores", OPTION_INT, FIELD(entry_stores), "2", 0, 64, "stores", NULL,
     "stores to contended lines just before each section, so that its entry is seen late"},
    {"gap", OPTION_DURATION, FIELD(gap_ns), "0us", 0, 60e9, NULL, NULL,
     "longest time that a reader spins outside between two sections"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", reader, 0},
    {"quiet-reader", "quiet_readers", quiet_reader, 0},
    {"long-reader", "long_readers", long_reader, 0},
    {"sync-updater", "sync_updaters", sync_updater, CAN_SYNCHRONIZE},
    {"expedited-updater", "expedited_updaters", expedited_updater, CAN_EXPEDITE},
    {"call-rcu-updater", "call_rcu_updaters", call_rcu_updater, CAN_CALL},
    {"fake-updater", "fake_updaters", fake_updater, CAN_SYNCHRONIZE},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_pipe_workload;
const struct workload rcu_pipe_workload = {
    .name = "rcu-pipe",
    .summary = "objects age by one each grace period, and readers tell how old they saw them",
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
