/* What a reader of rcu-pipe found, and the check by which it is wrong. */
#define FLAVOR_HEADER "torture/flavors/null.h" /* that of the workloads that are linked */
#include "torture/workloads/rcu-pipe/sight.h"

#include <check.h>
#include <stdlib.h>

static struct sight sight_of(uint64_t id, unsigned first_age, unsigned age)
{
    return (struct sight){
        .id = id, .id_again = id, .check = id_check(id), .first_age = first_age, .age = age};
}

START_TEST(an_object_that_is_whole_and_old_is_too_old)
{
    struct sight s = sight_of(7, 0, 2);

    ck_assert_uint_eq(pipe_check_of(&s), PIPE_AGE);
    s = sight_of(UINT64_C(1) << 40, PIPE_LENGTH, PIPE_LENGTH);
    ck_assert_uint_eq(pipe_check_of(&s), PIPE_AGE);
}
END_TEST

START_TEST(an_object_that_is_not_whole_was_published_too_early)
{
    struct sight s = sight_of(7, 0, 0);

    s.check = 0;
    ck_assert_uint_eq(pipe_check_of(&s), PUBLISH_ORDER);
    s.check = POISON;
    ck_assert_uint_eq(pipe_check_of(&s), PUBLISH_ORDER);
}
END_TEST

START_TEST(what_a_pointer_into_an_object_leads_to_was_never_published)
{
    struct sight s = sight_of(UINT64_C(7) << 56, 0, 0);

    s.object = (struct object *)(uintptr_t)65;
    ck_assert_uint_eq(pipe_check_of(&s), PUBLISH_ORDER);
    s.object = (struct object *)(uintptr_t)64;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
}
END_TEST

START_TEST(an_object_that_is_freed_or_another_one_was_used_again)
{
    struct sight s = sight_of(POISON, 1, 2);

    s.check = POISON;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
    s = sight_of(7, 1, 2);
    s.id_again = 12;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
}
END_TEST

/* free() writes where the age and the id have been. */
START_TEST(memory_that_is_the_heaps_again_is_no_object_that_was_published_too_early)
{
    struct sight s = sight_of(542815215350768041, 2565115680, 2565115680);

    s.check = 0;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
    s.first_age = s.age = 0;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
    s = sight_of(7, 0, 2565115680);
    s.check = 0;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
    s = sight_of(7, 2565115680, 0);
    s.check = 0;
    ck_assert_uint_eq(pipe_check_of(&s), EARLY_REUSE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipe_sight");
    TCase *c = tcase_create("checks");

    tcase_add_test(c, an_object_that_is_whole_and_old_is_too_old);
    tcase_add_test(c, what_a_pointer_into_an_object_leads_to_was_never_published);
    tcase_add_test(c, an_object_that_is_not_whole_was_published_too_early);
    tcase_add_test(c, an_object_that_is_freed_or_another_one_was_used_again);
    tcase_add_test(c, memory_that_is_the_heaps_again_is_no_object_that_was_published_too_early);
    suite_add_tcase(suite, c);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
