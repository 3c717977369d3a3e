/* hash: a hash table that grows and shrinks while readers look keys up and walk through it.
 *
 * Each fourth key is there all the time; the others are inserted and removed. What must hold:
 *
 *     a lookup finds a key that is there from before it begins until after it has ended, and does
 *     not find one that was removed before and is not inserted again meanwhile
 *     a walk through all buckets meets each permanent key, and none twice
 *     nobody meets what was freed
 *
 * Here are the tables, the set-up and the checks of the end; hash.h has where the rest is.
 */
#include "hash.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stddef.h>

/* --- Names, in the order of the enums in hash.h --- */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads", .words = "lookups"},
    [CHECKS] = {.name = "checks"},
    [SURE] = {.name = "sure_lookups", .words = "lookups of which the answer was sure"},
    [WALKS] = {.name = "walks"},
    [INSERTED] = {.name = "inserts"},
    [REMOVED] = {.name = "removes"},
    [GROWN] = {.name = "grown", .words = "times the table grew"},
    [SHRUNK] = {.name = "shrunk", .words = "times it shrank"},
};

static const char *const checks[CHECK_COUNT] = {
    [LOST_ELEMENT] = "lost-element",
    [GHOST_ELEMENT] = "ghost-element",
    [EARLY_REUSE] = "early-reuse",
    [QUIESCENCE] = "quiescence",
};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_INSERTED] = {.format = "inserted key %lu"},
    [NOTE_REMOVED] = {.format = "removed key %lu"},
    [NOTE_RESIZED] = {.format = "went from %lu buckets to %lu"},
    [NOTE_ENTERED] = {.format = "entered, looks for key %lu (in a walk: %lu)", .enters = true},
};

/* --- Set-up and end --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct hash_params *p = in->params;
    struct hash *h = cache_lines(sizeof *h);

    (void)d;
    pthread_mutex_init(&h->lock, NULL);
    h->phases = cache_lines((size_t)p->keys * sizeof *h->phases);
    h->buckets = hash_make_buckets(h, (uint64_t)p->fewest, 0);
    atomic_init(&h->settled, 1);
    for (uint64_t key = 0; key < (uint64_t)p->keys; key++)
        if (is_permanent(key))
            hash_insert(h, key);
    in->state = h;
    return true;
}

static void finish(struct instance *in)
{
    struct hash *h = in->state;
    struct buckets *b = h->buckets;
    uint64_t there = 0, made = atomic_load(&h->made), freed = atomic_load(&h->freed);

    for (uint64_t i = 0; i < b->count; i++)
        for (struct element *e = b->first[i], *next; e; e = next) {
            next = e->next[b->link];
            there++;
            free(e);
        }
    if (made != there + freed)
        torture_violation(in, NULL, QUIESCENCE,
                          "%lu elements were made, %lu are in the table, and %lu were freed.",
                          (unsigned long)made, (unsigned long)there, (unsigned long)freed);
    quarantine_close(&h->quarantine);
    pthread_mutex_destroy(&h->lock);
    free(b);
    free(h->phases);
    free(h);
}

static bool is_power_of_two(int64_t count)
{
    return (count & (count - 1)) == 0;
}

static const char *refuse(const void *params)
{
    const struct hash_params *p = params;

    if (!is_power_of_two(p->fewest) || !is_power_of_two(p->most))
        return "hash: \"fewest\" and \"most\" are numbers of buckets: powers of two";
    if (p->most < 2 * p->fewest)
        return "hash: \"most\" must be at least twice \"fewest\": a table doubles, or halves";
    return NULL;
}

/* --- Tables --- */

#define FIELD(name) offsetof(struct hash_params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that look keys up"},
    {.name = "walkers",
     .type = OPTION_INT,
     .offset = FIELD(walkers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that walk through all buckets"},
    {.name = "updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters),
     .default_text = "1",
     .max = 64,
     .unit = "threads",
     .help = "threads that insert and remove"},
    {.name = "resizers",
     .type = OPTION_INT,
     .offset = FIELD(resizers),
     .default_text = "1",
     .max = 1,
     .unit = "threads",
     .help = "1: the table grows and shrinks all the time"},
    {.name = "keys",
     .type = OPTION_INT,
     .offset = FIELD(keys),
     .default_text = "256",
     .min = 8,
     .max = 1e6,
     .unit = "keys",
     .help = "how many there are; each fourth is always there"},
    {.name = "fewest",
     .type = OPTION_INT,
     .offset = FIELD(fewest),
     .default_text = "8",
     .min = 1,
     .max = 1e6,
     .unit = "buckets",
     .help = "least buckets of a table; a power of two"},
    {.name = "most",
     .type = OPTION_INT,
     .offset = FIELD(most),
     .default_text = "256",
     .min = 2,
     .max = 16777216,
     .unit = "buckets",
     .help = "most buckets of a table; a power of two"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "5us",
     .max = 60e9,
     .help = "mean time between two updates of an updater"},
    {.name = "resize_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(resize_pause_ns),
     .default_text = "100us",
     .max = 60e9,
     .help = "mean time until it is resized again, once the table before is freed"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest time that a lookup or a walk stays on its way; in one of 64"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = hash_reader},
    {.name = "walker", .count_option = "walkers", .run = hash_walker},
    {.name = "updater", .count_option = "updaters", .run = hash_updater},
    {.name = "resizer", .count_option = "resizers", .run = hash_resizer},
    {.name = NULL},
};

extern const struct workload hash_workload;
const struct workload hash_workload = {
    .name = "hash",
    .summary = "a hash table that grows and shrinks under lookups and walks",
    .needs = CAN_PROTECT | CAN_SECTIONS | CAN_RETIRE,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct hash_params),
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
