#include "floor.h"

#include "torture/scenario/document.h"
#include "torture/scenario/requirement.h"
#include "verdict.h"

#include <stdio.h>

static double number_of(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Why the reference's run shows nothing of what can be done; NULL: it does. */
static json_t *objection(json_t *reference)
{
    json_t *finding = json_array_get(json_object_get(reference, "findings"), 0);

    if (verdict_is_good(reference))
        return NULL;
    if (finding)
        return json_sprintf("its run has a finding, %s (in its event \"floor\")",
                            document_text(finding, "check"));
    if (json_object_get(reference, "skip"))
        return json_incref(json_object_get(reference, "skip"));
    return json_incref(json_array_get(json_object_get(reference, "missing"), 0));
}

json_t *floor_describe(json_t *reference, json_t *least)
{
    const char *flavor = document_text(reference, "flavor"), *name;
    json_t *counts, *share, *why = objection(reference);

    if (why)
        return json_pack("{ss so}", "flavor", flavor, "not_judged", why);
    counts = json_object();
    json_object_foreach (least, name, share) {
        json_int_t count;

        if (verdict_counter(reference, name, &count))
            json_object_set_new(counts, name, json_integer(count));
    }
    return json_pack("{ss sf so}", "flavor", flavor, "seconds", number_of(reference, "seconds"),
                     "counts", counts);
}

static const char *rate(double count, double seconds, char *buffer)
{
    double per_s = seconds > 0 ? count / seconds : 0;

    snprintf(buffer, 32, per_s < 10 ? "%.2g/s" : "%.0f/s", per_s);
    return buffer;
}

static void judge(json_t *run, const char *name, double percent, json_t *missing)
{
    json_t *floor = json_object_get(run, "floor");
    double seconds = number_of(run, "seconds"), moment = number_of(floor, "seconds");
    double reference = number_of(json_object_get(floor, "counts"), name);
    const char *flavor = document_text(floor, "flavor");
    char done[32], had[32];
    json_int_t count;

    verdict_counter(run, name, &count);
    if (reference == 0)
        json_array_append_new(
            json_object_get(run, "notes"),
            json_sprintf("no floor for %s: %s had none in its moment", name, flavor));
    else if (100 * (double)count * moment < percent * reference * seconds)
        json_array_append_new(
            missing,
            json_sprintf("%s was reached %lld times in %.1f s, %s; %s had %s at this "
                         "point, and %g %% of that are required",
                         name, (long long)count, seconds, rate((double)count, seconds, done),
                         flavor, rate(reference, moment, had), percent));
}

void floor_judge(json_t *run, json_t *least, json_t *missing)
{
    json_t *floor = json_object_get(run, "floor"), *share;
    const char *name, *why = json_string_value(json_object_get(floor, "not_judged"));
    double percent;

    if (why)
        json_array_append_new(
            json_object_get(run, "notes"),
            json_sprintf("no floor was measured with %s: %s", document_text(floor, "flavor"), why));
    json_object_foreach (floor && !why ? least : NULL, name, share)
        if (floor_read(share, &percent))
            judge(run, name, percent, missing);
}
