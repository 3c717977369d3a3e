/* Time that does not count: what torture/result/lost.h says. */
#include "torture/result/lost.h"

#include <check.h>
#include <stdlib.h>

static json_t *run_of(double seconds, double lost)
{
    return json_pack("{sf sf s[] s[]}", "seconds", seconds, "lost_seconds", lost, "disturbances",
                     "notes");
}

static void note(json_t *run, enum lost_cause cause, double from, double to, double seconds,
                 const char *why)
{
    lost_note(json_object_get(run, "disturbances"), cause, from, to, seconds, why);
}

static size_t notes_in(json_t *run)
{
    return json_array_size(json_object_get(run, "disturbances"));
}

/* How many lines it gets; the first is in `line`. */
static size_t judge(json_t *run, const char **line)
{
    json_t *missing = json_array(), *notes = json_object_get(run, "notes");

    lost_judge(run, missing);
    json_object_set_new(run, "missing", missing);
    *line = json_string_value(json_array_get(missing, 0));
    if (!*line)
        *line = json_string_value(json_array_get(notes, 0));
    return json_array_size(missing);
}

START_TEST(a_run_that_has_lost_too_much_says_what_took_it)
{
    json_t *run = run_of(20, 5);
    const char *line;

    note(run, LOST_MACHINE, 1, 5, 3.1, NULL);
    note(run, LOST_STEAL, 1, 5, 2.9, NULL);
    note(run, LOST_THROTTLED, 1, 5, 0.01, NULL);
    note(run, LOST_DRIVER, 7, 9, 1.9, "stopped");
    note(run, LOST_PRESSURE_CPU, 0, 20, 20, NULL);
    ck_assert_uint_eq(judge(run, &line), 1);
    ck_assert_str_eq(line, "5.0 s of 20.0 s do not count: the machine stood still for 3.1 s (steal "
                           "2.9 s), and the driver was away for 1.9 s (stopped)");
    ck_assert_double_eq(lost_clean_seconds(run), 15);
    json_decref(run);
}
END_TEST

/* seconds, lost, whether that is too much, whether anything is said. */
static const struct {
    double seconds, lost;
    bool too_much, said;
} shares[] = {
    {10, 0, false, false}, {10, 0.2, false, false},  {10, 1.9, false, true},
    {10, 2.1, true, true}, {0.5, 0.2, false, false}, {0.5, 0.3, true, true},
    {5, 5, true, true},
};

START_TEST(a_fifth_of_a_run_is_too_much)
{
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        json_t *run = run_of(shares[i].seconds, shares[i].lost);
        const char *line;

        ck_assert_uint_eq(judge(run, &line), shares[i].too_much);
        ck_assert_int_eq(line != NULL, shares[i].said);
        json_decref(run);
    }
}
END_TEST

START_TEST(notes_that_follow_one_another_are_one)
{
    json_t *run = run_of(20, 5), *first;

    note(run, LOST_RUNNER, 1, 2, 0.5, NULL);
    note(run, LOST_RUNNER, 2, 3, 1, "stopped");
    note(run, LOST_RUNNER, 5, 6, 1, NULL);
    ck_assert_uint_eq(notes_in(run), 2);
    first = json_array_get(json_object_get(run, "disturbances"), 0);
    ck_assert_double_eq(json_number_value(json_object_get(first, "seconds")), 1.5);
    ck_assert_double_eq(json_number_value(json_object_get(first, "to_s")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(first, "why")), "stopped");
    json_decref(run);
}
END_TEST

START_TEST(the_list_stays_short_however_long_a_run_is)
{
    json_t *run = run_of(20, 5);

    for (int i = 0; i < 1000; i++) {
        note(run, LOST_MACHINE, 2 * i, 2 * i + 1, 0.5, NULL);
        note(run, LOST_PRESSURE_IO, 2 * i, 2 * i + 1, 0.5, NULL);
    }
    ck_assert_uint_eq(notes_in(run), 101);
    json_decref(run);
}
END_TEST

START_TEST(a_writer_that_is_held_up_is_told_and_takes_nothing)
{
    json_t *run = run_of(30, 0);
    const char *line;

    note(run, LOST_DISK, 1, 25, 19.5, NULL);
    ck_assert_uint_eq(judge(run, &line), 0);
    ck_assert_str_eq(line, "the disk took no events for 19.5 s; nothing waited for it");
    json_decref(run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lost");
    TCase *tests = tcase_create("lost");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_run_that_has_lost_too_much_says_what_took_it);
    tcase_add_test(tests, a_fifth_of_a_run_is_too_much);
    tcase_add_test(tests, notes_that_follow_one_another_are_one);
    tcase_add_test(tests, the_list_stays_short_however_long_a_run_is);
    tcase_add_test(tests, a_writer_that_is_held_up_is_told_and_takes_nothing);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
