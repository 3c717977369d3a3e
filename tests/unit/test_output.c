/* The directory of results: what torture/result/output.h says, and who writes its events. */
#include "torture/result/output.h"
#include "torture/result/writing.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A result of nothing, in a directory that goes. */
static struct output output;
static struct diagnostics said;
static char base[] = "/tmp/stillpoint-output-XXXXXX";

static void open_output(void)
{
    json_t *effective = json_object();

    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert(output_open(&output, base, "test", effective, &said));
    json_decref(effective);
}

static void remove_output(void)
{
    output_discard(&output);
    rmdir(base);
    ck_assert_ptr_null(said.text);
}

static void add(const char *kind, int run)
{
    json_t *event = json_pack("{ss si}", "event", kind, "run", run);

    output_event(&output, event, &said);
    json_decref(event);
}

/* The events by kind: "invocation run run-end". */
static const char *kinds(void)
{
    static char text[4096];
    char path[256], line[256];
    size_t at = 0;
    FILE *f;

    ck_assert(writing_wait(output.events, -1));
    snprintf(path, sizeof path, "%s/events.jsonl", output.directory);
    f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    text[0] = 0;
    while (fgets(line, sizeof line, f)) {
        json_t *event = json_loads(line, 0, NULL);

        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? " " : "",
                               json_string_value(json_object_get(event, "event")));
        json_decref(event);
    }
    fclose(f);
    return text;
}

START_TEST(events_are_there_in_their_order)
{
    add("invocation", 0);
    add("run", 1);
    add("run-end", 1);
    ck_assert_str_eq(kinds(), "invocation run run-end");
}
END_TEST

START_TEST(compacting_leaves_the_first_event_and_the_runs_that_are_kept)
{
    json_t *runs = json_pack("[{si}]", "repeat", 0);

    add("invocation", 0);
    for (int i = 0; i < 100; i++)
        add("interval", 1);
    output_compact(&output, runs, 1 << 20, &said);
    ck_assert_str_ne(kinds(), "invocation run-end");
    output_compact(&output, runs, 100, &said);
    ck_assert_str_eq(kinds(), "invocation run-end");
    add("run", 2);
    ck_assert_str_eq(kinds(), "invocation run-end run");
    json_decref(runs);
}
END_TEST

static void expect_failure(struct writing *w, int error, const char *call)
{
    const char *failed = NULL;

    ck_assert(writing_wait(w, -1));
    ck_assert_int_eq(writing_error(w, &failed), error);
    ck_assert_str_eq(failed, call);
}

START_TEST(the_first_error_has_the_call_that_failed)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct writing *w = writing_open(full, 100);

    ck_assert(writing_add(w, "lost", 4));
    expect_failure(w, ENOSPC, "write");
    writing_sync(w);
    expect_failure(w, ENOSPC, "write");
    ck_assert(writing_close(w, -1));
    close(full);
    w = writing_open(-1, 100);
    writing_sync(w);
    expect_failure(w, EBADF, "fdatasync");
    ck_assert(writing_close(w, -1));
}
END_TEST

START_TEST(what_does_not_block_is_waited_for)
{
    static char text[1 << 17];
    size_t expected = sizeof text, taken = 0;
    const char *failed;
    struct writing *w;
    int ends[2];
    ssize_t n;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    while ((n = write(ends[1], text, sizeof text)) > 0)
        expected += (size_t)n;
    w = writing_open(ends[1], sizeof text);
    ck_assert_ptr_nonnull(w);
    ck_assert(writing_add(w, text, sizeof text));
    while (taken < expected) {
        ck_assert_int_eq(writing_error(w, &failed), 0);
        n = read(ends[0], text, sizeof text);
        taken += n > 0 ? (size_t)n : 0;
    }
    ck_assert(writing_close(w, -1));
    close(ends[0]);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tests = tcase_create("output");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, open_output, remove_output);
    tcase_add_test(tests, events_are_there_in_their_order);
    tcase_add_test(tests, what_does_not_block_is_waited_for);
    tcase_add_test(tests, compacting_leaves_the_first_event_and_the_runs_that_are_kept);
    tcase_add_test(tests, the_first_error_has_the_call_that_failed);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
