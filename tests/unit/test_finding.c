/* Findings: what torture/result/finding.h says; nothing is lost on the way through a result. */
#include "torture/result/finding.h"

#include <check.h>
#include <stdlib.h>

static struct finding *whole_finding(void)
{
    struct finding *f = finding_new("stall", 1, "rcu-pipe", 0.25, "reader-0 made no progress.");
    struct finding_moment moment = {
        .us = -1.5, .cpu = 3, .thread = (char *)"reader-0", .event = (char *)"entered"};
    struct finding_stack stack = {.thread = (char *)"reader-0",
                                  .text = (char *)"main+1\n",
                                  .stalled = true,
                                  .in_section = true,
                                  .holds_up_gp = true,
                                  .state = (char *)"S, futex_do_wait",
                                  .duty = (char *)"holds the big lock"};

    f->count = 7;
    finding_add_thread(f, "reader-0");
    finding_add_moment(f, &moment);
    moment.cpu = -1;
    finding_add_moment(f, &moment);
    finding_mark(f, 1, "reader-0", "comes in");
    stacks_add(&f->stacks, &stack);
    stack.stalled = stack.in_section = stack.holds_up_gp = false;
    stack.state = stack.duty = NULL;
    stacks_add(&f->stacks, &stack);
    finding_set_output(f, "last words");
    finding_set_repro(f, "stillpoint run a.json");
    return f;
}

START_TEST(a_finding_is_the_same_after_it_was_written_and_read)
{
    struct finding *f = whole_finding(), *again;
    json_t *written = finding_write(f), *twice;

    ck_assert_ptr_nonnull(written);
    again = finding_read(written);
    twice = finding_write(again);
    ck_assert_int_eq(json_equal(written, twice), 1);
    ck_assert_str_eq(again->check, "stall");
    ck_assert_uint_eq(again->count, 7);
    ck_assert_uint_eq(again->moment_count, 2);
    ck_assert_ptr_null(again->moments[0].mark);
    ck_assert_str_eq(again->moments[1].mark, "reader-0 comes in");
    ck_assert_int_eq(again->moments[1].cpu, -1);
    ck_assert_str_eq(again->stacks.list[0].state, "S, futex_do_wait");
    ck_assert_str_eq(again->stacks.list[0].duty, "holds the big lock");
    ck_assert(again->stacks.list[0].holds_up_gp && !again->stacks.list[1].stalled);
    ck_assert_str_eq(again->output, "last words");
    ck_assert_str_eq(again->repro, "stillpoint run a.json");
    json_decref(written);
    json_decref(twice);
    finding_free(f);
    finding_free(again);
}
END_TEST

START_TEST(what_was_never_known_is_not_written)
{
    struct finding *f = finding_new("crash", 0, "kick", 0, "The runner ended.");
    json_t *written = finding_write(f);

    ck_assert_ptr_null(json_object_get(written, "stacks"));
    ck_assert_ptr_null(json_object_get(written, "output"));
    ck_assert_ptr_null(json_object_get(written, "repro"));
    ck_assert_ptr_null(json_object_get(written, "workload_index"));
    ck_assert_int_eq((int)json_array_size(json_object_get(written, "threads")), 0);
    ck_assert_int_eq((int)json_integer_value(json_object_get(written, "count")), 1);
    json_decref(written);
    finding_free(f);
}
END_TEST

START_TEST(what_is_missing_or_of_another_type_is_empty)
{
    static const char *const bad[] = {
        "{}", "null", "[]",
        "{\"check\": 3, \"timeline\": [1, {\"us\": \"x\"}], \"stacks\": [null]}",
        "{\"threads\": [null, 4], \"count\": \"many\"}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *written = json_loads(bad[i], JSON_DECODE_ANY, NULL), *again;
        struct finding *f = finding_read(written);

        ck_assert_str_eq(f->check, "");
        ck_assert_str_eq(f->message, "");
        again = finding_write(f);
        ck_assert_ptr_nonnull(again);
        json_decref(again);
        finding_free(f);
        json_decref(written);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("finding");
    TCase *cases = tcase_create("form");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, a_finding_is_the_same_after_it_was_written_and_read);
    tcase_add_test(cases, what_was_never_known_is_not_written);
    tcase_add_test(cases, what_is_missing_or_of_another_type_is_empty);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
