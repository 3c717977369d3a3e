#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 100000 };

json_int_t role_count(json_t *workload, const struct role *role)
{
    if (!role->count_option)
        return 1;
    return json_integer_value(json_object_get(workload, role->count_option));
}

/* How many threads of that role name are already planned: where the numbers go on. */
static unsigned named_threads(const struct planned_thread *threads, size_t count, const char *role)
{
    unsigned named = 0;

    for (size_t i = 0; i < count; i++)
        named += !strcmp(threads[i].role->name, role);
    return named;
}

size_t plan_threads(json_t *config, struct planned_thread **threads)
{
    size_t count = 0, index;
    json_t *item;

    *threads = NULL;
    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);

        for (const struct role *r = workload ? workload->roles : NULL; r && r->name; r++) {
            json_int_t more = role_count(item, r);
            unsigned named = named_threads(*threads, count, r->name);

            if (more <= 0 || more > MAX_THREADS)
                continue;
            struct planned_thread *longer =
                realloc(*threads, (count + (size_t)more) * sizeof *longer);

            if (!longer)
                abort();
            *threads = longer;
            for (unsigned i = 0; i < more; i++) {
                struct planned_thread *thread = &longer[count++];

                *thread = (struct planned_thread){.workload = workload,
                                                  .role = r,
                                                  .workload_index = (unsigned)index,
                                                  .index_in_role = i};
                snprintf(thread->name, sizeof thread->name, "%.20s-%u", r->name, named + i);
            }
        }
    }
    return count;
}
