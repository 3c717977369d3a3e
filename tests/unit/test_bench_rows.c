/* Each row of `stillpoint bench` is of a scenario, points and figures that there are:
 * torture/compare/bench_rows.h. */
#include "torture/compare/bench.h"
#include "torture/compare/bench_rows.h"
#include "torture/host/paths.h"
#include "torture/record/duration.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"
#include "torture/scenario/settings.h"

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static json_t *scenario_of(const struct bench_row *row)
{
    char *relative = text_format("configs/bench/%s.json", row->scenario);
    char *path = paths_shared(relative);
    json_t *scenario = path ? json_load_file(path, 0, NULL) : NULL;

    ck_assert_msg(scenario != NULL, "%s: no %s", row->text, relative);
    free(relative);
    free(path);
    return scenario;
}

static json_t *part_of(json_t *scenario, const char *name)
{
    json_t *part;
    size_t i;

    json_array_foreach (json_object_get(scenario, "parts"), i, part)
        if (strcmp(json_string_value(json_object_get(part, "name")), name) == 0)
            return part;
    return NULL;
}

static bool are_same(json_t *a, json_t *b)
{
    int64_t a_ns, b_ns;

    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) ||
           (json_is_string(a) && json_is_string(b) && duration_parse(json_string_value(a), &a_ns) &&
            duration_parse(json_string_value(b), &b_ns) && a_ns == b_ns);
}

static bool varies(json_t *of, const char *key, json_t *wanted)
{
    json_t *value;
    size_t i;

    json_array_foreach (json_object_get(json_object_get(of, "sweep"), key), i, value)
        if (are_same(value, wanted))
            return true;
    return false;
}

/* Of the part; NULL: of any. */
static bool has_point(json_t *scenario, json_t *part, const char *key, json_t *wanted)
{
    bool found = varies(json_object_get(part, "sweep") ? part : scenario, key, wanted);
    json_t *one;
    size_t i;

    if (!part)
        json_array_foreach (json_object_get(scenario, "parts"), i, one)
            found = found || varies(one, key, wanted);
    return found;
}

static void expect_points(const struct bench_row *row, json_t *scenario, json_t *part,
                          const char *text)
{
    json_t *where = json_loads(text, 0, NULL), *wanted;
    const char *key;

    ck_assert_msg(json_is_object(where), "%s: %s", row->text, text);
    json_object_foreach (where, key, wanted)
        ck_assert_msg(has_point(scenario, part, key, wanted), "%s: no point with %s of %s",
                      row->text, key, text);
    json_decref(where);
}

/* "gp.total.p50", "rate.gps", "counters.update-mix.ops". */
static bool is_metric(const char *name)
{
    const char *dot = strrchr(name, '.');
    char *latency;
    bool known;

    if (strcmp(name, METRIC_CPU_OF_GP) == 0)
        return true;
    if (strncmp(name, "rate.", 5) == 0 || strncmp(name, "counters.", 9) == 0)
        return counter_named(dot + 1) != NULL;
    latency = dot ? strndup(name, (size_t)(dot - name)) : strdup(name);
    known = measure_named(latency) != NULL;
    free(latency);
    return known;
}

static bool is_group(const char *name)
{
    for (const struct bench_group *group = bench_groups; group->name; group++)
        if (strcmp(group->name, name) == 0)
            return true;
    return false;
}

START_TEST(every_row_is_of_something)
{
    for (size_t i = 0; i < bench_row_count; i++) {
        const struct bench_row *row = &bench_rows[i];
        json_t *scenario = scenario_of(row);
        json_t *part = row->part ? part_of(scenario, row->part) : NULL;

        ck_assert_msg(is_group(row->group), "%s: no group %s", row->text, row->group);
        ck_assert_msg(!row->part || part, "%s: no part %s", row->text, row->part);
        ck_assert_msg(is_metric(row->metric), "%s: no metric %s", row->text, row->metric);
        ck_assert_msg(!row->limit || is_metric(row->limit), "%s: no metric %s", row->text,
                      row->limit);
        if (row->where)
            expect_points(row, scenario, part, row->where);
        if (row->limit_where)
            expect_points(row, scenario, part, row->limit_where);
        json_decref(scenario);
    }
}
END_TEST

static const char *part_name(const struct bench_source *source)
{
    return source->part ? source->part : "";
}

START_TEST(every_group_has_rows_and_each_source_runs_once)
{
    for (const struct bench_group *group = bench_groups; group->name; group++) {
        struct bench_source *sources = bench_sources(&group->name, 1);

        ck_assert_str_ne(sources[0].scenario, "limits");
        for (size_t i = 0; sources[i].scenario; i++)
            for (size_t j = 0; j < i; j++)
                ck_assert(strcmp(sources[i].scenario, sources[j].scenario) != 0 ||
                          strcmp(part_name(&sources[i]), part_name(&sources[j])) != 0);
        free(sources);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench rows");
    TCase *tests = tcase_create("bench rows");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, every_row_is_of_something);
    tcase_add_test(tests, every_group_has_rows_and_each_source_runs_once);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
