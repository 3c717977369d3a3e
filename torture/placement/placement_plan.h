/* A plan, and what planning works on: between the parts of placement only. */
#ifndef STILLPOINT_PLACEMENT_PLAN_H
#define STILLPOINT_PLACEMENT_PLAN_H

#include "placement.h"
#include "settings.h"
#include "topology.h"

struct placement {
    struct topology *topology;
    enum placement_memory memory; /* after degrading */
    bool carried_out;             /* it is of a run, and not a plan any more */
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

struct planning;

/* A row for each of enum placement_policy. */
struct policy {
    int (*order)(const void *, const void *);
    bool binds;
    /* Whether a thread of another role is where it should be while one of the first role is at
     * `home`; NULL: it may be anywhere. */
    bool (*apart)(const struct planning *g, const struct topology_pu *home,
                  const struct topology_pu *other);
    const char *needs; /* what a machine must have for that */
    bool nearest;      /* of those that send other roles to another node: to which */
};

/* What planning works on, so that its parts need not hand it on one by one. */
struct planning {
    struct topology *topology;
    const char *where;
    struct diagnostics *notes, *d;
    const struct policy *policy;
    const char *policy_name;
    struct topology_pu *order; /* of the policy; compact where that binds nothing */
    const char *first_role;    /* of a policy that keeps roles apart; its PUs, dealt by turns */
    struct deal homes;
    size_t guests; /* threads of other roles, so far */
    int *away;     /* by rank of a node the one to which it sends other roles; NULL: none */
    struct deal *deals;
    size_t deal_count;
};

/* placement_sets.c: adds a deal for each role that has a set; false with lines in g->d when one is
 * impossible. */
bool placement_add_roles(struct planning *g, json_t *roles);
/* placement_apart.c. */
bool placement_on_same_core(const struct planning *g, const struct topology_pu *home,
                            const struct topology_pu *other);
bool placement_on_same_node(const struct planning *g, const struct topology_pu *home,
                            const struct topology_pu *other);
bool placement_on_other_node(const struct planning *g, const struct topology_pu *home,
                             const struct topology_pu *other);
/* Fills g->homes from the deal of the first role. False: no PU of it has one at the policy's
 * distance; without a line in d, but for want of memory. */
bool placement_find_homes(struct planning *g, const struct deal *first);
/* A PU of the deal for the next thread of another role, the least used one; NULL: none is where it
 * should be. */
const struct topology_pu *placement_beside(struct planning *g, const struct placement *p,
                                           const struct deal *deal);

/* "0-1,3": NUMA nodes by the system's numbers; heap. */
char *placement_list_nodes(const int *list, size_t count);

#endif
