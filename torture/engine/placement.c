/* Placement: a policy puts the usable PUs in an order, and threads are dealt along it, round robin.
 * A role with a set of its own is dealt along those PUs of the order that are in the set.
 */
#include "placement.h"

#include "topology.h"

#include <ctype.h>
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdlib.h>
#include <string.h>

enum memory { MEMORY_LOCAL, MEMORY_REMOTE, MEMORY_INTERLEAVE };

struct placement {
    struct topology *topology;
    enum memory memory; /* after degrading */
    char **names;
    struct placement_slot *slots;
    size_t count;
};

/* PUs that are dealt to the threads of one role; the first deal of a plan, without a role, serves
 * all roles that have none. */
struct deal {
    const char *role;
    struct topology_pu *pus;
    size_t count; /* 0: not bound */
    size_t next;
};

/* What planning works on, so that its parts need not hand it on one by one. */
struct planning {
    struct topology *topology;
    const char *where;
    struct diagnostics *notes, *d;
    struct topology_pu *order; /* of the policy; compact where that binds nothing */
    struct deal *deals;
    size_t deal_count;
};

/* ---- policies ---- */

static int by_rank(unsigned left, unsigned right)
{
    return (left > right) - (left < right);
}

static int by_compact(const void *left, const void *right)
{
    const struct topology_pu *a = left, *b = right;
    int node = by_rank(a->node_rank, b->node_rank), core = by_rank(a->core_rank, b->core_rank);

    return node != 0 ? node : core != 0 ? core : by_rank(a->pu_rank, b->pu_rank);
}

static int by_scatter(const void *left, const void *right)
{
    const struct topology_pu *a = left, *b = right;
    int pu = by_rank(a->pu_rank, b->pu_rank), core = by_rank(a->core_rank, b->core_rank);

    return pu != 0 ? pu : core != 0 ? core : by_rank(a->node_rank, b->node_rank);
}

static const struct policy {
    const char *name;
    int (*order)(const void *, const void *);
    bool binds;
} policies[] = {
    {"compact", by_compact, true},
    {"scatter", by_scatter, true},
    {"none", by_compact, false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *const memory_names[] = {"local", "remote", "interleave"};

/* Options were checked when the scenario was read; this catches a config made by other means. */
static const struct policy *find_policy(const struct planning *g, json_t *config)
{
    const char *name =
        config != NULL ? json_string_value(json_object_get(config, "policy")) : "none";

    for (size_t i = 0; name != NULL && i < COUNT_OF(policies); i++) {
        if (strcmp(name, policies[i].name) == 0) {
            return &policies[i];
        }
    }
    diagnose(g->d, "%s: /placement/policy: expected compact, scatter or none", g->where);
    return NULL;
}

static bool find_memory(const struct planning *g, json_t *config, enum memory *memory)
{
    json_t *value = config != NULL ? json_object_get(config, "memory") : NULL;
    const char *name = value != NULL ? json_string_value(value) : "local";

    for (size_t i = 0; name != NULL && i < COUNT_OF(memory_names); i++) {
        if (strcmp(name, memory_names[i]) == 0) {
            *memory = (enum memory)i;
            return true;
        }
    }
    diagnose(g->d, "%s: /placement/memory: expected local, remote or interleave", g->where);
    return false;
}

static bool start_order(struct planning *g, const struct policy *policy, size_t role_count)
{
    const struct topology *t = g->topology;

    g->order = calloc(t->pu_count, sizeof *g->order);
    g->deals = calloc(role_count + 1, sizeof *g->deals);
    if (g->order == NULL || g->deals == NULL) {
        diagnose(g->d, "out of memory");
        return false;
    }
    memcpy(g->order, t->pus, t->pu_count * sizeof *g->order);
    qsort(g->order, t->pu_count, sizeof *g->order, policy->order);
    g->deals[0] = (struct deal){.pus = g->order, .count = policy->binds ? t->pu_count : 0};
    g->deal_count = 1;
    return true;
}

/* ---- sets of roles ---- */

#define CPU_NUMBER_MAX 65535

/* Reads a number and moves on behind it; -1 when there is none. */
static long read_cpu_number(const char **text)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**text)) {
        return -1;
    }
    number = strtol(*text, &end, 10);
    *text = end;
    return number <= CPU_NUMBER_MAX ? number : -1;
}

/* "0-1,3" into a set; false when it is no such list. */
static bool parse_cpus(const char *text, hwloc_bitmap_t cpus)
{
    for (;; text++) {
        long first = read_cpu_number(&text), last = first;
        if (*text == '-') {
            text++;
            last = read_cpu_number(&text);
        }
        if (first < 0 || last < first) {
            return false;
        }
        hwloc_bitmap_set_range(cpus, (unsigned)first, (int)last);
        if (*text != ',') {
            return *text == '\0';
        }
    }
}

/* Says which of the CPUs asked for is not there, next to those that are. */
static bool check_cpus(const struct planning *g, const char *role, hwloc_const_bitmap_t cpus)
{
    hwloc_bitmap_t usable = hwloc_bitmap_alloc(), missing = hwloc_bitmap_alloc();
    bool complete;

    for (size_t i = 0; i < g->topology->pu_count; i++) {
        hwloc_bitmap_set(usable, (unsigned)g->topology->pus[i].os);
    }
    hwloc_bitmap_andnot(missing, cpus, usable);
    complete = hwloc_bitmap_iszero(missing);
    if (!complete) {
        char *allowed = NULL;
        int length = hwloc_bitmap_list_asprintf(&allowed, usable);
        diagnose(g->d, "%s: /placement/roles/%s/cpuset: CPU %d is not available here (allowed: %s)",
                 g->where, role, hwloc_bitmap_first(missing), length >= 0 ? allowed : "?");
        free(allowed);
    }
    hwloc_bitmap_free(usable);
    hwloc_bitmap_free(missing);
    return complete;
}

static bool read_cpuset(const struct planning *g, const char *role, json_t *value,
                        hwloc_bitmap_t cpus)
{
    if (!json_is_string(value) || !parse_cpus(json_string_value(value), cpus)) {
        diagnose(g->d, "%s: /placement/roles/%s/cpuset: expected a list of CPUs (\"0-1,3\")",
                 g->where, role);
        return false;
    }
    return check_cpus(g, role, cpus);
}

static bool node_exists(const struct topology *t, json_int_t node)
{
    for (size_t i = 0; i < t->node_count; i++) {
        if (t->nodes[i] == node) {
            return true;
        }
    }
    return false;
}

static char *list_nodes(const struct topology *t)
{
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    char *text = NULL;

    for (size_t i = 0; i < t->node_count; i++) {
        hwloc_bitmap_set(nodes, (unsigned)t->nodes[i]);
    }
    if (hwloc_bitmap_list_asprintf(&text, nodes) < 0) {
        text = NULL;
    }
    hwloc_bitmap_free(nodes);
    return text;
}

static bool read_nodes(const struct planning *g, const char *role, json_t *value,
                       hwloc_bitmap_t nodes)
{
    json_t *node;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) == 0) {
        diagnose(g->d, "%s: /placement/roles/%s/numa: expected a list of NUMA nodes ([0, 1])",
                 g->where, role);
        return false;
    }
    json_array_foreach (value, i, node) {
        if (!json_is_integer(node)) {
            diagnose(g->d, "%s: /placement/roles/%s/numa/%zu: expected the number of a NUMA node",
                     g->where, role, i);
            return false;
        }
        if (!node_exists(g->topology, json_integer_value(node))) {
            char *list = list_nodes(g->topology);
            diagnose(g->d,
                     "%s: /placement/roles/%s/numa/%zu: NUMA node %" JSON_INTEGER_FORMAT
                     " does not exist here (nodes: %s)",
                     g->where, role, i, json_integer_value(node), list != NULL ? list : "?");
            free(list);
            return false;
        }
        hwloc_bitmap_set(nodes, (unsigned)json_integer_value(node));
    }
    return true;
}

/* A NULL set is no restriction. */
static bool in_set(hwloc_const_bitmap_t set, int number)
{
    return set == NULL || (number >= 0 && hwloc_bitmap_isset(set, (unsigned)number));
}

static bool add_deal(struct planning *g, const char *role, hwloc_const_bitmap_t cpus,
                     hwloc_const_bitmap_t nodes)
{
    size_t pu_count = g->topology->pu_count;
    struct deal *deal = &g->deals[g->deal_count];

    *deal = (struct deal){.role = role, .pus = calloc(pu_count, sizeof *deal->pus)};
    if (deal->pus == NULL) {
        diagnose(g->d, "out of memory");
        return false;
    }
    g->deal_count++;
    for (size_t i = 0; i < pu_count; i++) {
        const struct topology_pu *pu = &g->order[i];
        if (in_set(cpus, pu->os) && in_set(nodes, pu->node)) {
            deal->pus[deal->count++] = *pu;
        }
    }
    if (deal->count == 0) {
        diagnose(g->d, "%s: /placement/roles/%s: no CPU that is allowed here is in %s", g->where,
                 role, cpus != NULL ? "both the cpuset and the NUMA nodes" : "the NUMA nodes");
    }
    return deal->count > 0;
}

/* Everything wrong with a role is said at once. */
static bool add_role(struct planning *g, const char *role, json_t *object)
{
    hwloc_bitmap_t cpus = NULL, nodes = NULL;
    const char *key;
    json_t *value;
    bool ok = true;

    if (!json_is_object(object) || json_object_size(object) == 0) {
        diagnose(g->d, "%s: /placement/roles/%s: expected an object with cpuset, numa or both",
                 g->where, role);
        return false;
    }
    json_object_foreach (object, key, value) {
        if (strcmp(key, "cpuset") == 0) {
            cpus = hwloc_bitmap_alloc();
            ok = read_cpuset(g, role, value, cpus) && ok;
        } else if (strcmp(key, "numa") == 0) {
            nodes = hwloc_bitmap_alloc();
            ok = read_nodes(g, role, value, nodes) && ok;
        } else {
            diagnose(g->d, "%s: /placement/roles/%s/%s: unknown key (there are cpuset and numa)",
                     g->where, role, key);
            ok = false;
        }
    }
    ok = ok && add_deal(g, role, cpus, nodes);
    hwloc_bitmap_free(cpus);
    hwloc_bitmap_free(nodes);
    return ok;
}

/* A point of a sweep may have no threads of a role that others have: a note, not an error. */
static void note_unused_roles(const struct planning *g)
{
    for (size_t i = 1; i < g->deal_count; i++) {
        if (g->deals[i].next == 0) {
            diagnose(g->notes, "placement has a set for role %s, which has no threads here",
                     g->deals[i].role);
        }
    }
}

static bool add_roles(struct planning *g, json_t *roles)
{
    const char *role;
    json_t *object;
    bool ok = true;

    if (roles != NULL && !json_is_null(roles) && !json_is_object(roles)) {
        diagnose(g->d, "%s: /placement/roles: expected an object", g->where);
        return false;
    }
    json_object_foreach (roles, role, object) {
        ok = add_role(g, role, object) && ok;
    }
    return ok;
}

/* ---- planning ---- */

static struct deal *deal_for(const struct planning *g, const char *role)
{
    for (size_t i = 1; i < g->deal_count; i++) {
        if (strcmp(g->deals[i].role, role) == 0) {
            return &g->deals[i];
        }
    }
    return &g->deals[0];
}

static struct placement_slot deal_slot(struct deal *deal)
{
    size_t turn = deal->next++;

    if (deal->count == 0) {
        return (struct placement_slot){.pu = -1, .os_cpu = -1, .node = -1};
    }
    const struct topology_pu *pu = &deal->pus[turn % deal->count];
    return (struct placement_slot){.pu = pu->logical, .os_cpu = pu->os, .node = pu->node};
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* Threads that must share PUs measure the scheduler too: more of them than PUs in all, or more on
 * some PUs because of a role's set. */
static void note_sharing(const struct planning *g, const struct placement *p)
{
    const struct topology *t = g->topology;
    size_t threads = p->count, pus = t->pu_count;

    if (threads <= pus) {
        threads = pus = 0;
        for (size_t i = 0; i < t->pu_count; i++) {
            size_t here = 0;
            for (size_t thread = 0; thread < p->count; thread++) {
                here += p->slots[thread].pu == t->pus[i].logical;
            }
            threads += here > 1 ? here : 0;
            pus += here > 1;
        }
    }
    if (threads > pus) {
        diagnose(g->notes, "%zu threads on %zu PU%s; latencies include the scheduler", threads, pus,
                 plural(pus));
    }
}

static void degrade_memory(const struct planning *g, struct placement *p)
{
    bool unbound = false;

    if (p->memory != MEMORY_LOCAL && g->topology->node_count < 2) {
        diagnose(g->notes, "1 NUMA node: memory is local instead of %s",
                 p->memory == MEMORY_REMOTE ? "remote" : "interleaved");
        p->memory = MEMORY_LOCAL;
    }
    for (size_t i = 0; i < p->count; i++) {
        unbound = unbound || p->slots[i].node < 0;
    }
    if (p->memory == MEMORY_REMOTE && unbound) {
        diagnose(g->notes,
                 "memory is remote for threads that are bound only; local for the others");
    }
}

static bool deal_threads(struct planning *g, struct placement *p, const char *const *names,
                         const char *const *roles, size_t count)
{
    p->names = calloc(count + 1, sizeof *p->names);
    p->slots = calloc(count + 1, sizeof *p->slots);
    for (size_t i = 0; p->names != NULL && p->slots != NULL && i < count; i++) {
        p->names[i] = strdup(names[i]);
        if (p->names[i] == NULL) {
            break;
        }
        p->slots[i] = deal_slot(deal_for(g, roles[i]));
        p->count++;
    }
    if (p->names == NULL || p->slots == NULL || p->count < count) {
        diagnose(g->d, "out of memory");
        return false;
    }
    return true;
}

static void planning_free(struct planning *g)
{
    for (size_t i = 1; i < g->deal_count; i++) {
        free(g->deals[i].pus);
    }
    free(g->deals);
    free(g->order);
}

struct placement *placement_plan(json_t *config, const char *const *names, const char *const *roles,
                                 size_t count, const char *synthetic, const char *where,
                                 struct diagnostics *notes, struct diagnostics *d)
{
    struct placement *p = calloc(1, sizeof *p);
    struct planning g = {.where = where, .notes = notes, .d = d};
    json_t *role_sets = config != NULL ? json_object_get(config, "roles") : NULL;
    const struct policy *policy = find_policy(&g, config);
    bool ok = p != NULL && policy != NULL && find_memory(&g, config, &p->memory);

    if (ok) {
        p->topology = g.topology = topology_read(synthetic, d);
        ok = g.topology != NULL && start_order(&g, policy, json_object_size(role_sets)) &&
             add_roles(&g, role_sets) && deal_threads(&g, p, names, roles, count);
    }
    if (ok) {
        note_sharing(&g, p);
        degrade_memory(&g, p);
        note_unused_roles(&g);
    }
    planning_free(&g);
    if (!ok) {
        placement_free(p);
        return NULL;
    }
    return p;
}

const struct placement_slot *placement_slot(const struct placement *p, size_t thread)
{
    return &p->slots[thread];
}

bool placement_is_this_system(const struct placement *p)
{
    return p->topology->this_system;
}

void placement_free(struct placement *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        free(p->names[i]);
    }
    free(p->names);
    free(p->slots);
    topology_free(p->topology);
    free(p);
}

/* ---- drawing ---- */

/* Another node than a thread's own: the next one, so that each is as much used as it was. */
static int remote_node(const struct topology *t, int own)
{
    for (size_t i = 0; i < t->node_count; i++) {
        if (t->nodes[i] > own) {
            return t->nodes[i];
        }
    }
    return t->nodes[0];
}

static void draw_memory(FILE *out, const struct placement *p)
{
    const struct topology *t = p->topology;

    if (p->memory == MEMORY_INTERLEAVE) {
        char *nodes = list_nodes(t);
        fprintf(out, "Memory is interleaved over NUMA %s.\n", nodes != NULL ? nodes : "?");
        free(nodes);
    } else if (p->memory == MEMORY_REMOTE) {
        fputs("Memory is remote:", out);
        for (size_t i = 0; i < t->node_count; i++) {
            fprintf(out, "%s NUMA %d from %d", i > 0 ? "," : "", t->nodes[i],
                    remote_node(t, t->nodes[i]));
        }
        fputs(".\n", out);
    }
}

char *placement_draw(const struct placement *p)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    topology_draw(out, p->topology, (const char *const *)p->names, p->slots, p->count);
    draw_memory(out, p);
    if (!p->topology->this_system) {
        fputs("Not this machine: planned only, nothing was bound.\n", out);
    }
    fclose(out);
    return text;
}

/* ---- binding ---- */

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

    for (size_t i = 0; i < count; i++) {
        numa_bitmask_setbit(mask, (unsigned)nodes[i]);
    }
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

    if (t->node_count < 2 || numa_available() < 0) {
        return true;
    }
    if (p->memory == MEMORY_INTERLEAVE) {
        set = set_memory_policy(MPOL_INTERLEAVE, t->nodes, t->node_count);
    } else if (p->memory == MEMORY_REMOTE && own >= 0) {
        int node = remote_node(t, own);
        set = set_memory_policy(MPOL_PREFERRED, &node, 1);
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
    if (p->slots[thread].os_cpu >= 0 && !bind_cpu(p, thread, d)) {
        return false;
    }
    return bind_memory(p, thread, d);
}
