/* The machine as placement sees it, and the drawings of who runs where on it. */
#ifndef STILLPOINT_TOPOLOGY_H
#define STILLPOINT_TOPOLOGY_H

#include "torture/record/diagnostics.h"
#include "placement.h"

#include <hwloc.h>
#include <stdio.h>

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
};

/* Reads this machine, as far as the calling thread's affinity allows, or a synthetic description
 * unless that is NULL. NULL with a line in d when it is none. */
struct topology *topology_read(const char *synthetic, struct diagnostics *d);
void topology_free(struct topology *t);
/* Without a core level every PU is a core of its own. */
bool topology_same_core(const struct topology_pu *a, const struct topology_pu *b);

/* Draws one line per core, and the threads on its PUs by their slots; under 100 columns. On a large
 * machine a run of empty cores is one line. Threads without a PU come last. */
void topology_draw(FILE *out, const struct topology *t, const char *const *names,
                   const struct placement_slot *slots, size_t count);

/* All that `stillpoint topology` prints: plans as placement_plan() does (a config of NULL binds
 * nothing), draws, and ends with the notes, each after "note: ". The caller frees it; NULL with a
 * line in d where there is no plan. */
char *topology_text(json_t *config, const char *const *names, const char *const *roles,
                    size_t count, const char *synthetic, const char *where, struct diagnostics *d);

/* A plan in one line of at most `width` columns, for --dry-run; the caller frees it:
 * "PU 0  reader-0 reader-2   PU 1  reader-1 reader-3 ...". */
char *topology_line(const struct placement *p, const char *const *names, size_t count,
                    size_t width);

#endif
