/* hash: readers, walkers, updaters, who resizes. */
#include "hash.h"
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <string.h>

static uint64_t choose_hold(struct torture_thread *t)
{
    const struct hash_params *p = t->instance->params;

    return random_one_in(&t->random, 64) ? random_below(&t->random, (uint64_t)p->hold_ns + 1) : 0;
}

static void reused(struct torture_thread *t, uint64_t key, uint64_t entered)
{
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)key, 0);
    torture_violation(t->instance, t, EARLY_REUSE,
                      "A reader met an element that had been freed on its way to key %lu.",
                      (unsigned long)key);
}

/* --- Lookups --- */

/* Before and after it the key's phase; the same one is sure of what is found. */
static void look_up_once(struct torture_thread *t, struct hash *h)
{
    const struct hash_params *p = t->instance->params;
    uint64_t key = random_below(&t->random, (uint64_t)p->keys), hold_ns = choose_hold(t);
    uint64_t before = phase_of(h, key), after, entered = clock_ticks();
    bool was_reused = false, found;

    torture_section(t, true);
    flavor_read_lock();
    found = hash_find(h, key, hold_ns, &was_reused) != NULL;
    flavor_read_unlock();
    torture_section(t, false);
    after = phase_of(h, key);
    if (__builtin_expect(was_reused, 0)) {
        reused(t, key, entered);
        return;
    }
    if (before != after || before % PHASES == COMES || before % PHASES == GOES)
        return;
    torture_count(t, SURE, 1);
    if (__builtin_expect(found == (before % PHASES == PRESENT), 1))
        return;
    torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)key, 0);
    if (found)
        torture_violation(t->instance, t, GHOST_ELEMENT,
                          "A lookup found key %lu, which had been removed before it began.",
                          (unsigned long)key);
    else
        torture_violation(t->instance, t, LOST_ELEMENT,
                          "A lookup did not find key %lu, which was there from before it began "
                          "until after it had ended.",
                          (unsigned long)key);
}

void hash_reader(struct torture_thread *t)
{
    struct hash *h = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 16; i++)
            look_up_once(t, h);
        torture_count(t, READS, 16);
        torture_count(t, CHECKS, 16);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- Walks --- */

static void judge_walk(struct torture_thread *t, const struct walk *walk, uint64_t keys,
                       uint64_t entered)
{
    if (walk->reused) {
        reused(t, 0, entered);
        return;
    }
    if (walk->endless) {
        torture_violation(t->instance, t, LOST_ELEMENT,
                          "A walk met more than twice as many elements as there are keys: it goes "
                          "in a circle.");
        return;
    }
    if (walk->twice != POISON) {
        torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)walk->twice, 1);
        torture_violation(t->instance, t, GHOST_ELEMENT, "A walk met key %lu twice.",
                          (unsigned long)walk->twice);
    }
    for (uint64_t key = 0; key < keys; key++) {
        if (!is_permanent(key) || walk->seen[key / 64] >> key % 64 & 1)
            continue;
        torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)key, 1);
        torture_violation(t->instance, t, LOST_ELEMENT,
                          "A walk did not meet key %lu, which is always there.",
                          (unsigned long)key);
        return;
    }
}

void hash_walker(struct torture_thread *t)
{
    const struct hash_params *p = t->instance->params;
    struct hash *h = t->instance->state;
    uint64_t keys = (uint64_t)p->keys, size = (keys + 63) / 64 * sizeof(uint64_t);
    uint64_t *seen = cache_lines(size);

    flavor_register_thread();
    while (torture_running(t)) {
        struct walk walk = {.seen = seen, .twice = POISON};
        uint64_t hold_ns = choose_hold(t), entered = clock_ticks();

        memset(seen, 0, size);
        torture_section(t, true);
        flavor_read_lock();
        hash_walk(h, keys, hold_ns, &walk);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, WALKS, 1);
        torture_count(t, CHECKS, 1);
        judge_walk(t, &walk, keys, entered);
        torture_beat(t);
    }
    flavor_unregister_thread();
    free(seen);
}

/* --- Updates --- */

static void await_all(struct torture_thread *t, struct hash *h)
{
    while (!leaving_wait(t, &h->leaving, 0))
        ;
}

static uint64_t changing_key(struct torture_thread *t, const struct hash_params *p)
{
    uint64_t key;

    do
        key = random_below(&t->random, (uint64_t)p->keys);
    while (is_permanent(key));
    return key;
}

void hash_updater(struct torture_thread *t)
{
    const struct hash_params *p = t->instance->params;
    struct hash *h = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t key = changing_key(t, p);
        struct element *e;

        pthread_mutex_lock(&h->lock);
        e = hash_remove(h, key);
        if (!e)
            hash_insert(h, key);
        pthread_mutex_unlock(&h->lock);
        torture_note(t, e ? NOTE_REMOVED : NOTE_INSERTED, (unsigned long)key, 0);
        torture_count(t, e ? REMOVED : INSERTED, 1);
        if (e)
            hash_retire(e);
        if (p->pause_ns)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
        torture_beat(t);
    }
    await_all(t, h);
    flavor_unregister_thread();
}

/* Twice as many buckets, or half of them. */
static uint64_t next_count(struct torture_thread *t, const struct hash_params *p, uint64_t count)
{
    if (count * 2 > (uint64_t)p->most)
        return count / 2;
    if (count / 2 < (uint64_t)p->fewest)
        return count * 2;
    return random_one_in(&t->random, 2) ? count * 2 : count / 2;
}

void hash_resizer(struct torture_thread *t)
{
    const struct hash_params *p = t->instance->params;
    struct hash *h = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        struct buckets *old;
        uint64_t before, after;

        /* Orders: LOAD settled (acquire) -> STORE e->next in hash_resize().
         * Pairs with: reclaim_buckets(), STORE settled (release).
         * Broken: links of the old table are changed while a reader follows them. */
        if (!atomic_load_explicit(&h->settled, memory_order_acquire)) {
            flavor_reclaim();
            shared_wait(&h->settled, 0, 10 * 1000 * 1000);
            continue;
        }
        pthread_mutex_lock(&h->lock);
        before = h->buckets->count;
        after = next_count(t, p, before);
        old = hash_resize(h, after);
        pthread_mutex_unlock(&h->lock);
        torture_note(t, NOTE_RESIZED, (unsigned long)before, (unsigned long)after);
        torture_count(t, after > before ? GROWN : SHRUNK, 1);
        hash_retire_buckets(old);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->resize_pause_ns + 1));
    }
    await_all(t, h);
    flavor_unregister_thread();
}
