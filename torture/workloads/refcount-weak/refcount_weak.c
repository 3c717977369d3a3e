/* refcount-weak: objects that are found without being owned.
 *
 * A table owns one reference to each of its objects. Users find an object inside a section and take
 * a reference of their own, unless there are none left; with it they use the object outside of
 * the section, and give the reference back. Whoever gives back the last one has the object freed.
 * What must hold:
 *
 *     an object is not freed while a section may still look at how many references it has
 *     it is not freed while somebody has a reference, and is freed once
 */
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <stddef.h>

/* Of a freed object: who takes a reference from it gets one. */
#define POISON UINT64_C(0x5151515151515151)

struct params {
    int64_t users, slots, pause_ns, hold_ns;
};

enum { READS, CHECKS, TAKEN, TOO_LATE, LAST_BY_USER, REPLACED, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [TAKEN] = {.name = "references_taken"},
    [TOO_LATE] = {.name = "found_without", .words = "objects found without a reference"},
    [LAST_BY_USER] = {.name = "last_by_user", .words = "last references that a user gave back"},
    [REPLACED] = {.name = "replaced", .words = "objects replaced"},
};
enum { REFERENCE, EARLY_REUSE, QUIESCENCE, CHECK_COUNT };
static const char *const checks[CHECK_COUNT] = {
    [REFERENCE] = "reference",
    [EARLY_REUSE] = "early-reuse",
    [QUIESCENCE] = "quiescence",
};
enum { NOTE_PUBLISHED, NOTE_REPLACED, NOTE_LAST, NOTE_ENTERED, NOTE_TAKEN, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PUBLISHED] = {.format = "published object %lu in slot %lu"},
    [NOTE_REPLACED] = {.format = "replaced object %lu by %lu, gives its reference back"},
    [NOTE_LAST] = {.format = "gave back the last reference of object %lu"},
    [NOTE_ENTERED] = {.format = "entered, finds object %lu", .enters = true},
    [NOTE_TAKEN] = {.format = "has a reference of object %lu"},
};

struct object {
    _Alignas(64) _Atomic uint64_t references;
    _Atomic uint64_t number; /* poisoned when it is freed */
    atomic_uint freed;       /* how often it was given to be freed */
    flavor_retired retired;
    struct state *state;
};

struct slot {
    _Alignas(64) struct object *object; /* published */
};

struct state {
    struct slot *slots;
    uint64_t made; /* the replacer's */
    struct leaving leaving;
    struct quarantine quarantine;
    _Atomic uint64_t freed;
};

static uint64_t number_of(const struct object *o)
{
    return atomic_load_explicit(&o->number, memory_order_relaxed);
}

static struct object *make(struct state *s)
{
    struct object *o = cache_lines(sizeof *o);

    atomic_init(&o->references, 1);
    atomic_init(&o->number, ++s->made);
    o->state = s;
    return o;
}

static void reclaim(flavor_retired *retired)
{
    struct object *o = (struct object *)((char *)retired - offsetof(struct object, retired));
    struct state *s = o->state;

    atomic_store_explicit(&o->number, POISON, memory_order_relaxed);
    atomic_store_explicit(&o->references, POISON, memory_order_relaxed);
    quarantine_add(&s->quarantine, o);
    atomic_fetch_add_explicit(&s->freed, 1, memory_order_relaxed);
    leaving_end(&s->leaving);
}

/* In a section. False: there is none left, and the object goes. */
static bool take_reference(struct object *o)
{
    uint64_t count = atomic_load_explicit(&o->references, memory_order_relaxed);

    while (count != 0)
        if (atomic_compare_exchange_weak_explicit(&o->references, &count, count + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

/* True when it was the last one. */
static bool give_back(struct torture_thread *t, struct object *o, uint64_t number)
{
    /* Orders: accesses of o by who had a reference -> RMW o->references (acq_rel) -> STORE
     * o->number in reclaim().
     * Pairs with: give_back(), RMW o->references (acq_rel), of the others.
     * Broken: it is freed while another thread's last access is on the way. */
    if (atomic_fetch_sub_explicit(&o->references, 1, memory_order_acq_rel) != 1)
        return false;
    torture_note(t, NOTE_LAST, (unsigned long)number, 0);
    if (atomic_fetch_add_explicit(&o->freed, 1, memory_order_relaxed) > 0) {
        torture_violation(t->instance, t, REFERENCE,
                          "The last reference of object %lu was given back a second time.",
                          (unsigned long)number);
        return true;
    }
    leaving_begin(&o->state->leaving);
    flavor_retire(&o->retired, o, reclaim);
    return true;
}

/* With a reference, outside of the section. */
static void use(struct torture_thread *t, struct object *o, uint64_t number)
{
    const struct params *p = t->instance->params;

    if (random_one_in(&t->random, 64)) {
        torture_note(t, NOTE_TAKEN, (unsigned long)number, 0);
        torture_spin(random_below(&t->random, (uint64_t)p->hold_ns + 1));
    }
    if (number_of(o) != number)
        torture_violation(t->instance, t, REFERENCE,
                          "Object %lu was freed while somebody had a reference to it.",
                          (unsigned long)number);
    torture_count(t, LAST_BY_USER, give_back(t, o, number));
}

static void find_once(struct torture_thread *t, struct state *s)
{
    const struct params *p = t->instance->params;
    struct slot *slot = &s->slots[random_below(&t->random, (uint64_t)p->slots)];
    uint64_t entered = clock_ticks(), number, again;
    struct object *o;
    bool taken;

    torture_section(t, true);
    flavor_read_lock();
    o = flavor_dereference(slot->object);
    number = number_of(o);
    taken = take_reference(o);
    again = number_of(o);
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, taken ? TAKEN : TOO_LATE, 1);
    if (__builtin_expect(again == POISON, 0)) {
        torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)number, 0);
        torture_violation(t->instance, t, EARLY_REUSE,
                          "Object %lu was freed while a user was inside its section.",
                          (unsigned long)number);
    } else if (taken) {
        use(t, o, number);
    }
}

/* Anybody may have given back a last reference. */
static void await_all(struct torture_thread *t, struct state *s)
{
    while (!leaving_wait(t, &s->leaving, 0))
        ;
}

static void user(struct torture_thread *t)
{
    struct state *s = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            find_once(t, s);
        torture_count(t, READS, 16);
        torture_count(t, CHECKS, 16 * 2);
        torture_beat(t);
    }
    await_all(t, s);
    flavor_unregister_thread();
}

static void replacer(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t at = random_below(&t->random, (uint64_t)p->slots);
        struct object *old = s->slots[at].object, *fresh = make(s);
        uint64_t number = number_of(old);

        torture_note(t, NOTE_PUBLISHED, (unsigned long)number_of(fresh), (unsigned long)at);
        flavor_assign_pointer(s->slots[at].object, fresh);
        torture_note(t, NOTE_REPLACED, (unsigned long)number, (unsigned long)number_of(fresh));
        give_back(t, old, number);
        torture_count(t, REPLACED, 1);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        torture_beat(t);
    }
    await_all(t, s);
    flavor_unregister_thread();
}

/* --- Set-up and end --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *s = cache_lines(sizeof *s);

    (void)d;
    s->slots = cache_lines((size_t)p->slots * sizeof *s->slots);
    for (int64_t i = 0; i < p->slots; i++)
        s->slots[i].object = make(s);
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    const struct params *p = in->params;
    struct state *s = in->state;
    uint64_t freed = atomic_load(&s->freed), left = 0;

    for (int64_t i = 0; i < p->slots; i++) {
        left += atomic_load(&s->slots[i].object->references) - 1;
        free(s->slots[i].object);
    }
    if (s->made != freed + (uint64_t)p->slots || left != 0)
        torture_violation(in, NULL, QUIESCENCE,
                          "%lu objects were made, %lu are in the table, and %lu were freed; %lu "
                          "references were not given back.",
                          (unsigned long)s->made, (unsigned long)p->slots, (unsigned long)freed,
                          (unsigned long)left);
    quarantine_close(&s->quarantine);
    free(s->slots);
    free(s);
}

/* --- Tables --- */

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "users",
     .type = OPTION_INT,
     .offset = FIELD(users),
     .default_text = "3",
     .max = 4096,
     .unit = "threads",
     .help = "threads that find objects and take references"},
    {.name = "slots",
     .type = OPTION_INT,
     .offset = FIELD(slots),
     .default_text = "4",
     .min = 1,
     .max = 1e6,
     .unit = "objects",
     .help = "how many the table has; with few there are more races for each"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean time until another object is replaced"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest time that a user has a reference; one time in 64"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "user", .count_option = "users", .run = user},
    {.name = "replacer", .run = replacer},
    {.name = NULL},
};

extern const struct workload refcount_weak_workload;
const struct workload refcount_weak_workload = {
    .name = "refcount-weak",
    .summary = "lookups that take a reference to what they find, unless it is going",
    .needs = CAN_PROTECT | CAN_SECTIONS | CAN_RETIRE,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
