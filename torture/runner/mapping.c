#include "mapping.h"

#include "torture/record/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

size_t mapping_part(struct mapping *m, size_t size)
{
    size_t offset = m->size;

    m->ends = realloc(m->ends, (m->part_count + 1) * sizeof *m->ends);
    if (!m->ends)
        abort();
    m->ends[m->part_count++] = offset + SHARED_ALIGN(size);
    m->size = offset + SHARED_ALIGN(size) + SHARED_PAGE;
    return offset;
}

/* Where pages are larger, and where the system grants no more mappings, there are no such pages. */
static void protect(const struct mapping *m, char *base)
{
    for (size_t i = 0; sysconf(_SC_PAGESIZE) == SHARED_PAGE && i < m->part_count; i++)
        if (mprotect(base + m->ends[i], SHARED_PAGE, PROT_NONE) != 0)
            return;
}

void *mapping_open(struct mapping *m, int fd, struct diagnostics *d)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = MAP_FAILED, *base = MAP_FAILED;

    if (ftruncate(fd, (off_t)m->size) != 0) {
        diagnose_refused(d, errno, "ftruncate", "runner: no room for %zu MiB of shared memory",
                         m->size >> 20);
    } else {
        /* The page in front is that of a mapping of nothing, in which the file takes its place. */
        room = mmap(NULL, m->size + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
        if (room != MAP_FAILED)
            base =
                mmap(room + page, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
        if (base == MAP_FAILED)
            diagnose_refused(d, errno, "mmap", "runner: cannot map %zu MiB of shared memory",
                             m->size >> 20);
        else
            protect(m, base);
    }
    free(m->ends);
    return base == MAP_FAILED ? NULL : base;
}
