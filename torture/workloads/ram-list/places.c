/* ram-list: where blocks lie in the host.
 *
 * All places are parts of one range of addresses, which nothing else gets: a page that is gone is
 * not there, or has the number of a later block, and never another part of the program.
 */
#include "ram_list.h"

#include "torture/workloads/cache_lines.h"

#include <sys/mman.h>

/* Where the calling thread touched a page that was not there; 0: nowhere. */
static __thread volatile uintptr_t missed;

bool places_open(struct ram *ram, size_t count, size_t pages)
{
    ram->place_size = pages * PAGE;
    ram->place_count = count;
    ram->arena_size = count * ram->place_size;
    ram->arena =
        mmap(NULL, ram->arena_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram->arena == MAP_FAILED)
        return false;
    ram->places = cache_lines(count * sizeof *ram->places);
    for (size_t i = 0; i < count; i++)
        ram->places[i].host = ram->arena + i * ram->place_size;
    return true;
}

void places_close(struct ram *ram)
{
    munmap(ram->arena, ram->arena_size);
    free(ram->places);
}

void place_map(const struct ram *ram, struct place *place, uint64_t number, uint64_t pages)
{
    char *host = mmap(place->host, pages * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (host == MAP_FAILED)
        torture_give_up("no memory for a block of %zu bytes; use smaller settings",
                        ram->place_size);
    for (uint64_t page = 0; page < pages; page++)
        *(uint64_t *)(host + page * PAGE) = page_content(number, page);
    atomic_store_explicit(&place->block, number, memory_order_relaxed);
}

/* The pages are given back, and the range is kept. */
void place_unmap(const struct ram *ram, struct place *place)
{
    if (mmap(place->host, ram->place_size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        torture_give_up("munmap: the kernel has no room for another mapping; use smaller settings");
}

uint64_t place_touch(const char *page, bool *unmapped)
{
    uint64_t content;

    missed = 0;
    content = *(const volatile uint64_t *)page;
    *unmapped = missed != 0;
    return content;
}

/* In the handler of the signal: puts an empty page there, so that the reader goes on and tells. */
bool places_fault(struct torture_thread *t, uintptr_t address)
{
    const struct ram *ram = t->instance->state;
    uintptr_t offset = address - (uintptr_t)ram->arena;

    if (offset >= ram->arena_size)
        return false;
    missed = address;
    return mmap(ram->arena + offset / PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}
