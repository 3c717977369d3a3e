/* dispatch: which region an address belongs to, by a table that is replaced as a whole.
 *
 * The table is a tree of nodes of 16 entries, by the digits of a page's number from the highest on.
 * An entry leads to another node, or to the region that all pages below it belong to. Updaters
 * build a new table with other regions, publish it, and have the old one freed, as fast as they can
 * or with pauses. Readers look addresses up, several in a section, and keep what they found last:
 * most lookups are of the same region. What they keep is of the table of that section. What must
 * hold:
 *
 *     a lookup finds the region that the page belongs to in the table that is current, or was when
 *     the section began
 *     what is kept of a lookup is used in no later section
 *     a table is not freed while a section may use it
 */
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <stddef.h>
#include <string.h>

#define DIGIT   4
#define FAN_OUT (1 << DIGIT)
#define LEVELS  3
#define PAGES   (UINT64_C(1) << LEVELS * DIGIT)
#define REGION  (UINT32_C(1) << 31) /* an entry is the index of a region, not of a node */
#define POISON  UINT64_C(0x5151515151515151)
/* In three eighths of the pages regions are of 4 pages each, elsewhere of 64. */
#define FINE_PAGES   (PAGES / 8 * 3)
#define FINE_SHIFT   2
#define COARSE_SHIFT 6
#define REGION_COUNT \
    ((uint32_t)((FINE_PAGES >> FINE_SHIFT) + ((PAGES - FINE_PAGES) >> COARSE_SHIFT)))
#define NODE_COUNT (1 + FAN_OUT + FAN_OUT * FAN_OUT) /* at most */

struct params {
    int64_t readers, updaters, lookups, tables, pause_ns, hold_ns;
};

enum {
    READS,
    CHECKS,
    KEPT_USED,
    REPLACED,
    UNFREED_PEAK,
    UNFREED_BYTES_PEAK,
    WAITED,
    COUNTER_COUNT
};
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [KEPT_USED] = {.name = "kept_used", .words = "lookups by what was kept"},
    [REPLACED] = {.name = "tables_replaced"},
    /* By the first updater alone: what it has seen at most. */
    [UNFREED_PEAK] = {.name = "unfreed_peak", .words = "tables unfreed at once"},
    [UNFREED_BYTES_PEAK] = {.name = "unfreed_bytes_peak", .words = "bytes unfreed at once"},
    [WAITED] = {.name = "updaters_waited", .words = "times too many tables were unfreed"},
};
enum { TABLE, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [TABLE] = {.name = "dispatch.unfreed",
               .unit = "bytes",
               .called = "what tables that are not yet freed take"},
};
enum { STALE_LOOKUP, EARLY_REUSE, QUIESCENCE, CHECK_COUNT };
static const char *const checks[CHECK_COUNT] = {
    [STALE_LOOKUP] = "stale-lookup",
    [EARLY_REUSE] = "early-reuse",
    [QUIESCENCE] = "quiescence",
};
enum { NOTE_PUBLISHED, NOTE_ENTERED, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PUBLISHED] = {.format = "published table %lu, %lu are not freed yet"},
    [NOTE_ENTERED] = {.format = "entered, looks up in table %lu", .enters = true},
};

struct region {
    uint64_t first, pages;
    _Atomic uint64_t number; /* of the table */
    uint64_t owner;          /* what a lookup is for */
};

struct node {
    uint32_t entries[FAN_OUT];
};

struct table {
    _Atomic uint64_t number; /* poisoned when it is freed */
    flavor_retired retired;
    struct state *state;
    uint32_t node_count;
    struct node nodes[NODE_COUNT];
    struct region regions[];
};

struct state {
    _Alignas(64) struct table *current; /* published */
    _Alignas(64) _Atomic uint64_t made;
    struct leaving leaving;
    struct quarantine quarantine;
    _Atomic uint64_t freed;
};

#define TABLE_BYTES (sizeof(struct table) + REGION_COUNT * sizeof(struct region))

/* --- Tables --- */

static uint32_t region_of(uint64_t page)
{
    return page < FINE_PAGES
               ? (uint32_t)(page >> FINE_SHIFT)
               : (uint32_t)((FINE_PAGES >> FINE_SHIFT) + ((page - FINE_PAGES) >> COARSE_SHIFT));
}

/* Of a page, in the table of that number. */
static uint64_t owner_of(uint64_t number, uint64_t page)
{
    return random_mix(number << 16 ^ region_of(page));
}

/* What an entry for these pages is: they are a power of the fan-out, from a multiple of it on. */
static uint32_t entry_for(struct table *table, uint64_t first, uint64_t pages)
{
    struct node *node;
    uint32_t at;

    if (region_of(first) == region_of(first + pages - 1))
        return REGION | region_of(first);
    at = table->node_count++;
    node = &table->nodes[at];
    for (unsigned i = 0; i < FAN_OUT; i++)
        node->entries[i] = entry_for(table, first + i * (pages / FAN_OUT), pages / FAN_OUT);
    return at;
}

static struct table *build(struct state *s)
{
    struct table *table = cache_lines(TABLE_BYTES);
    uint64_t number = atomic_fetch_add_explicit(&s->made, 1, memory_order_relaxed) + 1;

    table->state = s;
    atomic_init(&table->number, number);
    for (uint64_t page = 0; page < PAGES; page++) {
        struct region *r = &table->regions[region_of(page)];

        if (r->pages++ > 0)
            continue;
        r->first = page;
        atomic_init(&r->number, number);
        r->owner = owner_of(number, page);
    }
    entry_for(table, 0, PAGES);
    return table;
}

/* In a section: NULL when the table is no table any more. */
static const struct region *look_up(const struct table *table, uint64_t page)
{
    uint32_t entry = 0;

    for (unsigned level = LEVELS; level-- > 0;) {
        if (entry >= NODE_COUNT)
            return NULL;
        entry = table->nodes[entry].entries[page >> level * DIGIT & (FAN_OUT - 1)];
        if (entry & REGION)
            break;
    }
    entry &= ~REGION;
    return entry < REGION_COUNT ? &table->regions[entry] : NULL;
}

/* --- Readers --- */

/* What a section found wrong; in it nothing is told. */
struct wrong {
    bool stale, reused;
    uint64_t page, number, found;
};

/* One lookup; *kept is of a lookup before it, or NULL. True when that was enough. */
static bool look_up_one(const struct table *table, uint64_t page, const struct region **kept,
                        uint64_t number, struct wrong *wrong)
{
    const struct region *r = *kept;
    bool used = r && page - r->first < r->pages;
    uint64_t found, owner;

    if (!used)
        r = look_up(table, page);
    *kept = r;
    found = r ? atomic_load_explicit(&r->number, memory_order_relaxed) : POISON;
    owner = r ? r->owner : POISON;
    if (__builtin_expect(found == number && owner == owner_of(number, page), 1))
        return used;
    /* In a table that is freed what is kept of it is as well. */
    *wrong = (struct wrong){.stale = used && found != number &&
                                     atomic_load_explicit(&table->number, memory_order_relaxed) ==
                                         number,
                            .reused = true,
                            .page = page,
                            .number = number,
                            .found = found};
    return used;
}

static void judge(struct torture_thread *t, const struct wrong *wrong, uint64_t entered)
{
    if (__builtin_expect(!wrong->reused, 1))
        return;
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)wrong->number, 0);
    if (wrong->stale)
        torture_violation(t->instance, t, STALE_LOOKUP,
                          "A lookup of page %lu in table %lu was answered by what was kept of "
                          "table %lu.",
                          (unsigned long)wrong->page, (unsigned long)wrong->number,
                          (unsigned long)wrong->found);
    else
        torture_violation(t->instance, t, EARLY_REUSE,
                          "Table %lu was freed while a lookup of page %lu was in its section.",
                          (unsigned long)wrong->number, (unsigned long)wrong->page);
}

static void read_once(struct torture_thread *t, struct state *s, const struct region **kept)
{
    const struct params *p = t->instance->params;
    uint64_t pages[16], entered = clock_ticks(), number, used = 0;
    size_t count = 1 + random_below(&t->random, (uint64_t)p->lookups);
    uint64_t hold_ns =
        random_one_in(&t->random, 64) ? random_below(&t->random, (uint64_t)p->hold_ns + 1) : 0;
    struct wrong wrong = {.reused = false};
    const struct table *table;

    /* Most are near the one before. */
    pages[0] = random_below(&t->random, PAGES);
    for (size_t i = 1; i < count; i++)
        pages[i] =
            random_one_in(&t->random, 4) ? random_below(&t->random, PAGES) : pages[i - 1] ^ 1;
    torture_section(t, true);
    flavor_read_lock();
    *kept = NULL;
    table = flavor_dereference(s->current);
    number = atomic_load_explicit(&table->number, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        used += look_up_one(table, pages[i], kept, number, &wrong);
        if (hold_ns && i == 0)
            torture_spin(hold_ns);
    }
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, KEPT_USED, used);
    torture_count(t, CHECKS, count);
    judge(t, &wrong, entered);
}

static void reader(struct torture_thread *t)
{
    struct state *s = t->instance->state;
    const struct region *kept = NULL;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            read_once(t, s, &kept);
        torture_count(t, READS, 16);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- Updaters --- */

static void reclaim(flavor_retired *retired)
{
    struct table *table = (struct table *)((char *)retired - offsetof(struct table, retired));
    struct state *s = table->state;

    atomic_store_explicit(&table->number, POISON, memory_order_relaxed);
    memset(table->nodes, (int)(POISON & 0xff), sizeof table->nodes);
    memset((void *)table->regions, (int)(POISON & 0xff), REGION_COUNT * sizeof *table->regions);
    quarantine_add(&s->quarantine, table);
    atomic_fetch_add_explicit(&s->freed, 1, memory_order_relaxed);
    leaving_end(&s->leaving);
}

static void raise_peak(struct torture_thread *t, uint64_t now, uint64_t *peak)
{
    if (now <= *peak)
        return;
    torture_count(t, UNFREED_PEAK, now - *peak);
    torture_count(t, UNFREED_BYTES_PEAK, (now - *peak) * TABLE_BYTES);
    *peak = now;
}

static void updater(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *s = t->instance->state;
    uint64_t peak = 0;

    flavor_register_thread();
    while (torture_running(t)) {
        struct table *fresh, *old;
        unsigned unfreed = leaving_count(&s->leaving);

        if (unfreed >= (unsigned)p->tables) {
            torture_count(t, WAITED, 1);
            leaving_wait(t, &s->leaving, unfreed - 1);
            continue;
        }
        fresh = build(s);
        leaving_begin(&s->leaving);
        torture_note(t, NOTE_PUBLISHED, atomic_load_explicit(&fresh->number, memory_order_relaxed),
                     unfreed);
        /* Orders: STORE of the table -> EXCHANGE current (acq_rel).
         * Pairs with: read_once(), LOAD current (flavor_dereference) -> LOAD table->nodes.
         * Broken: a reader looks up in a table that is not written yet. */
        old = __atomic_exchange_n(&s->current, fresh, __ATOMIC_ACQ_REL);
        flavor_retire(&old->retired, old, reclaim);
        torture_count(t, REPLACED, 1);
        torture_measure(t, TABLE, (uint64_t)leaving_count(&s->leaving) * TABLE_BYTES);
        if (t->index == 0)
            raise_peak(t, unfreed + 1, &peak);
        if (p->pause_ns)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        torture_beat(t);
    }
    while (!leaving_wait(t, &s->leaving, 0))
        ;
    flavor_unregister_thread();
}

/* --- Set-up and end --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    struct state *s = cache_lines(sizeof *s);

    (void)d;
    s->current = build(s);
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    struct state *s = in->state;
    uint64_t made = atomic_load(&s->made), freed = atomic_load(&s->freed);

    if (made != freed + 1)
        torture_violation(in, NULL, QUIESCENCE,
                          "%lu tables were made, one is current, and %lu were freed.",
                          (unsigned long)made, (unsigned long)freed);
    free(s->current);
    quarantine_close(&s->quarantine);
    free(s);
}

/* --- Tables of the workload --- */

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "readers"},
    {.name = "updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters),
     .default_text = "1",
     .max = 64,
     .unit = "threads",
     .help = "threads that replace the table"},
    {.name = "lookups",
     .type = OPTION_INT,
     .offset = FIELD(lookups),
     .default_text = "8",
     .min = 1,
     .max = 16,
     .unit = "lookups",
     .help = "most of them in one section"},
    {.name = "tables",
     .type = OPTION_INT,
     .offset = FIELD(tables),
     .default_text = "1000",
     .min = 1,
     .max = 1e6,
     .unit = "tables",
     .help = "while so many are not freed an updater waits"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "0s",
     .max = 60e9,
     .help = "mean time until an updater replaces it again"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest time after the first lookup of a section; in one of 64"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = reader},
    {.name = "updater", .count_option = "updaters", .run = updater},
    {.name = NULL},
};

extern const struct workload dispatch_workload;
const struct workload dispatch_workload = {
    .name = "dispatch",
    .summary = "lookups in a tree that is replaced as a whole, with what is kept of them",
    .needs = CAN_PROTECT | CAN_SECTIONS | CAN_RETIRE,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
