/* Placement: a policy puts the usable PUs in an order, and threads are dealt along it, round robin.
 * A role with a set of its own is dealt along those PUs of the order that are in the set. Policies
 * that keep roles apart deal the first role so, and put the others beside it (placement_apart.c).
 */
#include "placement_plan.h"
#include "settings.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

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

static const struct policy policies[PLACEMENT_POLICY_COUNT] = {
    [PLACEMENT_SCATTER] = {.order = by_scatter, .binds = true},
    [PLACEMENT_COMPACT] = {.order = by_compact, .binds = true},
    [PLACEMENT_NONE] = {.order = by_compact},
    [PLACEMENT_SAME_CORE] = {.order = by_scatter,
                             .binds = true,
                             .apart = placement_on_same_core,
                             .needs = "two PUs of one core"},
    [PLACEMENT_SAME_NODE] = {.order = by_scatter,
                             .binds = true,
                             .apart = placement_on_same_node,
                             .needs = "two cores of one NUMA node"},
    [PLACEMENT_NEAREST_NODE] = {.order = by_scatter,
                                .binds = true,
                                .apart = placement_on_other_node,
                                .needs = "two NUMA nodes",
                                .nearest = true},
    [PLACEMENT_FARTHEST_NODE] = {.order = by_scatter,
                                 .binds = true,
                                 .apart = placement_on_other_node,
                                 .needs = "two NUMA nodes"},
};

/* Which of its choices an option of the "placement" object has; without the object or the key the
 * one given. Options were checked when the scenario was read; this catches a config made by other
 * means.
 */
static int choice_of(const struct planning *g, json_t *config, const char *key, int otherwise)
{
    const struct option *option = options_find(placement_options, key);
    json_t *value = json_object_get(config, key);
    int choice = value ? option_choice(option, json_string_value(value)) : otherwise;

    if (choice < 0)
        diagnose(g->d, "%s: /placement/%s: expected one of %s", g->where, key, option->choices);
    return choice;
}

static bool start_order(struct planning *g, size_t role_count)
{
    const struct topology *t = g->topology;

    g->order = calloc(t->pu_count, sizeof *g->order);
    g->deals = calloc(role_count + 1, sizeof *g->deals);
    if (g->order == NULL || g->deals == NULL) {
        diagnose(g->d, "out of memory");
        return false;
    }
    memcpy(g->order, t->pus, t->pu_count * sizeof *g->order);
    qsort(g->order, t->pu_count, sizeof *g->order, g->policy->order);
    g->deals[0] = (struct deal){.pus = g->order, .count = g->policy->binds ? t->pu_count : 0};
    g->deal_count = 1;
    return true;
}

/* ---- planning ---- */

static struct deal *deal_for(const struct planning *g, const char *role)
{
    for (size_t i = 1; i < g->deal_count; i++)
        if (strcmp(g->deals[i].role, role) == 0)
            return &g->deals[i];
    return &g->deals[0];
}

static bool keep_apart(struct planning *g, const char *const *roles, size_t count)
{
    unsigned before = g->d->count;

    if (g->policy->apart == NULL || count == 0)
        return true;
    g->first_role = roles[0];
    if (placement_find_homes(g, deal_for(g, g->first_role)))
        return true;
    if (g->d->count == before)
        diagnose(g->d, "%s: /placement/policy: %s needs %s", g->where, g->policy_name,
                 g->policy->needs);
    return false;
}

static const struct topology_pu *next_of(const struct deal *deal)
{
    return &deal->pus[(deal->next - 1) % deal->count];
}

/* False with a line in d: the role's own set has no PU where the policy wants it. */
static bool deal_slot(struct planning *g, struct placement *p, const char *role)
{
    struct deal *deal = deal_for(g, role);
    const struct topology_pu *pu = NULL;

    deal->next++;
    if (g->first_role != NULL && strcmp(role, g->first_role) == 0) {
        g->homes.next++;
        pu = next_of(&g->homes);
    } else if (g->first_role != NULL) {
        pu = placement_beside(g, p, deal);
        if (pu == NULL) {
            diagnose(g->d, "%s: /placement/roles/%s: none of its CPUs is where policy %s wants it",
                     g->where, role, g->policy_name);
            return false;
        }
    } else if (deal->count > 0) {
        pu = next_of(deal);
    }
    p->slots[p->count] =
        pu != NULL ? (struct placement_slot){.pu = pu->logical, .os_cpu = pu->os, .node = pu->node}
                   : (struct placement_slot){.pu = -1, .os_cpu = -1, .node = -1};
    return true;
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
            for (size_t thread = 0; thread < p->count; thread++)
                here += p->slots[thread].pu == t->pus[i].logical;
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

    if (p->memory != MEMORY_LOCAL && g->topology->memory_count < 2) {
        diagnose(g->notes, "1 NUMA node%s: memory is local instead of %s",
                 g->topology->node_count > 1 ? " with memory that may be used here" : "",
                 p->memory == MEMORY_REMOTE ? "remote" : "interleaved");
        p->memory = MEMORY_LOCAL;
    }
    for (size_t i = 0; i < p->count; i++)
        unbound = unbound || p->slots[i].node < 0;
    if (p->memory == MEMORY_REMOTE && unbound) {
        diagnose(g->notes,
                 "memory is remote for threads that are bound only; local for the others");
    }
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

static bool deal_threads(struct planning *g, struct placement *p, const char *const *names,
                         const char *const *roles, size_t count)
{
    p->names = calloc(count + 1, sizeof *p->names);
    p->slots = calloc(count + 1, sizeof *p->slots);
    for (size_t i = 0; p->names != NULL && p->slots != NULL && i < count; i++) {
        p->names[i] = strdup(names[i]);
        if (p->names[i] == NULL)
            break;
        if (!deal_slot(g, p, roles[i])) {
            free(p->names[i]);
            return false;
        }
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
    for (size_t i = 1; i < g->deal_count; i++)
        free(g->deals[i].pus);
    free(g->deals);
    free(g->order);
    free(g->homes.pus);
    free(g->away);
}

struct placement *placement_plan(json_t *config, const char *const *names, const char *const *roles,
                                 size_t count, const char *synthetic, const char *where,
                                 struct diagnostics *notes, struct diagnostics *d)
{
    struct placement *p = calloc(1, sizeof *p);
    struct planning g = {.where = where, .notes = notes, .d = d};
    json_t *role_sets = config != NULL ? json_object_get(config, "roles") : NULL;
    int policy = choice_of(&g, config, "policy", config ? -1 : PLACEMENT_NONE);
    int memory = choice_of(&g, config, "memory", MEMORY_LOCAL);
    bool ok = p != NULL && policy >= 0 && memory >= 0;

    if (ok) {
        g.policy = &policies[policy];
        g.policy_name = json_string_value(json_object_get(config, "policy"));
        p->memory = (enum placement_memory)memory;
        p->topology = g.topology = topology_read(synthetic, d);
        ok = g.topology != NULL && start_order(&g, json_object_size(role_sets)) &&
             placement_add_roles(&g, role_sets) && keep_apart(&g, roles, count) &&
             deal_threads(&g, p, names, roles, count);
    }
    if (ok) {
        if (g.topology->this_system || synthetic)
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

char *placement_lack(json_t *config)
{
    struct diagnostics unheard = {.text = NULL};
    struct planning g = {.where = "", .d = &unheard};
    int policy = choice_of(&g, config, "policy", PLACEMENT_NONE);
    char *lack = NULL;

    if (policy >= 0 && policies[policy].apart != NULL) {
        g.policy = &policies[policy];
        g.topology = topology_read(NULL, &unheard);
        if (g.topology != NULL && start_order(&g, 0) && !placement_find_homes(&g, &g.deals[0]))
            lack =
                text_format("placement.policy %s needs %s",
                            json_string_value(json_object_get(config, "policy")), g.policy->needs);
        else if (g.topology != NULL && g.topology->memory_count < 2 &&
                 choice_of(&g, config, "memory", MEMORY_LOCAL) == MEMORY_REMOTE)
            lack = text_format("placement.memory remote needs two NUMA nodes");
        planning_free(&g);
        topology_free(g.topology);
    }
    diagnostics_free(&unheard);
    return lack;
}

const struct placement_slot *placement_slot(const struct placement *p, size_t thread)
{
    return &p->slots[thread];
}

bool placement_is_this_system(const struct placement *p)
{
    return p->topology->this_system;
}

void placement_release_foreign(struct placement *p, struct diagnostics *notes)
{
    if (placement_is_this_system(p))
        return;
    for (size_t i = 0; i < p->count; i++)
        p->slots[i] = (struct placement_slot){.pu = -1, .os_cpu = -1, .node = -1};
    diagnose(notes, "the topology that hwloc was told to show is not this machine's: no thread is "
                    "bound (unset HWLOC_XMLFILE, HWLOC_SYNTHETIC and HWLOC_FSROOT)");
}

void placement_free(struct placement *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->names[i]);
    free(p->names);
    free(p->slots);
    topology_free(p->topology);
    free(p);
}
