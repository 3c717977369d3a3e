/* What the files of hash share: elements, buckets, and the names of what is counted, checked and
 * noted. hash.c describes the workload.
 *
 *     table.c      the table: finding, walking, inserting, removing, resizing
 *     threads.c    readers, walkers, updaters, who resizes
 */
#ifndef STILLPOINT_HASH_WORKLOAD_H
#define STILLPOINT_HASH_WORKLOAD_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"
#include "torture/workloads/leaving.h"
#include "torture/workloads/quarantine.h"

#include <pthread.h>

#define POISON UINT64_C(0x5151515151515151)

struct hash_params {
    int64_t readers, walkers, updaters, resizers;
    int64_t keys, fewest, most, pause_ns, resize_pause_ns, hold_ns;
};

enum { READS, CHECKS, SURE, WALKS, INSERTED, REMOVED, GROWN, SHRUNK, COUNTER_COUNT };
enum { LOST_ELEMENT, GHOST_ELEMENT, EARLY_REUSE, QUIESCENCE, CHECK_COUNT };
enum { NOTE_INSERTED, NOTE_REMOVED, NOTE_RESIZED, NOTE_ENTERED, NOTE_COUNT };

/* It has two links, so that it can be in two tables while one takes the other's place. */
struct element {
    struct element *next[2];
    _Atomic uint64_t key; /* poisoned when it is freed */
    flavor_retired retired;
    struct hash *hash;
};

struct buckets {
    unsigned link;  /* of elements that is used here */
    uint64_t count; /* a power of two */
    flavor_retired retired;
    struct hash *hash;
    struct element *first[];
};

/* What is sure of a key at a moment; it goes up. An element is there for certain between the end of
 * its insertion and the beginning of its removal, and is not there between the end of that and the
 * beginning of the next insertion. */
enum { ABSENT, COMES, PRESENT, GOES, PHASES };

struct hash {
    _Alignas(64) struct buckets *buckets; /* published */
    _Alignas(64) pthread_mutex_t lock;    /* of whoever changes anything */
    _Alignas(64) atomic_uint settled;     /* nobody can be in the table before: a futex word */
    struct leaving leaving;
    struct quarantine quarantine;
    _Atomic uint64_t made, freed;
    _Atomic uint64_t *phases; /* of each key */
};

/* Each fourth is there from the beginning to the end. */
static inline bool is_permanent(uint64_t key)
{
    return key % 4 == 0;
}

static inline uint64_t phase_of(struct hash *h, uint64_t key)
{
    /* Orders: LOAD phases[key] (acquire) -> LOADs of the lookup, for the phase before it.
     * Pairs with: hash_set_phase(), STORE phases[key] (release).
     * Broken: a lookup is blamed for an element whose insertion it could not see. */
    return atomic_load_explicit(&h->phases[key], memory_order_acquire);
}

/* What a walk through all buckets met. */
struct walk {
    uint64_t *seen; /* a bit for each key */
    uint64_t twice; /* a key; POISON: none */
    bool reused, endless;
};

struct buckets *hash_make_buckets(struct hash *h, uint64_t count, unsigned link);
/* In a section. NULL: it is not there. *reused: what was met on the way was freed. A reader that is
 * held stays on the first element. */
struct element *hash_find(struct hash *h, uint64_t key, uint64_t hold_ns, bool *reused);
void hash_walk(struct hash *h, uint64_t keys, uint64_t hold_ns, struct walk *walk);
/* => The lock. */
void hash_insert(struct hash *h, uint64_t key);
/* => The lock. What was removed, to be retired without it. */
struct element *hash_remove(struct hash *h, uint64_t key);
void hash_retire(struct element *e);
/* => The lock, and it is settled. The old buckets, to be retired without the lock. */
struct buckets *hash_resize(struct hash *h, uint64_t count);
void hash_retire_buckets(struct buckets *b);
void hash_set_phase(struct hash *h, uint64_t key, unsigned phase);

void hash_reader(struct torture_thread *t);
void hash_walker(struct torture_thread *t);
void hash_updater(struct torture_thread *t);
void hash_resizer(struct torture_thread *t);

#endif
