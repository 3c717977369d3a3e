/* Promises of statistics: torture/record/promise.h, and what threads have called. */
#include "torture/record/promise.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct statistic table[] = {{.name = "all"}, {.name = "some"}, {.name = "others"}};
#define TABLE      table, sizeof table / sizeof *table
#define FIRST_CALL (sizeof table / sizeof *table)

static struct diagnostics d;
static struct promises promises;

static bool add(const char *text)
{
    return promises_add(&promises, text, TABLE, &d);
}

static void teardown(void)
{
    promises_free(&promises);
    diagnostics_free(&d);
}

static struct promise_moment moment(uint64_t all, uint64_t some, uint64_t others)
{
    return (struct promise_moment){.values = {all, some, others}};
}

START_TEST(parts_are_at_most_the_whole)
{
    struct promise_moment now = moment(5, 2, 3), more = moment(5, 3, 3);

    ck_assert(add("some + others <= all"));
    ck_assert_uint_eq(promises.count, 1);
    ck_assert(promise_is_kept(&promises.list[0], &now, &now, 0));
    ck_assert(!promise_is_kept(&promises.list[0], &more, &more, 0));
    ck_assert(promise_is_kept(&promises.list[0], &more, &more, 1));
}
END_TEST

START_TEST(the_left_side_is_of_the_earlier_moment)
{
    struct promise_moment before = moment(5, 5, 0), after = moment(9, 9, 0);

    ck_assert(add("all <= some"));
    ck_assert(promise_is_kept(&promises.list[0], &before, &after, 0));
    ck_assert(!promise_is_kept(&promises.list[0], &after, &before, 0));
}
END_TEST

START_TEST(one_that_is_equal_is_so_both_ways)
{
    struct promise_moment fewer = moment(4, 5, 0), same = moment(5, 5, 0), more = moment(6, 5, 0);

    ck_assert(add("all == some"));
    ck_assert(promise_is_kept(&promises.list[0], &same, &same, 0));
    ck_assert(!promise_is_kept(&promises.list[0], &fewer, &fewer, 0));
    ck_assert(!promise_is_kept(&promises.list[0], &more, &more, 0));
}
END_TEST

START_TEST(a_chain_is_of_pairs)
{
    struct promise_moment kept = moment(3, 1, 2), high = moment(4, 1, 2), low = moment(0, 1, 2);

    ck_assert(add("some <= all <= others + 1"));
    ck_assert_uint_eq(promises.count, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert(promise_is_kept(&promises.list[i], &kept, &kept, 0));
    ck_assert(!promise_is_kept(&promises.list[0], &low, &low, 0));
    ck_assert(!promise_is_kept(&promises.list[1], &high, &high, 0));
}
END_TEST

START_TEST(calls_come_after_the_statistics)
{
    struct promise_moment now = moment(7, 0, 0);

    now.values[FIRST_CALL + CALLED_PAUSE] = 6;
    ck_assert(add("all == called.pause"));
    ck_assert(add("some <= all"));
    ck_assert(promises.list[0].of_calls);
    ck_assert(!promises.list[1].of_calls);
    ck_assert(!promise_is_kept(&promises.list[0], &now, &now, 0));
    now.values[FIRST_CALL + CALLED_PAUSE] = 7;
    ck_assert(promise_is_kept(&promises.list[0], &now, &now, 0));
}
END_TEST

START_TEST(it_is_told_with_its_values)
{
    struct promise_moment now = moment(7, 8, 9);
    char *text;

    now.values[FIRST_CALL + CALLED_KICK] = 4;
    ck_assert(add("some + called.kick <= all + 1"));
    text = promise_told(&promises.list[0], &now, &now, TABLE);
    ck_assert_str_eq(text, "some (8) + called.kick (4) <= all (7) + 1");
    free(text);
}
END_TEST

static const struct {
    const char *text, *what;
} refused[] = {
    {"some <= al", "\"al\" is no statistic"},
    {"called.nothing <= all", "\"called.nothing\" is no statistic"},
    {"some < all", "expected <= or =="},
    {"some <= ", "\"\" is no statistic"},
    {"some + <= all", "\"\" is no statistic"},
    {"some", "expected <= or =="},
    {"some <= all >= others", "expected <= or =="},
};

START_TEST(what_names_nothing_is_refused)
{
    ck_assert(!add(refused[_i].text));
    ck_assert_ptr_nonnull(d.text);
    ck_assert_ptr_nonnull(strstr(d.text, refused[_i].what));
}
END_TEST

START_TEST(no_text_promises_nothing)
{
    ck_assert(add(NULL));
    ck_assert_uint_eq(promises.count, 0);
}
END_TEST

static void *call_some(void *unused)
{
    (void)unused;
    called_one(CALLED_PAUSE);
    called_more(CALLED_KICK, 10);
    return NULL;
}

static void *call_some_there(void *block)
{
    called_lend(block);
    return call_some(NULL);
}

/* Those of threads that have ended as well; what was lent, when it is taken over. */
START_TEST(calls_of_all_threads_are_added_up)
{
    uint64_t before[CALLED_COUNT], after[CALLED_COUNT];
    struct called lent;
    pthread_t thread;

    called_add_up(before);
    called_one(CALLED_PAUSE);
    pthread_create(&thread, NULL, call_some, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, call_some_there, &lent);
    pthread_join(thread, NULL);
    called_add_up(after);
    ck_assert_uint_eq(after[CALLED_PAUSE], before[CALLED_PAUSE] + 2);
    ck_assert_uint_eq(after[CALLED_KICK], before[CALLED_KICK] + 10);
    called_take_over(&lent);
    called_add_up(after);
    ck_assert_uint_eq(after[CALLED_PAUSE], before[CALLED_PAUSE] + 3);
    ck_assert_uint_eq(after[CALLED_KICK], before[CALLED_KICK] + 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("promise");
    TCase *c = tcase_create("promises"), *calls = tcase_create("calls");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(c, NULL, teardown);
    tcase_add_test(c, parts_are_at_most_the_whole);
    tcase_add_test(c, the_left_side_is_of_the_earlier_moment);
    tcase_add_test(c, one_that_is_equal_is_so_both_ways);
    tcase_add_test(c, a_chain_is_of_pairs);
    tcase_add_test(c, calls_come_after_the_statistics);
    tcase_add_test(c, it_is_told_with_its_values);
    tcase_add_loop_test(c, what_names_nothing_is_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(c, no_text_promises_nothing);
    suite_add_tcase(suite, c);
    tcase_add_test(calls, calls_of_all_threads_are_added_up);
    suite_add_tcase(suite, calls);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
