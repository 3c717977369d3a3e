#include "called.h"

#include <stdlib.h>

const char *const called_names[CALLED_COUNT] = {
#define CALLED_NAME(name, text) [CALLED_##name] = (text),
    CALLS(CALLED_NAME)
#undef CALLED_NAME
};

__thread struct called *called_own;

static _Atomic(struct called *) blocks;

void called_begin(int thread)
{
    struct called *block = aligned_alloc(_Alignof(struct called), sizeof *block);

    if (!block)
        abort();
    *block = (struct called){.thread = thread,
                             .next = atomic_load_explicit(&blocks, memory_order_relaxed)};
    /* Orders: STORE block->next, and the counts of 0 -> RMW blocks (release).
     * Pairs with: called_add_up(), LOAD blocks (acquire) -> LOAD of the counts.
     * Broken: what was in the memory before is added up, or the list ends nowhere. */
    while (!atomic_compare_exchange_weak_explicit(&blocks, &block->next, block,
                                                  memory_order_release, memory_order_relaxed))
        ;
    called_own = block;
}

void called_lend(struct called *block)
{
    *block = (struct called){.thread = -1};
    called_own = block;
}

void called_take_over(const struct called *block)
{
    for (unsigned i = 0; i < CALLED_COUNT; i++)
        called_more((enum called_what)i,
                    atomic_load_explicit(&block->count[i], memory_order_relaxed));
}

void called_add_up(uint64_t sums[CALLED_COUNT])
{
    const struct called *block;

    for (unsigned i = 0; i < CALLED_COUNT; i++)
        sums[i] = 0;
    /* Orders: LOAD blocks (acquire) -> LOAD block->next, LOAD of the counts.
     * Pairs with: called_begin(), STORE block->next -> RMW blocks (release).
     * Broken: what was in the memory before is added up, or the list ends nowhere. */
    for (block = atomic_load_explicit(&blocks, memory_order_acquire); block; block = block->next)
        for (unsigned i = 0; i < CALLED_COUNT; i++)
            sums[i] += atomic_load_explicit(&block->count[i], memory_order_relaxed);
}
