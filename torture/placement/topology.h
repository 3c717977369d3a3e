/* The machine as placement sees it. */
#ifndef STILLPOINT_TOPOLOGY_H
#define STILLPOINT_TOPOLOGY_H

#include "torture/record/diagnostics.h"

#include <hwloc.h>
#include <stdbool.h>
#include <stddef.h>

/* One PU that this process may use. Ranks count usable neighbours only, from 0. */
struct topology_pu {
    int logical, os;    /* hwloc's number, the system's number */
    int core;           /* hwloc's number of its core, -1 when the topology has no cores */
    int node;           /* the system's number of its NUMA node, -1 when it has none */
    unsigned pu_rank;   /* within the core */
    unsigned core_rank; /* within the node */
    unsigned node_rank;
};

struct topology {
    hwloc_topology_t hwloc;
    bool this_system; /* binding means something */
    struct topology_pu *pus;
    size_t pu_count; /* in compact order: core after core, node after node; at least one */
    int *nodes;      /* system's numbers of all NUMA nodes, ascending, with or without PUs */
    size_t node_count;
    int *memory; /* of them those that have memory which this process may use, ascending */
    size_t memory_count;
};

/* Reads this machine, as far as the calling thread's affinity allows, or a synthetic description
 * unless that is NULL. NULL with a line in d when it is none. */
struct topology *topology_read(const char *synthetic, struct diagnostics *d);
void topology_free(struct topology *t);
/* The node with memory that is farthest from another one: by the firmware's distances (SLIT), else
 * by hwloc's, else one of another package. Of several the one half-way round, so that each
 * is as much used as it was. -1: there is no other. */
int topology_remote_node(const struct topology *t, int own);
/* The node with memory that is nearest to one: the node itself where it has some. -1: there is no
 * node with memory. */
int topology_near_node(const struct topology *t, int own);
/* Of the other nodes with PUs the nearest to a node, or the farthest, by the same distances; of
 * several the next one, or the one half-way round. -1: there is no other. */
int topology_other_node(const struct topology *t, int own, bool nearest);
/* Without a core level every PU is a core of its own. */
bool topology_same_core(const struct topology_pu *a, const struct topology_pu *b);

#endif
