/* Placement carried out: the calling thread on its PU, its memory on its nodes. */
#include "placement_plan.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <string.h>

static bool bind_cpu(const struct placement *p, size_t thread, struct diagnostics *d)
{
    hwloc_bitmap_t cpu = hwloc_bitmap_alloc();
    bool bound;

    hwloc_bitmap_only(cpu, (unsigned)p->slots[thread].os_cpu);
    bound = hwloc_set_cpubind(p->topology->hwloc, cpu,
                              HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) == 0;
    if (!bound) {
        diagnose(d, "%s: cannot be bound to PU %d: %s", p->names[thread], p->slots[thread].os_cpu,
                 strerror(errno));
    }
    hwloc_bitmap_free(cpu);
    return bound;
}

/* The system call by libnuma's wrapper: numa_set_preferred() and its like print their errors. */
static bool set_memory_policy(int mode, const int *nodes, size_t count)
{
    struct bitmask *mask = numa_allocate_nodemask();
    bool set;

    for (size_t i = 0; i < count; i++)
        numa_bitmask_setbit(mask, (unsigned)nodes[i]);
    set = set_mempolicy(mode, count > 0 ? mask->maskp : NULL, count > 0 ? mask->size + 1 : 0) == 0;
    int error = errno;
    numa_free_nodemask(mask);
    errno = error;
    return set;
}

static bool bind_memory(const struct placement *p, size_t thread, struct diagnostics *d)
{
    const struct topology *t = p->topology;
    int own = p->slots[thread].node;
    bool set = true;

    if (t->node_count < 2 || numa_available() < 0)
        return true;
    if (p->memory == MEMORY_INTERLEAVE) {
        set = set_memory_policy(MPOL_INTERLEAVE, t->memory, t->memory_count);
    } else if (p->memory == MEMORY_REMOTE && own >= 0) {
        int node = topology_remote_node(t, own);

        set = node < 0 || set_memory_policy(MPOL_PREFERRED, &node, 1);
    } else {
        /* Some containers forbid the call; local is what the kernel does on its own. */
        set_memory_policy(MPOL_LOCAL, NULL, 0);
    }
    if (!set) {
        diagnose(d, "%s: memory cannot be %s: %s", p->names[thread],
                 p->memory == MEMORY_REMOTE ? "remote" : "interleaved", strerror(errno));
    }
    return set;
}

bool placement_bind_self(const struct placement *p, size_t thread, struct diagnostics *d)
{
    if (!placement_is_this_system(p)) {
        diagnose(d, "%s: not bound, the topology is not this machine's", p->names[thread]);
        return true;
    }
    if (p->slots[thread].os_cpu >= 0 && !bind_cpu(p, thread, d))
        return false;
    return bind_memory(p, thread, d);
}
