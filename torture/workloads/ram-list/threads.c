/* ram-list: readers, who stays, who plugs, who harvests. */
#include "ram_list.h"
#include "torture/runner/violation.h"
#include "torture/workloads/long_reader.h"

/* What a reader met, judged when it has left. */
struct look {
    struct block *block; /* NULL: nothing is there */
    uint64_t number, page, content;
    bool shortcut, unmapped, marks;
};

static void enter(struct torture_thread *t, struct ram *ram, const struct ram_params *p)
{
    if (p->lookups == LOOKUPS_LOCK)
        pthread_mutex_lock(&ram->lock);
    torture_section(t, true);
    if (p->lookups == LOOKUPS_RCU)
        flavor_read_lock();
}

static void leave(struct torture_thread *t, struct ram *ram, const struct ram_params *p)
{
    if (p->lookups == LOOKUPS_RCU)
        flavor_read_unlock();
    torture_section(t, false);
    if (p->lookups == LOOKUPS_LOCK)
        pthread_mutex_unlock(&ram->lock);
}

static void touch(struct look *look)
{
    look->content = place_touch(look->block->host + look->page * PAGE, &look->unmapped);
}

/* In a section. */
static void find(struct ram *ram, uint64_t page, const struct hold *hold, struct look *look)
{
    look->block = ram_find(ram, page, hold, &look->shortcut);
    if (!look->block)
        return;
    look->number = number_of(look->block);
    look->page = page - look->block->first;
}

static void judge_block(struct torture_thread *t, const struct look *look, uint64_t entered)
{
    const char *host = look->block->host + look->page * PAGE;
    unsigned long number =
        look->number == POISON
            ? (unsigned long)atomic_load_explicit(&look->block->place->block, memory_order_relaxed)
            : (unsigned long)look->number;

    if (look->number != POISON && !look->unmapped &&
        look->content == page_content(look->number, look->page))
        return;
    torture_note_at(t, entered, NOTE_ENTERED, number, look->shortcut);
    torture_note(t, NOTE_FOUND, number, (unsigned long)look->page);
    if (look->unmapped)
        torture_violation(t->instance, t, EARLY_UNMAP,
                          "A reader that had found block %lu %s touched its page %lu at %p, which "
                          "was unmapped.",
                          number, look->shortcut ? "by the shortcut" : "in the list",
                          (unsigned long)look->page, (const void *)host);
    else
        torture_violation(t->instance, t, EARLY_REUSE,
                          "A reader that had found block %lu %s met %s in its page %lu at %p.",
                          number, look->shortcut ? "by the shortcut" : "in the list",
                          look->number == POISON ? "a freed block" : "what another block wrote",
                          (unsigned long)look->page, (const void *)host);
}

static void judge(struct torture_thread *t, const struct look *look, uint64_t slot, uint64_t page,
                  uint64_t entered)
{
    const struct ram_params *p = t->instance->params;

    torture_count(t, CHECKS, 1);
    if (look->block) {
        judge_block(t, look, entered);
        return;
    }
    if (page >= permanent_pages(p) || !is_permanent(slot))
        return;
    torture_note_at(t, entered, NOTE_ENTERED, 0, 0);
    torture_violation(
        t->instance, t, MISSING_BLOCK,
        "A reader found no block with page %lu of slot %lu, where there always is one.",
        (unsigned long)page, (unsigned long)slot);
}

/* One section in 64 is held: in the lookup, or, as is returned, behind it. */
static uint64_t choose_hold(struct torture_thread *t, const struct ram_params *p, struct hold *hold)
{
    uint64_t ns;

    *hold = (struct hold){.on_first_ns = 0};
    if (!random_one_in(&t->random, 64))
        return 0;
    ns = random_below(&t->random, (uint64_t)p->hold_ns + 1);
    torture_count(t, HELD, 1);
    switch (random_below(&t->random, 3)) {
    case 0:
        hold->on_first_ns = ns;
        return 0;
    case 1:
        hold->before_store_ns = ns;
        return 0;
    default:
        return ns;
    }
}

/* Nothing in the section fences or stores to what others use, but what is stored by what is
 * modelled: the shortcut, and in some sections a mark, after everything else. */
static void read_once(struct torture_thread *t, struct ram *ram)
{
    const struct ram_params *p = t->instance->params;
    uint64_t most = (uint64_t)p->pages, slot = ram_slot(t, p), entered;
    uint64_t page = random_below(&t->random, most), hold_ns;
    struct look look = {.block = NULL};
    bool mark = random_one_in(&t->random, (uint64_t)p->dirty_one_in), marked = false;
    struct hold hold;

    hold_ns = choose_hold(t, p, &hold);
    entered = clock_ticks();
    enter(t, ram, p);
    find(ram, slot * most + page, &hold, &look);
    if (look.block) {
        if (hold_ns)
            torture_spin(hold_ns);
        touch(&look);
        marked = mark && dirty_mark(look.block, look.page);
    }
    leave(t, ram, p);
    torture_count(t, MARKED, marked);
    torture_count(t, SHORTCUTS, look.shortcut);
    judge(t, &look, slot, page, entered);
}

void ram_reader(struct torture_thread *t)
{
    struct ram *ram = t->instance->state;
    uint64_t marked;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            read_once(t, ram);
        torture_count(t, READS, 16);
        torture_beat(t);
    }
    flavor_unregister_thread();
    marked = atomic_load_explicit(&t->counters[MARKED], memory_order_relaxed);
    atomic_fetch_add_explicit(&ram->ledger.marked, marked, memory_order_relaxed);
}

/* Stays in one block, page after page, until it is told to leave or has been there for long: as a
 * vCPU does. */
void ram_stayer(struct torture_thread *t)
{
    const struct ram_params *p = t->instance->params;
    struct ram *ram = t->instance->state;
    const struct hold at_once = {.on_first_ns = 0};
    struct long_reader self;

    flavor_register_thread();
    long_reader_open(&self);
    while (torture_running(t)) {
        uint64_t slot = ram_slot(t, p), page = 0, entered;
        int64_t until = clock_monotonic_ns() + p->stay_ns;
        struct look look = {.block = NULL};
        bool kicked = false;

        entered = clock_ticks();
        torture_section(t, true);
        flavor_read_lock();
        find(ram, slot * (uint64_t)p->pages, &at_once, &look);
        while (look.block) {
            look.page = page++ % look.block->pages;
            touch(&look);
            kicked = atomic_load_explicit(&self.kicked, memory_order_relaxed);
            if (look.unmapped || look.content != page_content(look.number, look.page) || kicked ||
                !torture_running(t) || clock_monotonic_ns() >= until)
                break;
        }
        flavor_read_unlock();
        torture_section(t, false);
        atomic_store_explicit(&self.kicked, 0, memory_order_relaxed);
        torture_count(t, STAYS, look.block != NULL);
        torture_count(t, STAYS_KICKED, kicked);
        if (look.block)
            judge(t, &look, slot, look.page, entered);
        torture_beat(t);
    }
    long_reader_close(&self);
    flavor_unregister_thread();
}

/* --- Who plugs --- */

/* Places that callbacks gave up, with how long that took, go to the others. */
static void recover(struct torture_thread *t, struct ram *ram, struct place **idle)
{
    /* Orders: EXCHANGE given_up (acquire) -> LOAD place->next, place->ticks.
     * Pairs with: give_place_up(), STORE place->next, place->ticks -> CAS given_up (release).
     * Broken: the list of places is torn. */
    struct place *place = atomic_exchange_explicit(&ram->given_up, NULL, memory_order_acquire);

    while (place) {
        struct place *next = place->next;
        uint64_t ns = clock_ticks_to_ns(atomic_load_explicit(&place->ticks, memory_order_relaxed));

        torture_measure(t, UNMAP, ns);
        torture_count(t, UNMAPPED, 1);
        torture_note(t, NOTE_UNMAPPED, atomic_load_explicit(&place->block, memory_order_relaxed),
                     (unsigned long)(ns / 1000));
        place->next = *idle;
        *idle = place;
        place = next;
    }
}

static struct place *take_place(struct torture_thread *t, struct ram *ram, struct place **idle)
{
    struct place *place;

    recover(t, ram, idle);
    place = *idle;
    if (place)
        *idle = place->next;
    return place;
}

/* One thing in one slot; what leaves the list is reclaimed. Takes the place, or gives it back. */
static void change(struct torture_thread *t, struct ram *ram, struct place *place,
                   struct place **idle)
{
    const struct ram_params *p = t->instance->params;
    uint64_t slot = random_one_in(&t->random, 2) ? ram_slot(t, p)
                                                 : random_below(&t->random, (uint64_t)p->blocks);
    uint64_t least = is_permanent(slot) ? permanent_pages(p) : 1;
    uint64_t pages = least + random_below(&t->random, (uint64_t)p->pages + 1 - least);
    bool resize = is_permanent(slot) || random_one_in(&t->random, 2);
    struct block *old = NULL;

    pthread_mutex_lock(&ram->lock);
    if (!ram->slots[slot]) {
        ram_add(t, ram, place, slot, pages);
        torture_count(t, ADDED, 1);
    } else if (resize) {
        old = ram_resize(t, ram, place, slot, pages);
        torture_count(t, RESIZED, 1);
    } else {
        old = ram_remove(t, ram, slot);
        torture_count(t, REMOVED, 1);
        place->next = *idle;
        *idle = place;
    }
    pthread_mutex_unlock(&ram->lock);
    if (old)
        ram_have_reclaimed(old);
}

void ram_plugger(struct torture_thread *t)
{
    const struct ram_params *p = t->instance->params;
    struct ram *ram = t->instance->state;
    struct place *idle = ram->idle;

    flavor_register_thread();
    while (torture_running(t)) {
        unsigned leaving = leaving_count(&ram->leaving);
        struct place *place = take_place(t, ram, &idle);

        if (place) {
            change(t, ram, place, &idle);
            torture_beat(t);
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        } else { /* none comes back: a stall */
            torture_count(t, PUT_OFF, 1);
            leaving_wait(t, &ram->leaving, leaving - 1);
        }
    }
    while (!leaving_wait(t, &ram->leaving, 0))
        ;
    recover(t, ram, &idle);
    flavor_unregister_thread();
}

void ram_harvester(struct torture_thread *t)
{
    const struct ram_params *p = t->instance->params;
    struct ram *ram = t->instance->state;

    while (torture_running(t)) {
        uint64_t count;

        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->harvest_ns + 1));
        pthread_mutex_lock(&ram->lock);
        count = dirty_harvest(ram);
        pthread_mutex_unlock(&ram->lock);
        torture_count(t, HARVESTED, count);
        torture_beat(t);
    }
}
