#include "earlier.h"

#include "lost.h"
#include "near_misses.h"

#include <stdbool.h>
#include <string.h>

#define MOST_INCONCLUSIVE 100

static bool is(json_t *run, const char *verdict)
{
    const char *text = json_string_value(json_object_get(run, "verdict"));

    return text && strcmp(text, verdict) == 0;
}

static bool same(json_t *one, json_t *other, const char *key)
{
    return json_equal(json_object_get(one, key), json_object_get(other, key));
}

/* Whether nobody will want to read it once there is a newer one. */
static bool is_dull(json_t *run, size_t inconclusive)
{
    return !is(run, "violation") && (!is(run, "inconclusive") || inconclusive > MOST_INCONCLUSIVE);
}

static void add(json_t *to, const char *key, json_int_t n)
{
    json_object_set_new(to, key, json_integer(json_integer_value(json_object_get(to, key)) + n));
}

double earlier_clean_seconds(json_t *run)
{
    return json_number_value(json_object_get(json_object_get(run, "earlier"), "clean_seconds"));
}

/* `run` stands for `old`, and for those that it stood for. */
static void stand_for(json_t *run, json_t *old)
{
    json_t *before = json_object_get(old, "earlier");
    json_t *earlier = before ? json_copy(before) : json_object(), *near = json_object();
    double clean = earlier_clean_seconds(old) + (is(old, "pass") ? lost_clean_seconds(old) : 0);

    add(earlier, "runs", 1);
    add(earlier, "inconclusive", is(old, "inconclusive"));
    json_object_set_new(earlier, "clean_seconds", json_real(clean));
    near_misses_add(near, old);
    json_object_set_new(earlier, "near_misses", near);
    json_object_set_new(run, "earlier", earlier);
}

void earlier_append(json_t *runs, json_t *run)
{
    size_t i, inconclusive = is(run, "inconclusive"), found = json_array_size(runs);
    json_t *old;

    json_array_foreach (runs, i, old)
        inconclusive += is(old, "inconclusive");
    json_array_foreach (runs, i, old)
        if (same(run, old, "point") && same(run, old, "repeat") && same(run, old, "flavor") &&
            is_dull(old, inconclusive))
            found = i;
    if (found < json_array_size(runs)) {
        old = json_array_get(runs, found);
        if (!is(old, "skipped"))
            stand_for(run, old);
        json_array_remove(runs, found);
    }
    json_array_append_new(runs, run);
}
