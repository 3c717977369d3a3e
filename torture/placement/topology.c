/* The machine, read with hwloc. */
#include "topology.h"

#include <ctype.h>
#include <hwloc/distances.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>

/* hwloc builds a tree of any size that is requested: 64 thousand PUs take it 13 s. */
#define SYNTHETIC_PUS_MAX 16384

/* The product of the level widths of a synthetic description, SYNTHETIC_PUS_MAX + 1 at most.
 * Attributes in parentheses and attached objects in brackets are no levels. */
static unsigned long synthetic_size(const char *text)
{
    unsigned long size = 1;
    int depth = 0;

    for (const char *c = text; *c != '\0'; c++) {
        depth += (*c == '(' || *c == '[') - (*c == ')' || *c == ']');
        bool starts_number = isdigit((unsigned char)*c) &&
                             (c == text || c[-1] == ':' || isspace((unsigned char)c[-1]));
        if (depth != 0 || !starts_number)
            continue;
        unsigned long width = strtoul(c, NULL, 10);
        if (width > SYNTHETIC_PUS_MAX / size)
            return SYNTHETIC_PUS_MAX + 1;
        size *= width != 0 ? width : 1;
    }
    return size;
}

static bool load(struct topology *t, const char *synthetic, struct diagnostics *d)
{
    if (hwloc_topology_init(&t->hwloc) != 0) {
        t->hwloc = NULL;
        diagnose(d, "the topology library (hwloc) does not start");
        return false;
    }
    if (synthetic != NULL && synthetic_size(synthetic) > SYNTHETIC_PUS_MAX) {
        diagnose(d, "--synthetic \"%s\": more than %d PUs", synthetic, SYNTHETIC_PUS_MAX);
        return false;
    }
    if (synthetic != NULL && hwloc_topology_set_synthetic(t->hwloc, synthetic) != 0) {
        diagnose(d, "--synthetic \"%s\": not a topology (as in \"numa:2 core:8 pu:2\", pu last)",
                 synthetic);
        return false;
    }
    if (hwloc_topology_load(t->hwloc) != 0) {
        diagnose(d, "the topology %s cannot be read (hwloc)",
                 getenv("HWLOC_XMLFILE") ? "in HWLOC_XMLFILE" : "of this machine");
        return false;
    }
    t->this_system = hwloc_topology_is_thissystem(t->hwloc);
    return true;
}

static int ascending(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

static bool read_nodes(struct topology *t)
{
    hwloc_obj_t node = NULL;
    int count = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_NUMANODE);
    int pus = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_PU); /* each may add a node, below */
    hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(t->hwloc);

    t->nodes =
        calloc((size_t)(count > 0 ? count : 0) + (size_t)(pus > 0 ? pus : 1), sizeof *t->nodes);
    t->memory = calloc(count > 0 ? (size_t)count : 1, sizeof *t->memory);
    if (t->nodes == NULL || t->memory == NULL)
        return false;
    while ((node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        t->nodes[t->node_count++] = (int)node->os_index;
        if (node->attr->numanode.local_memory > 0 && hwloc_bitmap_isset(allowed, node->os_index))
            t->memory[t->memory_count++] = (int)node->os_index;
    }
    qsort(t->memory, t->memory_count, sizeof *t->memory, ascending);
    qsort(t->nodes, t->node_count, sizeof *t->nodes, ascending);
    return true;
}

/* The NUMA node nearest to a PU: of all that reach it the one that reaches the fewest others, and
 * of those the first (plain memory comes before special memory). */
static int node_of(const struct topology *t, unsigned os)
{
    hwloc_obj_t node = NULL, nearest = NULL;

    while ((node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL)
        if (hwloc_bitmap_isset(node->cpuset, os) &&
            (nearest == NULL ||
             hwloc_bitmap_weight(node->cpuset) < hwloc_bitmap_weight(nearest->cpuset)))
            nearest = node;
    return nearest != NULL ? (int)nearest->os_index : -1;
}

/* hwloc leaves out nodes without memory, and has their PUs at another one. */
static int own_node(const struct topology *t, unsigned os)
{
    int node = t->this_system && numa_available() >= 0 && numa_max_node() > 0
                   ? numa_node_of_cpu((int)os)
                   : -1;

    return node >= 0 ? node : node_of(t, os);
}

static void add_node(struct topology *t, int node)
{
    for (size_t i = 0; i < t->node_count; i++)
        if (t->nodes[i] == node)
            return;
    if (node >= 0)
        t->nodes[t->node_count++] = node;
}

static hwloc_obj_t package_of(const struct topology *t, hwloc_obj_t node)
{
    hwloc_obj_t package = NULL;

    while ((package = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PACKAGE, package)) != NULL)
        if (!hwloc_bitmap_iszero(node->cpuset) &&
            hwloc_bitmap_isincluded(node->cpuset, package->cpuset))
            return package;
    return NULL;
}

static double distance(const struct topology *t, struct hwloc_distances_s *known, int from, int to)
{
    hwloc_obj_t a = hwloc_get_numanode_obj_by_os_index(t->hwloc, (unsigned)from);
    hwloc_obj_t b = hwloc_get_numanode_obj_by_os_index(t->hwloc, (unsigned)to);
    hwloc_uint64_t there, back;
    int slit = t->this_system && numa_available() >= 0 ? numa_distance(from, to) : 0;

    if (slit > 0)
        return slit;
    if (a == NULL || b == NULL)
        return 0;
    if (known != NULL && hwloc_distances_obj_pair_values(known, a, b, &there, &back) == 0)
        return (double)there;
    return package_of(t, a) != package_of(t, b);
}

/* Released by release_distances(); NULL where hwloc has none. */
static struct hwloc_distances_s *read_distances(const struct topology *t)
{
    struct hwloc_distances_s *known = NULL;
    unsigned count = 1;

    if (hwloc_distances_get_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, &count, &known,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0 ||
        count == 0)
        return NULL;
    return known;
}

static void release_distances(const struct topology *t, struct hwloc_distances_s *known)
{
    if (known != NULL)
        hwloc_distances_release(t->hwloc, known);
}

/* Of these but `own` the nearest to it, or the farthest; -1: there is no other. */
static int choose_node(const struct topology *t, int own, const int *nodes, size_t count,
                       bool nearest)
{
    struct hwloc_distances_s *known = read_distances(t);
    size_t from = 0, turn = nearest || count <= 3 ? 1 : count / 2;
    double best = 0;
    int node = -1;

    while (from < count && nodes[from] < own)
        from++;
    for (size_t i = 0; i < count; i++) {
        int other = nodes[(from + turn + i) % count];
        double far = other != own ? distance(t, known, own, other) : 0;

        if (other != own && (node < 0 || (nearest ? far < best : far > best))) {
            best = far;
            node = other;
        }
    }
    release_distances(t, known);
    return node;
}

int topology_near_node(const struct topology *t, int own)
{
    for (size_t i = 0; i < t->memory_count; i++)
        if (t->memory[i] == own)
            return own;
    return choose_node(t, own, t->memory, t->memory_count, true);
}

int topology_remote_node(const struct topology *t, int own)
{
    return choose_node(t, own, t->memory, t->memory_count, false);
}

int topology_other_node(const struct topology *t, int own, bool nearest)
{
    int *nodes = calloc(t->pu_count, sizeof *nodes), node;
    size_t count = 0;

    if (nodes == NULL)
        return -1;
    for (size_t i = 0; i < t->pu_count; i++)
        if (t->pus[i].node >= 0 && (count == 0 || nodes[count - 1] != t->pus[i].node))
            nodes[count++] = t->pus[i].node;
    node = choose_node(t, own, nodes, count, nearest);
    free(nodes);
    return node;
}

static int compact(const void *left, const void *right)
{
    const struct topology_pu *a = left, *b = right;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->logical > b->logical) - (a->logical < b->logical);
}

bool topology_same_core(const struct topology_pu *a, const struct topology_pu *b)
{
    return a->node == b->node && a->core >= 0 && a->core == b->core;
}

static void rank(struct topology *t)
{
    for (size_t i = 1; i < t->pu_count; i++) {
        const struct topology_pu *last = &t->pus[i - 1];
        struct topology_pu *pu = &t->pus[i];
        bool new_node = pu->node != last->node, new_core = !topology_same_core(pu, last);

        pu->node_rank = last->node_rank + new_node;
        pu->core_rank = new_node ? 0 : last->core_rank + new_core;
        pu->pu_rank = new_core ? 0 : last->pu_rank + 1;
    }
}

static bool read_pus(struct topology *t)
{
    hwloc_bitmap_t allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(t->hwloc));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    int count = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_PU);
    hwloc_obj_t pu = NULL;

    t->pus = calloc(count > 0 ? (size_t)count : 1, sizeof *t->pus);
    if (t->pus != NULL && allowed != NULL && bound != NULL) {
        if (t->this_system && hwloc_get_cpubind(t->hwloc, bound, HWLOC_CPUBIND_THREAD) == 0)
            hwloc_bitmap_and(allowed, allowed, bound);
        while ((pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu)) != NULL) {
            hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, pu);
            if (hwloc_bitmap_isset(allowed, pu->os_index)) {
                t->pus[t->pu_count++] =
                    (struct topology_pu){.logical = (int)pu->logical_index,
                                         .os = (int)pu->os_index,
                                         .core = core != NULL ? (int)core->logical_index : -1,
                                         .node = own_node(t, pu->os_index)};
                add_node(t, t->pus[t->pu_count - 1].node);
            }
        }
        qsort(t->nodes, t->node_count, sizeof *t->nodes, ascending);
        qsort(t->pus, t->pu_count, sizeof *t->pus, compact);
        rank(t);
    }
    hwloc_bitmap_free(allowed);
    hwloc_bitmap_free(bound);
    return t->pu_count > 0;
}

struct topology *topology_read(const char *synthetic, struct diagnostics *d)
{
    struct topology *t = calloc(1, sizeof *t);

    if (t == NULL) {
        diagnose(d, "out of memory");
        return NULL;
    }
    if (!load(t, synthetic, d)) {
        topology_free(t);
        return NULL;
    }
    if (!read_nodes(t) || !read_pus(t)) {
        diagnose(d, "the topology of this machine shows no CPU that is allowed here");
        topology_free(t);
        return NULL;
    }
    return t;
}

void topology_free(struct topology *t)
{
    if (t == NULL)
        return;
    if (t->hwloc != NULL)
        hwloc_topology_destroy(t->hwloc);
    free(t->pus);
    free(t->nodes);
    free(t->memory);
    free(t);
}
