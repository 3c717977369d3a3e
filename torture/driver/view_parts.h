/* What the parts of the view share: reading the ready event, timelines. */
#ifndef STILLPOINT_VIEW_PARTS_H
#define STILLPOINT_VIEW_PARTS_H

#include "view.h"

#include <stddef.h>

static inline json_t *view_workload(const struct view *v, size_t i)
{
    return json_array_get(json_object_get(v->ready, "workloads"), i);
}

static inline const char *view_member_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static inline size_t view_member_number(json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* view_findings.c: the records of a workload's checks, in the mapping. */
struct shared_check *view_checks(const struct view *v, json_t *workload);
bool view_check_is_ready(const struct shared_check *c);
/* Of one that is ready: whether its record is as a thread wrote it. */
bool view_check_is_whole(const struct shared_check *c);

/* view_timeline.c: adds what led to the first violation of a check. */
void view_check_timeline(const struct view *v, const struct shared_check *c, struct finding *f);

#endif
