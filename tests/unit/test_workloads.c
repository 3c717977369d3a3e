/* The tables of all workloads: no row that an enum numbers is missing, and none is there twice. */
#include "torture/placement/settings.h"
#include "torture/record/workload.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Fails unless each name is there, and there once. */
static void expect_names(const struct workload *w, const char *what, const char **names,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(names[i] && *names[i], "%s: %s %zu has no row", w->name, what, i);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(strcmp(names[i], names[j]) != 0, "%s: %s \"%s\" is there twice", w->name,
                          what, names[i]);
    }
}

static const char **room_for(size_t count)
{
    const char **names = calloc(count + 1, sizeof *names);

    ck_assert_ptr_nonnull(names);
    return names;
}

START_TEST(each_counter_and_each_latency_has_a_row)
{
    for (const struct workload *const *w = workloads; *w; w++) {
        const char **counters = room_for((*w)->counter_count);
        const char **measures = room_for((*w)->measure_count);

        for (size_t i = 0; i < (*w)->counter_count; i++)
            counters[i] = (*w)->counters[i].name;
        for (size_t i = 0; i < (*w)->measure_count; i++)
            measures[i] = (*w)->measures[i].name;
        expect_names(*w, "counter", counters, (*w)->counter_count);
        expect_names(*w, "latency", measures, (*w)->measure_count);
        for (size_t i = 0; i < (*w)->measure_count; i++)
            ck_assert_msg((*w)->measures[i].unit, "%s: latency \"%s\" has no unit", (*w)->name,
                          measures[i]);
        free(counters);
        free(measures);
    }
}
END_TEST

START_TEST(each_check_and_each_note_has_a_row)
{
    for (const struct workload *const *w = workloads; *w; w++) {
        const char **checks = room_for((*w)->check_count), **notes = room_for((*w)->note_count);

        for (size_t i = 0; i < (*w)->check_count; i++)
            checks[i] = (*w)->checks[i];
        for (size_t i = 0; i < (*w)->note_count; i++)
            notes[i] = (*w)->notes[i].format;
        expect_names(*w, "check", checks, (*w)->check_count);
        expect_names(*w, "note", notes, (*w)->note_count);
        free(checks);
        free(notes);
    }
}
END_TEST

START_TEST(each_role_runs_something_and_is_counted_by_an_option)
{
    for (const struct workload *const *w = workloads; *w; w++) {
        ck_assert_ptr_nonnull((*w)->options);
        for (const struct role *r = (*w)->roles; r->name; r++) {
            const struct option *count =
                r->count_option ? options_find((*w)->options, r->count_option) : NULL;

            ck_assert_msg(r->run, "%s: role %s runs nothing", (*w)->name, r->name);
            ck_assert_msg(!r->count_option || (count && count->type == OPTION_INT),
                          "%s: role %s is counted by \"%s\", which is no such option", (*w)->name,
                          r->name, r->count_option);
        }
    }
}
END_TEST

START_TEST(an_option_that_needs_something_can_be_turned_off)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (const struct option *o = (*w)->options; o->name; o++)
            ck_assert_msg(!o->needs || ((*w)->needs_by_params &&
                                        (o->type == OPTION_BOOL || o->type == OPTION_INT ||
                                         o->type == OPTION_DURATION) &&
                                        o->min <= 0),
                          "%s: \"%s\"", (*w)->name, o->name);
}
END_TEST

/* By its rank alone a latency is found that several workloads measure. */
START_TEST(a_rank_of_headlines_is_of_one_latency)
{
    const char *of[4] = {NULL};

    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++) {
            const struct measure *m = &(*w)->measures[i];

            ck_assert_uint_lt(m->headline, sizeof of / sizeof *of);
            ck_assert_msg(!m->headline || !of[m->headline] || strcmp(of[m->headline], m->name) == 0,
                          "%s: latency \"%s\" has the rank of \"%s\"", (*w)->name, m->name,
                          of[m->headline]);
            of[m->headline] = m->name;
        }
}
END_TEST

START_TEST(the_axis_of_a_picture_is_an_option)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++) {
            const struct measure *m = &(*w)->measures[i];

            ck_assert_msg(!m->axis || m->picture, "%s: \"%s\" has an axis and no picture",
                          (*w)->name, m->name);
            ck_assert_msg(!m->axis || options_find((*w)->options, m->axis) ||
                              options_find(placement_options, m->axis),
                          "%s: \"%s\": there is no option \"%s\"", (*w)->name, m->name, m->axis);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workloads");
    TCase *c = tcase_create("tables");

    tcase_add_test(c, each_counter_and_each_latency_has_a_row);
    tcase_add_test(c, each_check_and_each_note_has_a_row);
    tcase_add_test(c, each_role_runs_something_and_is_counted_by_an_option);
    tcase_add_test(c, an_option_that_needs_something_can_be_turned_off);
    tcase_add_test(c, a_rank_of_headlines_is_of_one_latency);
    tcase_add_test(c, the_axis_of_a_picture_is_an_option);
    suite_add_tcase(suite, c);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
