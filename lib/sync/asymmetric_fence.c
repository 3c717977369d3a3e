#include "stillpoint/asymmetric_fence.h"

#include "start.h"
#include "sync/platform.h"

#include <stdlib.h>
#include <string.h>

bool asymmetric_fence_is_full = true;

/* Early: threads that register take over the choice. */
void asymmetric_fence_start(void)
{
    const char *wish = getenv("STILLPOINT_FENCE");

    asymmetric_fence_is_full =
        (wish && strcmp(wish, "full") == 0) || !platform_heavy_fence_available();
}

void asymmetric_fence_heavy(void)
{
    if (asymmetric_fence_is_full)
        /* Orders: STORE y -> LOAD x, both the caller's.
         * Pairs with: asymmetric_fence_light(), STORE x -> LOAD y; then a full fence, too.
         * Broken: each side misses the other's store. */
        atomic_thread_fence(memory_order_seq_cst);
    else
        platform_heavy_fence();
}
