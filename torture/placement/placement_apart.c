/* Policies that keep roles apart: each thread of another role is at one distance from a thread of
 * the first role, by turns. None shares a PU before all that are at that distance are in use.
 */
#include "placement_plan.h"

#include <stdlib.h>

bool placement_on_same_core(const struct planning *g, const struct topology_pu *home,
                            const struct topology_pu *other)
{
    (void)g;
    return topology_same_core(home, other) && home->logical != other->logical;
}

bool placement_on_same_node(const struct planning *g, const struct topology_pu *home,
                            const struct topology_pu *other)
{
    (void)g;
    return home->node == other->node && home->logical != other->logical &&
           !topology_same_core(home, other);
}

bool placement_on_other_node(const struct planning *g, const struct topology_pu *home,
                             const struct topology_pu *other)
{
    return other->node >= 0 && other->node == g->away[home->node_rank];
}

static bool find_other_nodes(struct planning *g)
{
    const struct topology *t = g->topology;

    g->away = calloc(t->pu_count, sizeof *g->away);
    for (size_t i = 0; g->away != NULL && i < t->pu_count; i++) {
        const struct topology_pu *pu = &t->pus[i];

        if (i == 0 || pu->node_rank != t->pus[i - 1].node_rank)
            g->away[pu->node_rank] = topology_other_node(t, pu->node, g->policy->nearest);
    }
    return g->away != NULL;
}

static bool has_company(const struct planning *g, const struct topology_pu *home)
{
    for (size_t i = 0; i < g->topology->pu_count; i++)
        if (g->policy->apart(g, home, &g->order[i]))
            return true;
    return false;
}

bool placement_find_homes(struct planning *g, const struct deal *first)
{
    g->homes.pus = calloc(first->count, sizeof *g->homes.pus);
    if (g->homes.pus == NULL || !find_other_nodes(g)) {
        diagnose(g->d, "out of memory");
        return false;
    }
    for (size_t i = 0; i < first->count; i++)
        if (has_company(g, &first->pus[i]))
            g->homes.pus[g->homes.count++] = first->pus[i];
    return g->homes.count > 0;
}

static size_t threads_on(const struct placement *p, int pu)
{
    size_t threads = 0;

    for (size_t i = 0; i < p->count; i++)
        threads += p->slots[i].pu == pu;
    return threads;
}

const struct topology_pu *placement_beside(struct planning *g, const struct placement *p,
                                           const struct deal *deal)
{
    size_t hosts = g->homes.next > 0 ? g->homes.next : 1, least = 0;
    const struct topology_pu *home = &g->homes.pus[g->guests++ % hosts % g->homes.count];
    const struct topology_pu *best = NULL;

    for (size_t i = 0; i < deal->count; i++) {
        size_t threads;

        if (!g->policy->apart(g, home, &deal->pus[i]))
            continue;
        threads = threads_on(p, deal->pus[i].logical);
        if (best == NULL || threads < least) {
            best = &deal->pus[i];
            least = threads;
        }
    }
    return best;
}
