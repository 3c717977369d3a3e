/* Sets of roles: which PUs the threads of one role may be dealt to. */
#include "placement_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CPU_NUMBER_MAX 65535

/* Reads a number and moves on behind it; -1 when there is none. */
static long read_cpu_number(const char **text)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**text))
        return -1;
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
        if (first < 0 || last < first)
            return false;
        hwloc_bitmap_set_range(cpus, (unsigned)first, (int)last);
        if (*text != ',')
            return *text == '\0';
    }
}

/* Names the requested CPUs that are not there, next to those that are. */
static bool check_cpus(const struct planning *g, const char *role, hwloc_const_bitmap_t cpus)
{
    hwloc_bitmap_t usable = hwloc_bitmap_alloc(), missing = hwloc_bitmap_alloc();
    bool complete;

    for (size_t i = 0; i < g->topology->pu_count; i++)
        hwloc_bitmap_set(usable, (unsigned)g->topology->pus[i].os);
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
    for (size_t i = 0; i < t->node_count; i++)
        if (t->nodes[i] == node)
            return true;
    return false;
}

char *placement_list_nodes(const int *list, size_t count)
{
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    char *text = NULL;

    for (size_t i = 0; i < count; i++)
        hwloc_bitmap_set(nodes, (unsigned)list[i]);
    if (hwloc_bitmap_list_asprintf(&text, nodes) < 0)
        text = NULL;
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
            char *list = placement_list_nodes(g->topology->nodes, g->topology->node_count);
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
        if (in_set(cpus, pu->os) && in_set(nodes, pu->node))
            deal->pus[deal->count++] = *pu;
    }
    if (deal->count == 0) {
        diagnose(g->d, "%s: /placement/roles/%s: no CPU that is allowed here is in %s", g->where,
                 role, cpus != NULL ? "both the cpuset and the NUMA nodes" : "the NUMA nodes");
    }
    return deal->count > 0;
}

/* Everything wrong with a role is reported at once. */
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

bool placement_add_roles(struct planning *g, json_t *roles)
{
    const char *role;
    json_t *object;
    bool ok = true;

    if (roles != NULL && !json_is_null(roles) && !json_is_object(roles)) {
        diagnose(g->d, "%s: /placement/roles: expected an object", g->where);
        return false;
    }
    json_object_foreach (roles, role, object)
        ok = add_role(g, role, object) && ok;
    return ok;
}
