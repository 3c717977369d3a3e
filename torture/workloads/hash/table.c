/* hash: the table.
 *
 * Buckets are lists. A table with more or fewer buckets is made beside the one that is used, with
 * the other link of each element, and takes its place at once. Readers that are in the old one go
 * on in it, by the links that nobody changes any more; when they have left, it is freed, and its
 * links may be used for the next table.
 *
 * Source: Herbert Xu's resizable hash table in Linux's bridge, as McKenney describes it in "Is
 * parallel programming hard, and, if so, what can you do about it?".
 */
#include "hash.h"

#include "torture/workloads/cache_lines.h"

static struct element **bucket_of(struct buckets *b, uint64_t key)
{
    return &b->first[random_mix(key) & (b->count - 1)];
}

static uint64_t key_of(const struct element *e)
{
    return atomic_load_explicit(&e->key, memory_order_relaxed);
}

struct buckets *hash_make_buckets(struct hash *h, uint64_t count, unsigned link)
{
    struct buckets *b = cache_lines(sizeof *b + count * sizeof(struct element *));

    b->link = link;
    b->count = count;
    b->hash = h;
    return b;
}

static void stay(uint64_t ns)
{
    if (ns)
        torture_spin(ns);
}

struct element *hash_find(struct hash *h, uint64_t key, uint64_t hold_ns, bool *reused)
{
    struct buckets *b = flavor_dereference(h->buckets);
    unsigned link = b->link;
    struct element *e = flavor_dereference(*bucket_of(b, key));

    stay(hold_ns);
    while (e) {
        uint64_t found = key_of(e);

        if (found == key)
            return e;
        if (__builtin_expect(found == POISON, 0)) {
            *reused = true;
            return NULL;
        }
        e = flavor_dereference(e->next[link]);
    }
    return NULL;
}

void hash_walk(struct hash *h, uint64_t keys, uint64_t hold_ns, struct walk *walk)
{
    struct buckets *b = flavor_dereference(h->buckets);
    unsigned link = b->link;
    uint64_t steps = 0;

    for (uint64_t i = 0; i < b->count; i++) {
        struct element *e = flavor_dereference(b->first[i]);

        if (i == b->count / 2)
            stay(hold_ns);
        for (; e; e = flavor_dereference(e->next[link])) {
            uint64_t key = key_of(e), bit = UINT64_C(1) << key % 64;

            walk->reused = walk->reused || key >= keys;
            walk->endless = ++steps > 2 * keys;
            if (walk->reused || walk->endless)
                return;
            if (walk->seen[key / 64] & bit)
                walk->twice = key;
            walk->seen[key / 64] |= bit;
        }
    }
}

/* --- Changes --- */

void hash_set_phase(struct hash *h, uint64_t key, unsigned phase)
{
    uint64_t now = atomic_load_explicit(&h->phases[key], memory_order_relaxed);

    /* Orders: STOREs of the insertion, or of the removal -> STORE phases[key] (release), for the
     * phase behind them.
     * Pairs with: phase_of(), LOAD phases[key] (acquire).
     * Broken: a lookup is blamed for an element whose insertion it could not see. */
    atomic_store_explicit(&h->phases[key], now + (phase - now % PHASES + PHASES) % PHASES,
                          memory_order_release);
}

void hash_insert(struct hash *h, uint64_t key)
{
    struct buckets *b = h->buckets;
    struct element *e = cache_lines(sizeof *e), **first = bucket_of(b, key);

    atomic_init(&e->key, key);
    e->hash = h;
    e->next[b->link] = *first;
    hash_set_phase(h, key, COMES);
    flavor_assign_pointer(*first, e);
    hash_set_phase(h, key, PRESENT);
    atomic_fetch_add_explicit(&h->made, 1, memory_order_relaxed);
}

struct element *hash_remove(struct hash *h, uint64_t key)
{
    struct buckets *b = h->buckets;
    struct element **place = bucket_of(b, key), *e;

    while ((e = *place) && key_of(e) != key)
        place = &e->next[b->link];
    if (!e)
        return NULL;
    hash_set_phase(h, key, GOES);
    flavor_assign_pointer(*place, e->next[b->link]);
    hash_set_phase(h, key, ABSENT);
    return e;
}

struct buckets *hash_resize(struct hash *h, uint64_t count)
{
    struct buckets *old = h->buckets, *b = hash_make_buckets(h, count, 1 - old->link);

    for (uint64_t i = 0; i < old->count; i++)
        for (struct element *e = old->first[i]; e; e = e->next[old->link]) {
            struct element **first = bucket_of(b, key_of(e));

            __atomic_store_n(&e->next[b->link], *first, __ATOMIC_RELAXED);
            *first = e;
        }
    atomic_store_explicit(&h->settled, 0, memory_order_relaxed);
    flavor_assign_pointer(h->buckets, b);
    return old;
}

/* --- Freeing --- */

static void reclaim(flavor_retired *retired)
{
    struct element *e = (struct element *)((char *)retired - offsetof(struct element, retired));
    struct hash *h = e->hash;

    atomic_store_explicit(&e->key, POISON, memory_order_relaxed);
    quarantine_add(&h->quarantine, e);
    atomic_fetch_add_explicit(&h->freed, 1, memory_order_relaxed);
    leaving_end(&h->leaving);
}

void hash_retire(struct element *e)
{
    leaving_begin(&e->hash->leaving);
    flavor_retire(&e->retired, e, reclaim);
}

static void reclaim_buckets(flavor_retired *retired)
{
    struct buckets *b = (struct buckets *)((char *)retired - offsetof(struct buckets, retired));
    struct hash *h = b->hash;

    free(b);
    /* Orders: LOADs of readers in the old table -> STORE settled (release).
     * Pairs with: hash_resizer(), LOAD settled (acquire).
     * Broken: links of the old table are changed while a reader follows them. */
    atomic_store_explicit(&h->settled, 1, memory_order_release);
    shared_wake(&h->settled);
    leaving_end(&h->leaving);
}

void hash_retire_buckets(struct buckets *b)
{
    leaving_begin(&b->hash->leaving);
    flavor_retire(&b->retired, b, reclaim_buckets);
}
