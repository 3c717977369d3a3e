/* A plan, and what planning works on: between the parts of placement only. */
#ifndef STILLPOINT_PLACEMENT_PLAN_H
#define STILLPOINT_PLACEMENT_PLAN_H

#include "placement.h"
#include "settings.h"
#include "topology.h"

struct placement {
    struct topology *topology;
    enum placement_memory memory; /* after degrading */
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

/* placement_sets.c: adds a deal for each role that has a set; false with lines in g->d when one is
 * impossible. */
bool placement_add_roles(struct planning *g, json_t *roles);
/* "0-1,3": NUMA nodes by the system's numbers; heap. */
char *placement_list_nodes(const int *list, size_t count);

#endif
