/* What the files of ram-list share: blocks, the list, and the names of what is counted, checked and
 * noted. ram_list.c describes the workload.
 *
 *     places.c     where blocks lie in the host: mapped, unmapped, and touched all the same
 *     blocks.c     the list: lookups with their shortcut; blocks come, go, and change their size
 *     dirty.c      which pages were written: marked, harvested, carried along, and none lost
 *     threads.c    readers, who stays, who plugs, who harvests
 */
#ifndef STILLPOINT_RAM_LIST_WORKLOAD_H
#define STILLPOINT_RAM_LIST_WORKLOAD_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <pthread.h>

#define PAGE      4096
#define WORD_BITS 64
#define POISON    UINT64_C(0x5151515151515151)

struct ram_params {
    int64_t readers, stayers, harvesters;
    int64_t blocks, pages, phase_ns, pause_ns, hold_ns, stay_ns, harvest_ns, dirty_one_in;
    int lookups, force;
};
enum { LOOKUPS_RCU, LOOKUPS_LOCK };
enum { FORCE_NONE, FORCE_RCU, FORCE_EXPEDITED, FORCE_DRAIN };

enum {
    READS,
    CHECKS,
    SHORTCUTS,
    HELD,
    STAYS,
    STAYS_KICKED,
    ADDED,
    REMOVED,
    RESIZED,
    UNMAPPED,
    PUT_OFF,
    MARKED,
    HARVESTED,
    COUNTER_COUNT
};
enum { UNMAP, MEASURE_COUNT };
enum { EARLY_UNMAP, EARLY_REUSE, MISSING_BLOCK, LOST_DIRTY, CHECK_COUNT };
enum {
    NOTE_ADDED,
    NOTE_RESIZED,
    NOTE_REMOVED,
    NOTE_UNMAPPED,
    NOTE_ENTERED,
    NOTE_FOUND,
    NOTE_COUNT
};

/* Where a block can lie in the host. */
struct place {
    char *host;
    struct place *next;     /* of those that are free */
    _Atomic uint64_t block; /* the number of the last block that was mapped here */
    _Atomic uint64_t ticks; /* of one that was given up: how long that took; 0: not yet known */
};

struct block {
    LIST_ENTRY(block) link;
    /* Written before it is published; the number is poisoned when it is freed. */
    _Atomic uint64_t number;
    uint64_t slot, first, pages; /* guest pages */
    uint64_t born;               /* the number of the block that was added, before it was resized */
    char *host;
    struct place *place;
    /* Of one that goes. */
    flavor_retired retired;
    struct ram *ram;
    uint64_t removed; /* ticks */
    /* A bit for each page. */
    atomic_ulong dirty[];
};

/* Every mark is harvested, or was there already when it was carried along, or is of a page that is
 * no more. Under the lock, but for marked. */
struct ledger {
    _Atomic uint64_t marked;
    uint64_t harvested, absorbed, dropped;
};

struct ram {
    _Alignas(64) struct block *recent; /* the shortcut */
    _Alignas(64) LIST_HEAD(ram_blocks, block) blocks;
    _Alignas(64) pthread_mutex_t lock; /* of whoever changes anything */
    struct block **slots;              /* NULL: nothing is plugged there */
    int force;
    uint64_t next_number;
    struct ledger ledger;
    struct quarantine quarantine; /* blocks that were freed, with their number poisoned */
    char *arena;                  /* of all places */
    size_t arena_size, place_size, place_count;
    struct place *places;
    struct place *idle;                            /* before anybody runs */
    _Alignas(64) _Atomic(struct place *) given_up; /* by callbacks */
    struct leaving leaving; /* blocks that are not in the list any more, and mapped */
};

static inline uint64_t number_of(const struct block *b)
{
    return atomic_load_explicit(&b->number, memory_order_relaxed);
}

/* Each fourth slot has a block from the beginning to the end, of half of the largest size or
 * more. */
static inline bool is_permanent(uint64_t slot)
{
    return slot % 4 == 0;
}
static inline uint64_t permanent_pages(const struct ram_params *p)
{
    return ((uint64_t)p->pages + 1) / 2;
}

/* The slot that is worked in now, as a guest works in some memory for a while; or any. While all
 * readers look for one block nobody else stores to the shortcut. */
static inline uint64_t ram_slot(struct torture_thread *t, const struct ram_params *p)
{
    uint64_t phase = clock_ticks_to_ns(clock_ticks()) / (uint64_t)p->phase_ns;

    if (phase % 4 == 0)
        return random_below(&t->random, (uint64_t)p->blocks);
    return random_mix(t->instance->seed ^ phase) % (uint64_t)p->blocks;
}

/* --- places.c --- */

bool places_open(struct ram *ram, size_t count, size_t pages);
void places_close(struct ram *ram);
/* Makes memory there, whose pages all have the number of the block. */
void place_map(const struct ram *ram, struct place *place, uint64_t number, uint64_t pages);
void place_unmap(const struct ram *ram, struct place *place);
/* What a page of a block has in it. */
static inline uint64_t page_content(uint64_t number, uint64_t page)
{
    return random_mix(number ^ page << 40);
}
/* What a page has in it; *unmapped when it is not there, which is looked at after the section. */
uint64_t place_touch(const char *page, bool *unmapped);
bool places_fault(struct torture_thread *t, uintptr_t address);

/* --- blocks.c --- */

/* Where a reader stays in a lookup, as one that is preempted: on the first block of the list, and
 * with what it has found, before it stores it to the shortcut. */
struct hold {
    uint64_t on_first_ns, before_store_ns;
};
/* In a section, or with the lock: the block that has this guest page, or NULL. */
struct block *ram_find(struct ram *ram, uint64_t page, const struct hold *hold, bool *shortcut);
/* => The lock. All but the last take a place for what they make. */
void ram_add(struct torture_thread *t, struct ram *ram, struct place *place, uint64_t slot,
             uint64_t pages);
struct block *ram_resize(struct torture_thread *t, struct ram *ram, struct place *place,
                         uint64_t slot, uint64_t pages);
struct block *ram_remove(struct torture_thread *t, struct ram *ram, uint64_t slot);
/* Without the lock: what left the list is unmapped when nobody can hold it. */
void ram_have_reclaimed(struct block *b);

/* --- dirty.c --- */

/* In a section: true when the page was clean. */
bool dirty_mark(struct block *b, uint64_t page);
/* => The lock. How many there were. */
uint64_t dirty_harvest(struct ram *ram);
/* => The lock. What `old` has goes to the block that is there in its place, if any. */
void dirty_carry(struct ram *ram, struct block *old);
/* When all is over: how many marks are nowhere. */
uint64_t dirty_lost(struct ram *ram);

/* --- threads.c --- */

void ram_reader(struct torture_thread *t);
void ram_stayer(struct torture_thread *t);
void ram_plugger(struct torture_thread *t);
void ram_harvester(struct torture_thread *t);

#endif
