/* ram-list: which pages were written.
 *
 * A reader marks a page in the block that it has found, which may be one that was resized
 * meanwhile, and is no more in the list. So a block's marks are carried to the one in its place
 * twice: when that one is made, and when no reader can have the old one any more.
 */
#include "ram_list.h"

static uint64_t words_of(uint64_t pages)
{
    return (pages + WORD_BITS - 1) / WORD_BITS;
}

bool dirty_mark(struct block *b, uint64_t page)
{
    unsigned long bit = 1UL << page % WORD_BITS;

    return !(atomic_fetch_or_explicit(&b->dirty[page / WORD_BITS], bit, memory_order_relaxed) &
             bit);
}

/* Takes the marks of one word. */
static unsigned long take_word(struct block *b, uint64_t word)
{
    return atomic_exchange_explicit(&b->dirty[word], 0, memory_order_relaxed);
}

static uint64_t count_bits(unsigned long word)
{
    return (uint64_t)__builtin_popcountl(word);
}

uint64_t dirty_harvest(struct ram *ram)
{
    struct block *b;
    uint64_t count = 0;

    LIST_FOREACH(b, &ram->blocks, link)
    for (uint64_t word = 0; word < words_of(b->pages); word++)
        count += count_bits(take_word(b, word));
    ram->ledger.harvested += count;
    return count;
}

/* Of a word those bits that are of pages which the block has. */
static unsigned long bits_within(const struct block *b, uint64_t word)
{
    uint64_t before = word * WORD_BITS;

    if (b->pages <= before)
        return 0;
    return b->pages - before >= WORD_BITS ? ~0UL : (1UL << (b->pages - before)) - 1;
}

void dirty_carry(struct ram *ram, struct block *old)
{
    struct block *b = ram->slots[old->slot];

    if (b && b->born != old->born)
        b = NULL;
    for (uint64_t word = 0; word < words_of(old->pages); word++) {
        unsigned long marks = take_word(old, word);
        unsigned long kept = b ? marks & bits_within(b, word) : 0;

        ram->ledger.dropped += count_bits(marks & ~kept);
        if (kept)
            ram->ledger.absorbed += count_bits(
                kept & atomic_fetch_or_explicit(&b->dirty[word], kept, memory_order_relaxed));
    }
}

uint64_t dirty_lost(struct ram *ram)
{
    const struct ledger *l = &ram->ledger;

    dirty_harvest(ram); /* what is left */
    return atomic_load_explicit(&l->marked, memory_order_relaxed) - l->harvested - l->absorbed -
           l->dropped;
}
