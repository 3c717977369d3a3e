/* Placement carried out: the calling thread on its PU, its memory on its nodes. */
#include "placement_plan.h"

#include <errno.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <string.h>

#define CPUS_MAX  65536
#define NODES_MAX 1024 /* of the kernel's */

/* Neither hwloc's calls nor libnuma's, which allocate: what malloc() has for a thread would lie
 * where the thread started. */
static bool bind_cpu(const struct placement *p, size_t thread, struct diagnostics *d)
{
    cpu_set_t cpus[CPUS_MAX / CPU_SETSIZE] = {0};
    int cpu = p->slots[thread].os_cpu;

    CPU_SET_S((size_t)cpu, sizeof cpus, cpus);
    if (sched_setaffinity(0, sizeof cpus, cpus) == 0)
        return true;
    diagnose(d, "%s: cannot be bound to PU %d: %s", p->names[thread], cpu, strerror(errno));
    return false;
}

struct node_mask {
    unsigned long bits[NODES_MAX / (CHAR_BIT * sizeof(unsigned long))];
};

static struct node_mask mask_of(const int *nodes, size_t count)
{
    const unsigned width = CHAR_BIT * sizeof(unsigned long);
    struct node_mask mask = {{0}};

    for (size_t i = 0; i < count; i++)
        if (nodes[i] < NODES_MAX)
            mask.bits[(unsigned)nodes[i] / width] |= 1UL << (unsigned)nodes[i] % width;
    return mask;
}

static bool set_memory_policy(int mode, const int *nodes, size_t count)
{
    struct node_mask mask = mask_of(nodes, count);

    /* The kernel leaves out the last bit that it is told of. */
    return set_mempolicy(mode, count > 0 ? mask.bits : NULL, count > 0 ? NODES_MAX + 1 : 0) == 0;
}

/* Whether the system has anything to choose from. */
static bool has_nodes(const struct placement *p)
{
    return placement_is_this_system(p) && p->topology->node_count > 1 && numa_available() >= 0;
}

static bool bind_memory(const struct placement *p, size_t thread, struct diagnostics *d)
{
    const struct topology *t = p->topology;
    int own = p->slots[thread].node;
    bool set = true;

    if (!has_nodes(p))
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

void placement_bind_pages(const struct placement *p, size_t thread, void *pages, size_t size)
{
    const struct topology *t = p->topology;
    int own = p->slots[thread].node, node;
    struct node_mask mask;

    if (!has_nodes(p) || own < 0)
        return;
    node = topology_near_node(t, own);
    if (node < 0)
        return;
    mask = mask_of(&node, 1);
    /* Where a container forbids the call, whoever comes first decides. */
    mbind(pages, size, MPOL_PREFERRED, mask.bits, NODES_MAX + 1, 0);
}

bool placement_holds_self(const struct placement *p, size_t thread)
{
    int cpu = p->slots[thread].os_cpu;
    hwloc_bitmap_t now;
    bool held;

    if (cpu < 0)
        return true;
    now = hwloc_bitmap_alloc();
    held = hwloc_get_cpubind(p->topology->hwloc, now, HWLOC_CPUBIND_THREAD) == 0 &&
           hwloc_bitmap_weight(now) == 1 && hwloc_bitmap_isset(now, (unsigned)cpu);
    hwloc_bitmap_free(now);
    return held;
}

void placement_allocate_for(const struct placement *p, size_t thread)
{
    const struct topology *t = p->topology;
    int node = p->slots[thread].node;

    if (!has_nodes(p))
        return;
    if (node >= 0)
        node = p->memory == MEMORY_REMOTE ? topology_remote_node(t, node)
                                          : topology_near_node(t, node);
    if (p->memory == MEMORY_INTERLEAVE)
        set_memory_policy(MPOL_INTERLEAVE, t->memory, t->memory_count);
    else if (node >= 0)
        set_memory_policy(MPOL_PREFERRED, &node, 1);
    else
        set_memory_policy(MPOL_LOCAL, NULL, 0);
}

void placement_allocate_anywhere(const struct placement *p)
{
    if (has_nodes(p))
        set_memory_policy(MPOL_DEFAULT, NULL, 0);
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
