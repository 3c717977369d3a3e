/* The threads of a run. */
#ifndef STILLPOINT_THREADS_H
#define STILLPOINT_THREADS_H

#include "torture/record/workload.h"

#include <jansson.h>

/* The threads that a run config asks for, in order: "reader-0", ... with the role and the workload
 * index. Driver and runner both count on this order. When two workloads have a role of one name,
 * the numbers in the names go on, so that a name is one thread. */
struct planned_thread {
    char name[32];
    const struct workload *workload;
    const struct role *role;
    unsigned workload_index, index_in_role;
};
size_t plan_threads(json_t *config, struct planned_thread **threads);
/* How many threads of that role a run config's workload asks for. */
json_int_t role_count(json_t *workload, const struct role *role);

#endif
