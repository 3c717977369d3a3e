/* Memory in cache lines of its own, so that what one thread stores fences for no other. */
#ifndef STILLPOINT_CACHE_LINES_H
#define STILLPOINT_CACHE_LINES_H

#include "torture/runner/thread.h"

#include <stdlib.h>
#include <string.h>

/* Zeroed, at least one line; free() releases it. */
static inline void *cache_lines(size_t size)
{
    size_t lines = size > 0 ? (size + 63) & ~(size_t)63 : 64;
    void *memory = aligned_alloc(64, lines);

    if (!memory)
        torture_give_up("no memory for %zu bytes; use smaller settings", lines);
    memset(memory, 0, lines);
    return memory;
}

#endif
