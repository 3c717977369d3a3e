/* Which thread goes where: policies over the machine's topology (hwloc), memory over its NUMA nodes
 * (libnuma). placement.c, and placement_bind.c where it says so.
 */
#ifndef STILLPOINT_PLACEMENT_H
#define STILLPOINT_PLACEMENT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct placement; /* one plan */

struct placement_slot {
    int pu;     /* logical index of the PU, -1: not bound to one */
    int os_cpu; /* the system's number of that PU, -1: none */
    int node;   /* NUMA node (system's number), -1: any */
};

/* Plans `count` threads, named `names`, of roles `roles`, by the complete "placement" object of a
 * run config. `synthetic` (hwloc synthetic description) may be NULL for this machine. PUs outside
 * the process's allowed set are never used. What was requested and is degraded here (one NUMA node,
 * more threads than PUs) becomes one line in `notes`; what is impossible (a cpuset with no allowed
 * PU, a NUMA node that does not exist) a line "WHERE: /placement/...: ..." in d and NULL. */
struct placement *placement_plan(json_t *config, const char *const *names, const char *const *roles,
                                 size_t count, const char *synthetic, const char *where,
                                 struct diagnostics *notes, struct diagnostics *d);
/* What this machine lacks for a policy that keeps roles apart, which is not degraded, as
 * "placement.policy nearest-node needs two NUMA nodes"; heap, or NULL. */
char *placement_lack(json_t *config);
const struct placement_slot *placement_slot(const struct placement *p, size_t thread);
/* placement_bind.c: binds the calling thread, and its memory from now on, as planned. False with a
 * line in d when the system refused. Does nothing, with a line in d, for a synthetic plan. */
bool placement_bind_self(const struct placement *p, size_t thread, struct diagnostics *d);
/* Whether the calling thread still is where placement_bind_self() sent it, and may not leave. */
bool placement_holds_self(const struct placement *p, size_t thread);
/* Whole pages that nobody has touched will lie on the thread's own node, or the nearest one with
 * memory, whoever touches them first and whatever the plan says of memory. */
void placement_bind_pages(const struct placement *p, size_t thread, void *pages, size_t size);
/* placement_bind.c: what the calling thread allocates from now on is for that thread and comes from
 * its nodes: its stack and thread-local storage, which are touched before it runs. As far as the
 * system allows. */
void placement_allocate_for(const struct placement *p, size_t thread);
/* And no longer so. */
void placement_allocate_anywhere(const struct placement *p);
bool placement_is_this_system(const struct placement *p);
/* For a run: of a topology that is not this machine's, as hwloc's environment may name one, no
 * thread is sent anywhere; a line in notes says so. */
void placement_release_foreign(struct placement *p, struct diagnostics *notes);
void placement_free(struct placement *p);

#endif
