/* once-init: objects that are made by whoever needs them first.
 *
 * A slot is empty, or has an object. A user that finds none takes the slot's lock, looks again,
 * makes one and publishes it; all others find it without the lock. Now and then somebody takes the
 * object out and has it freed, so that users race anew. What must hold:
 *
 *     an object is made once until it is taken out
 *     whoever finds it finds it whole
 *     nobody finds one that was freed
 */
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <pthread.h>
#include <stddef.h>

#define WORDS  32
#define POISON UINT64_C(0x5151515151515151)

struct params {
    int64_t users, slots, pause_ns, hold_ns;
};

enum { READS, CHECKS, MADE, FOUND_MADE, RESETS, FREED, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [MADE] = {.name = "made", .words = "objects made"},
    [FOUND_MADE] = {.name = "races_lost",
                    .words = "users who found it made when they had the lock"},
    [RESETS] = {.name = "resets"},
    [FREED] = {.name = "freed"},
};
enum { TWICE, PUBLISH_ORDER, EARLY_REUSE, QUIESCENCE, CHECK_COUNT };
static const char *const checks[CHECK_COUNT] = {
    [TWICE] = "made-twice",
    [PUBLISH_ORDER] = "publish-order",
    [EARLY_REUSE] = "early-reuse",
    [QUIESCENCE] = "quiescence",
};
enum { NOTE_MADE, NOTE_TAKEN_OUT, NOTE_ENTERED, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_MADE] = {.format = "made the object of round %lu in slot %lu"},
    [NOTE_TAKEN_OUT] = {.format = "took the object of round %lu out of slot %lu"},
    [NOTE_ENTERED] = {.format = "entered, uses the object of round %lu in slot %lu",
                      .enters = true},
};

struct object {
    _Atomic uint64_t cells[WORDS]; /* of its round; poisoned when it is freed */
    uint64_t round;
    flavor_retired retired;
    struct state *state;
};

struct slot {
    _Alignas(64) struct object *object; /* published; NULL: whoever needs it makes it */
    _Alignas(64) pthread_mutex_t lock;  /* of who makes it, or takes it out */
    uint64_t round, made;               /* under the lock: of the next object, of the last one */
};

struct state {
    struct slot *slots;
    struct leaving leaving;
    struct quarantine quarantine;
    _Atomic uint64_t freed;
};

/* What a user saw. */
struct use {
    uint64_t round, word;
    unsigned at; /* of the first word that is wrong; WORDS: none */
    bool made, lost, twice;
};

static uint64_t content(uint64_t round, unsigned at)
{
    return random_mix(round << 8 ^ at);
}

/* => The slot's lock. */
static struct object *make(struct state *s, struct slot *slot, struct use *use)
{
    struct object *o = cache_lines(sizeof *o);

    use->made = true;
    use->twice = slot->made == slot->round;
    slot->made = slot->round;
    o->state = s;
    o->round = slot->round;
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&o->cells[i], content(o->round, i), memory_order_relaxed);
    flavor_assign_pointer(slot->object, o);
    return o;
}

/* In a section. */
static struct object *find_or_make(struct state *s, struct slot *slot, struct use *use)
{
    struct object *o = flavor_dereference(slot->object);

    if (o)
        return o;
    pthread_mutex_lock(&slot->lock);
    o = slot->object;
    use->lost = o != NULL;
    if (!o)
        o = make(s, slot, use);
    pthread_mutex_unlock(&slot->lock);
    return o;
}

/* From the last word written to the first. */
static void look_at(struct object *o, struct use *use)
{
    for (unsigned i = WORDS; i-- > 0;) {
        use->word = atomic_load_explicit(&o->cells[i], memory_order_relaxed);
        if (use->word != content(use->round, i)) {
            use->at = i;
            return;
        }
    }
}

static void judge(struct torture_thread *t, const struct use *use, uint64_t slot, uint64_t entered)
{
    unsigned long round = (unsigned long)use->round;

    if (use->twice)
        torture_violation(t->instance, t, TWICE,
                          "The object of round %lu in slot %lu was made a second time.", round,
                          (unsigned long)slot);
    if (use->at == WORDS)
        return;
    torture_note_at(t, entered, NOTE_ENTERED, round, (unsigned long)slot);
    if (use->word == POISON)
        torture_violation(t->instance, t, EARLY_REUSE,
                          "The object of round %lu in slot %lu was freed while a user was inside "
                          "its section.",
                          round, (unsigned long)slot);
    else
        torture_violation(t->instance, t, PUBLISH_ORDER,
                          "A user found the object of round %lu in slot %lu, and not its word %u.",
                          round, (unsigned long)slot, use->at);
}

static void use_once(struct torture_thread *t, struct state *s)
{
    const struct params *p = t->instance->params;
    uint64_t at = random_below(&t->random, (uint64_t)p->slots), entered = clock_ticks();
    uint64_t hold_ns =
        random_one_in(&t->random, 64) ? random_below(&t->random, (uint64_t)p->hold_ns + 1) : 0;
    struct slot *slot = &s->slots[at];
    struct use use = {.at = WORDS};
    struct object *o;

    torture_section(t, true);
    flavor_read_lock();
    o = find_or_make(s, slot, &use);
    use.round = o->round;
    if (hold_ns)
        torture_spin(hold_ns);
    look_at(o, &use);
    flavor_read_unlock();
    torture_section(t, false);
    if (use.made)
        torture_note(t, NOTE_MADE, (unsigned long)use.round, (unsigned long)at);
    torture_count(t, MADE, use.made);
    torture_count(t, FOUND_MADE, use.lost);
    judge(t, &use, at, entered);
}

static void user(struct torture_thread *t)
{
    struct state *s = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            use_once(t, s);
        torture_count(t, READS, 16);
        torture_count(t, CHECKS, 16 * 2);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

static void reclaim(flavor_retired *retired)
{
    struct object *o = (struct object *)((char *)retired - offsetof(struct object, retired));
    struct state *s = o->state;

    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&o->cells[i], POISON, memory_order_relaxed);
    quarantine_add(&s->quarantine, o);
    atomic_fetch_add_explicit(&s->freed, 1, memory_order_relaxed);
    leaving_end(&s->leaving);
}

static void reset(struct torture_thread *t, struct state *s, uint64_t at)
{
    struct slot *slot = &s->slots[at];
    struct object *o;

    pthread_mutex_lock(&slot->lock);
    o = slot->object;
    if (o) {
        flavor_assign_pointer(slot->object, NULL);
        slot->round++;
    }
    pthread_mutex_unlock(&slot->lock);
    if (!o)
        return;
    torture_note(t, NOTE_TAKEN_OUT, (unsigned long)o->round, (unsigned long)at);
    torture_count(t, RESETS, 1);
    leaving_begin(&s->leaving);
    flavor_retire(&o->retired, o, reclaim);
}

static void resetter(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        reset(t, s, random_below(&t->random, (uint64_t)p->slots));
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        torture_beat(t);
    }
    while (!leaving_wait(t, &s->leaving, 0))
        ;
    torture_count(t, FREED, atomic_load_explicit(&s->freed, memory_order_relaxed));
    flavor_unregister_thread();
}

/* --- Set-up and end --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *s = cache_lines(sizeof *s);

    (void)d;
    s->slots = cache_lines((size_t)p->slots * sizeof *s->slots);
    for (int64_t i = 0; i < p->slots; i++) {
        pthread_mutex_init(&s->slots[i].lock, NULL);
        s->slots[i].round = 1;
    }
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    const struct params *p = in->params;
    struct state *s = in->state;
    uint64_t made = 0, there = 0, freed = atomic_load(&s->freed);

    for (size_t i = 0; i < in->thread_count; i++)
        if (in->threads[i].instance == in)
            made += atomic_load(&in->threads[i].counters[MADE]);
    for (int64_t i = 0; i < p->slots; i++) {
        there += s->slots[i].object != NULL;
        free(s->slots[i].object);
        pthread_mutex_destroy(&s->slots[i].lock);
    }
    if (made != freed + there)
        torture_violation(in, NULL, QUIESCENCE,
                          "%lu objects were made, %lu are in their slots, and %lu were freed.",
                          (unsigned long)made, (unsigned long)there, (unsigned long)freed);
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
     .help = "threads that use objects, and make what is not there"},
    {.name = "slots",
     .type = OPTION_INT,
     .offset = FIELD(slots),
     .default_text = "4",
     .min = 1,
     .max = 1e6,
     .unit = "objects",
     .help = "how many there can be; with few there are more races for each"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean time until another object is taken out"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "longest time between finding an object and looking at it; in one section of 64"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "user", .count_option = "users", .run = user},
    {.name = "resetter", .run = resetter},
    {.name = NULL},
};

extern const struct workload once_init_workload;
const struct workload once_init_workload = {
    .name = "once-init",
    .summary = "objects that are made by whoever needs them first, once",
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
