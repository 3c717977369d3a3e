/* ram-list: the blocks of memory of a guest, as an emulator keeps them.
 *
 * A list of blocks, each of some guest pages, which lie somewhere in the host: memory that is
 * hot-added, resized and removed, and unmapped in a callback. Readers look for the block of a
 * guest page, by a shortcut to the block that was found last, and touch the page inside their
 * section. What must hold:
 *
 *     a page that a reader touches is mapped, and has the number of the block that was found
 *     a slot that always has a block, of whatever size, always shows one
 *     each page that was marked dirty is harvested once, whatever its block went through
 *
 * Where sections protect, lookups take no lock; `lookups=lock` is how it was before that.
 *
 * Here are the tables, the set-up and the checks of the end; ram_list.h has where the rest is.
 */
#include "ram_list.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define PLACES_EACH 4 /* for each slot: the block that is there, and those that go */

/* --- Names, in the order of the enums in ram_list.h --- */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads", .words = "lookups"},
    [CHECKS] = {.name = "checks"},
    [SHORTCUTS] = {.name = "shortcuts", .words = "lookups by the shortcut"},
    [HELD] = {.name = "held_sections"},
    [STAYS] = {.name = "stays"},
    [STAYS_KICKED] = {.name = "sections_kicked",
                      .words = "readers told to leave",
                      .needs = CAN_FORCE},
    [ADDED] = {.name = "blocks_added"},
    [REMOVED] = {.name = "blocks_removed"},
    [RESIZED] = {.name = "blocks_resized"},
    [UNMAPPED] = {.name = "blocks_unmapped"},
    [PUT_OFF] = {.name = "put_off", .words = "times without a free place"},
    [MARKED] = {.name = "marked", .words = "pages marked dirty"},
    [HARVESTED] = {.name = "harvested", .words = "dirty pages harvested"},
};

static const struct measure measures[MEASURE_COUNT] = {
    [UNMAP] = {.name = "ram.unmap",
               .unit = "ns",
               .heading = "From the removal of a block until it is unmapped",
               .samples = "unmaps",
               .files = "ram-list",
               .called = "the wait for a removed block to be unmapped"},
};

static const char *const checks[CHECK_COUNT] = {
    [EARLY_UNMAP] = "early-unmap",
    [EARLY_REUSE] = "early-reuse",
    [MISSING_BLOCK] = "missing-block",
    [LOST_DIRTY] = "lost-dirty",
};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_ADDED] = {.format = "added block %lu of %lu pages"},
    [NOTE_RESIZED] = {.format = "resized block %lu, which is now block %lu"},
    [NOTE_REMOVED] = {.format = "removed block %lu from slot %lu"},
    [NOTE_UNMAPPED] = {.format = "block %lu was unmapped, %lu us after it left the list"},
    [NOTE_ENTERED] = {.format = "entered, looks for block %lu (by the shortcut: %lu)",
                      .enters = true},
    [NOTE_FOUND] = {.format = "found block %lu, touched its page %lu"},
};

/* --- Set-up and end --- */

static void plug_all(struct ram *ram, const struct ram_params *p)
{
    for (uint64_t slot = 0; slot < (uint64_t)p->blocks; slot++) {
        struct place *place = ram->idle;

        ram->idle = place->next;
        ram_add(NULL, ram, place, slot, (uint64_t)p->pages);
    }
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct ram_params *p = in->params;
    size_t count = (size_t)p->blocks * PLACES_EACH;
    struct ram *ram = cache_lines(sizeof *ram);

    if (!places_open(ram, count, (size_t)p->pages)) {
        diagnose_refused(d, errno, "mmap", "ram-list: no addresses for %zu blocks of %zu pages",
                         count, (size_t)p->pages);
        free(ram);
        return false;
    }
    pthread_mutex_init(&ram->lock, NULL);
    LIST_INIT(&ram->blocks);
    ram->force = p->force;
    ram->slots = cache_lines((size_t)p->blocks * sizeof(struct block *));
    for (size_t i = count; i-- > 0;) {
        ram->places[i].next = ram->idle;
        ram->idle = &ram->places[i];
    }
    plug_all(ram, p);
    in->state = ram;
    return true;
}

static void finish(struct instance *in)
{
    struct ram *ram = in->state;
    const struct ram_params *p = in->params;
    uint64_t lost = dirty_lost(ram);

    if (lost != 0)
        torture_violation(in, NULL, LOST_DIRTY,
                          "Of %lu marks %ld are lost: %lu were harvested, %lu were there already "
                          "when they were carried along, %lu are of pages that are no more.",
                          (unsigned long)atomic_load(&ram->ledger.marked), (long)lost,
                          (unsigned long)ram->ledger.harvested, (unsigned long)ram->ledger.absorbed,
                          (unsigned long)ram->ledger.dropped);
    for (uint64_t slot = 0; slot < (uint64_t)p->blocks; slot++)
        free(ram->slots[slot]);
    quarantine_close(&ram->quarantine);
    places_close(ram);
    pthread_mutex_destroy(&ram->lock);
    free(ram->slots);
    free(ram);
}

/* --- Tables --- */

#define FIELD(name) offsetof(struct ram_params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go"},
    {.name = "stayers",
     .type = OPTION_INT,
     .offset = FIELD(stayers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers that stay in one block until they are told to leave, as vCPUs do"},
    {.name = "harvesters",
     .type = OPTION_INT,
     .offset = FIELD(harvesters),
     .default_text = "1",
     .max = 64,
     .unit = "threads",
     .help = "threads that collect which pages are dirty"},
    {.name = "blocks",
     .type = OPTION_INT,
     .offset = FIELD(blocks),
     .default_text = "64",
     .min = 1,
     .max = 65536,
     .unit = "blocks",
     .help = "slots for blocks; each fourth always has one"},
    {.name = "pages",
     .type = OPTION_INT,
     .offset = FIELD(pages),
     .default_text = "16",
     .min = 1,
     .max = 4096,
     .unit = "pages",
     .help = "largest size of a block"},
    {.name = "phase",
     .type = OPTION_DURATION,
     .offset = FIELD(phase_ns),
     .default_text = "100ms",
     .min = 1e3,
     .max = 60e9,
     .help = "how long all readers look in one slot, before they look in another one, or in any"},
    {.name = "lookups",
     .type = OPTION_CHOICE,
     .offset = FIELD(lookups),
     .default_text = "rcu",
     .choices = "rcu lock",
     .help =
         "how readers find a block: in a section, or with the lock of whoever changes the list"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "200us",
     .max = 60e9,
     .help = "mean time between two changes"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "100us",
     .max = 60e9,
     .help = "longest time that a reader stays in a lookup, or behind it; in one section of 64"},
    {.name = "stay",
     .type = OPTION_DURATION,
     .offset = FIELD(stay_ns),
     .default_text = "50ms",
     .max = 60e9,
     .help = "after so long a reader that stays leaves by itself"},
    {.name = "harvest",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(harvest_ns),
     .default_text = "1ms",
     .max = 60e9,
     .help = "mean time between two harvests"},
    {.name = "dirty_one_in",
     .type = OPTION_INT,
     .offset = FIELD(dirty_one_in),
     .default_text = "8",
     .max = 1e9,
     .unit = "sections",
     .help = "one section in so many marks its page dirty; 0: none"},
    {.name = "force",
     .type = OPTION_CHOICE,
     .offset = FIELD(force),
     .default_text = "none",
     .choices = "none force_rcu expedited drain",
     .help = "how an unmapping is hurried: not at all; by forcing its grace periods; by expedited "
             "ones; by waiting for all callbacks"},
    {.name = NULL},
};
#undef FIELD

static unsigned needs_by_params(const void *params)
{
    static const unsigned needs[] = {
        [FORCE_NONE] = 0,
        [FORCE_RCU] = CAN_FORCE | CAN_CALL,
        [FORCE_EXPEDITED] = CAN_EXPEDITE,
        [FORCE_DRAIN] = CAN_BARRIER | CAN_CALL,
    };

    return needs[((const struct ram_params *)params)->force];
}

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = ram_reader},
    {.name = "stayer", .count_option = "stayers", .run = ram_stayer},
    {.name = "plugger", .run = ram_plugger},
    {.name = "harvester", .count_option = "harvesters", .run = ram_harvester},
    {.name = NULL},
};

extern const struct workload ram_list_workload;
const struct workload ram_list_workload = {
    .name = "ram-list",
    .summary = "blocks of a guest's memory come, go and change their size under readers",
    .needs = CAN_PROTECT | CAN_SECTIONS | CAN_RETIRE,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct ram_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .fault = places_fault,
    .setup = setup,
    .finish = finish,
};
