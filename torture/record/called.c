#include "called.h"

#include <pthread.h>
#include <stdlib.h>

const char *const called_names[CALLED_COUNT] = {
#define CALLED_NAME(name, text) [CALLED_##name] = (text),
    CALLS(CALLED_NAME)
#undef CALLED_NAME
};

__thread struct called *called_own;

static _Atomic(struct called *) blocks;

/* Blocks of threads that have ended, whose counts stay there: the next thread goes on in them. */
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static struct called *left;
static pthread_once_t left_once = PTHREAD_ONCE_INIT;
static pthread_key_t left_key;

static void leave_block(void *block)
{
    called_own = NULL;
    pthread_mutex_lock(&left_lock);
    ((struct called *)block)->next_left = left;
    left = block;
    pthread_mutex_unlock(&left_lock);
}

/* The lock may have been held by a thread that the child does not have. */
static void in_child_of_fork(void)
{
    pthread_mutex_init(&left_lock, NULL);
    left = NULL;
}

static void make_left_key(void)
{
    if (pthread_key_create(&left_key, leave_block) != 0 ||
        pthread_atfork(NULL, NULL, in_child_of_fork) != 0)
        abort();
}

/* One that was left; NULL: none was. */
static struct called *take_left(void)
{
    struct called *block;

    pthread_mutex_lock(&left_lock);
    block = left;
    if (block)
        left = block->next_left;
    pthread_mutex_unlock(&left_lock);
    return block;
}

void called_begin_for_now(void)
{
    pthread_once(&left_once, make_left_key);
    called_own = take_left();
    if (called_own)
        called_own->waits = called_own->depth = 0;
    else
        called_begin(-1);
    pthread_setspecific(left_key, called_own);
}

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
