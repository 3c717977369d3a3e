/* ram-list: the list, and the shortcut beside it.
 *
 * The shortcut is stored by readers, for whom no lock stands in the way. One that has found a block
 * in the list may store it there at any moment until its section ends, also after the block left
 * the list and the shortcut was cleared. So clearing it once is not enough:
 *
 *     reader                          plugger
 *     finds the block in the list
 *                                     takes it out of the list, clears the shortcut
 *     stores it in the shortcut
 *                                     grace period
 *     leaves
 *                                                              another reader finds it there
 *                                     unmaps it
 *
 * A grace period after the block left the list nobody can come from there any more, and whoever did
 * has left: the shortcut is cleared for good then. Another grace period later nobody can have the
 * block from the shortcut either, and it is unmapped.
 */
#include "ram_list.h"

#include "torture/workloads/cache_lines.h"

static bool has_page(const struct block *b, uint64_t page)
{
    return page - b->first < b->pages;
}

static void stay(uint64_t ns)
{
    if (ns)
        torture_spin(ns);
}

struct block *ram_find(struct ram *ram, uint64_t page, const struct hold *hold, bool *shortcut)
{
    struct block *b = flavor_dereference(ram->recent);

    *shortcut = b && has_page(b, page);
    if (*shortcut)
        return b;
    b = LIST_FIRST_RCU(&ram->blocks);
    stay(hold->on_first_ns);
    while (b && !has_page(b, page))
        b = LIST_NEXT_RCU(b, link);
    stay(hold->before_store_ns);
    /* Orders: LOAD of the link to b (acquire) -> STORE recent (release).
     * Pairs with: ram_find(), LOAD recent (acquire).
     * Broken: another reader finds a block by the shortcut that it does not see whole. Not where
     * stores to one address are seen in the order of their causes. */
    if (b)
        flavor_assign_pointer(ram->recent, b);
    return b;
}

/* --- Making --- */

static struct block *make(struct ram *ram, struct place *place, uint64_t slot, uint64_t pages)
{
    size_t most = ram->place_size / PAGE;
    struct block *b =
        cache_lines(sizeof *b + (most + WORD_BITS - 1) / WORD_BITS * sizeof *b->dirty);
    uint64_t number = ++ram->next_number;

    atomic_init(&b->number, number);
    b->born = number;
    b->slot = slot;
    b->first = slot * most;
    b->pages = pages;
    b->place = place;
    b->host = place->host;
    b->ram = ram;
    place_map(ram, place, number, pages);
    ram->slots[slot] = b;
    return b;
}

void ram_add(struct torture_thread *t, struct ram *ram, struct place *place, uint64_t slot,
             uint64_t pages)
{
    struct block *b = make(ram, place, slot, pages);

    if (t)
        torture_note(t, NOTE_ADDED, number_of(b), pages);
    LIST_INSERT_HEAD_RCU(&ram->blocks, b, link);
}

struct block *ram_resize(struct torture_thread *t, struct ram *ram, struct place *place,
                         uint64_t slot, uint64_t pages)
{
    struct block *old = ram->slots[slot], *b = make(ram, place, slot, pages);

    b->born = old->born;
    torture_note(t, NOTE_RESIZED, number_of(old), number_of(b));
    dirty_carry(ram, old);
    LIST_REPLACE_RCU(old, b, link);
    old->removed = clock_ticks();
    return old;
}

struct block *ram_remove(struct torture_thread *t, struct ram *ram, uint64_t slot)
{
    struct block *b = ram->slots[slot];

    torture_note(t, NOTE_REMOVED, number_of(b), slot);
    ram->slots[slot] = NULL;
    LIST_REMOVE_RCU(b, link);
    b->removed = clock_ticks();
    return b;
}

/* --- Reclaiming --- */

static struct block *block_of(flavor_retired *retired)
{
    return (struct block *)((char *)retired - offsetof(struct block, retired));
}

/* For all that readers have not stored there meanwhile. */
static void clear_shortcut(struct block *b)
{
    struct block *expected = b;

    __atomic_compare_exchange_n(&b->ram->recent, &expected, NULL, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

static void give_place_up(struct ram *ram, struct place *place)
{
    struct place *next = atomic_load_explicit(&ram->given_up, memory_order_relaxed);

    /* Orders: STORE place->next, place->ticks -> CAS given_up (release).
     * Pairs with: recover(), EXCHANGE given_up (acquire) -> LOAD place->next.
     * Broken: the list of places is torn. */
    do
        place->next = next;
    while (!atomic_compare_exchange_weak_explicit(&ram->given_up, &next, place,
                                                  memory_order_release, memory_order_relaxed));
}

/* Two grace periods after the block left the list. */
static void reclaim(flavor_retired *retired)
{
    struct block *b = block_of(retired);
    struct ram *ram = b->ram;
    struct place *place = b->place;

    place_unmap(ram, place);
    atomic_store_explicit(&place->ticks, clock_ticks() - b->removed + 1, memory_order_relaxed);
    pthread_mutex_lock(&ram->lock);
    dirty_carry(ram, b);
    pthread_mutex_unlock(&ram->lock);
    atomic_store_explicit(&b->number, POISON, memory_order_relaxed);
    quarantine_add(&ram->quarantine, b);
    give_place_up(ram, place);
    leaving_end(&ram->leaving);
}

/* One grace period after it. */
static void forget(flavor_retired *retired)
{
    struct block *b = block_of(retired);
    bool force = b->ram->force == FORCE_RCU;

    clear_shortcut(b);
    flavor_retire(retired, b, reclaim);
    if (force)
        flavor_force();
}

static void reclaim_expedited(struct block *b)
{
    flavor_synchronize_expedited();
    clear_shortcut(b);
    flavor_synchronize_expedited();
    reclaim(&b->retired);
}

void ram_have_reclaimed(struct block *b)
{
    struct ram *ram = b->ram;
    int force = ram->force;

    leaving_begin(&ram->leaving);
    clear_shortcut(b); /* so that it leads there no longer than it must */
    if (force == FORCE_EXPEDITED) {
        reclaim_expedited(b);
        return;
    }
    flavor_retire(&b->retired, b, forget);
    if (force == FORCE_RCU)
        flavor_force();
    for (unsigned i = 0; i < 2 && force == FORCE_DRAIN; i++)
        flavor_barrier();
}
