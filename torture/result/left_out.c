#include "left_out.h"

#include "lost.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"
#include "verdict.h"

#include <math.h>
#include <stdlib.h>

/* Of its time in which a thread that loops has to have its CPU, and of the run's in which the
 * control group has to have some quota left. */
#define LEAST_SHARE 0.98

static double share_of(json_t *thread)
{
    json_t *share = json_object_get(thread, "cpu_share");

    return share ? json_number_value(share) : 1;
}

/* "pair-reader-0 had 71 % of its CPU", of the one that had least; heap, or NULL. */
static char *without_cpu(json_t *run)
{
    json_t *thread, *worst = NULL;
    size_t i, others = 0;
    char *text;

    json_array_foreach (json_object_get(run, "threads"), i, thread) {
        if (share_of(thread) >= LEAST_SHARE)
            continue;
        others += worst != NULL;
        if (!worst || share_of(thread) < share_of(worst))
            worst = thread;
    }
    if (!worst)
        return NULL;
    text =
        text_format("%s had %.0f %% of its CPU", json_string_value(json_object_get(worst, "name")),
                    floor(100 * share_of(worst)));
    return others > 0 ? text_append(text, others == 1 ? ", another too little as well"
                                                      : ", others too little as well")
                      : text;
}

/* Heap, or NULL. */
static char *throttled(json_t *run)
{
    double seconds = json_number_value(json_object_get(run, "seconds"));
    double lost = lost_to(run, LOST_THROTTLED);

    return lost > (1 - LEAST_SHARE) * seconds
               ? text_format("it had used up its CPU quota for %.2g s", lost)
               : NULL;
}

/* And nothing else: torture has as much of the machine as it gets. */
static bool measures(json_t *run)
{
    json_t *counters = json_object_get(run, "counters"), *counts;
    const char *name;

    json_object_foreach (counters, name, counts) {
        const struct workload *w = workload_named(name);

        if (!w || !w->bench)
            return false;
    }
    return json_object_size(counters) > 0;
}

void left_out_judge(json_t *run)
{
    char *why = measures(run) ? throttled(run) : NULL;

    why = why ? why : without_cpu(run);
    if (why)
        json_object_set_new(run, "left_out", json_string(why));
    free(why);
}

bool left_out_is_not(json_t *run)
{
    return verdict_is_good(run) && !json_object_get(run, "left_out");
}

static bool has_others(json_t *runs, json_t *left_out)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run)
        if (left_out_is_not(run) &&
            json_equal(json_object_get(run, "point"), json_object_get(left_out, "point")))
            return true;
    return false;
}

json_t *left_out_without(json_t *runs)
{
    json_t *rest = json_array(), *run;
    size_t i;

    json_array_foreach (runs, i, run)
        if (!json_object_get(run, "left_out") || !has_others(runs, run))
            json_array_append(rest, run);
    return rest;
}
