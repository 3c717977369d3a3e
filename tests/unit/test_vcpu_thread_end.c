/* Threads that end with what others wait for: each is diagnosed, in every build. */
/* Left out of TWO_PHASE M32 FENCE: none changes what a thread holds. */
#include <stillpoint/vcpu.h>

#include "actor.h"

#include <check.h>

static void (*hold)(void);

static void *end_with_it(void *unused)
{
    hold();
    return unused;
}

static void run_a_thread(void)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, end_with_it, NULL), 0);
    pthread_join(thread, NULL);
}

/* The numbers are the lines of the statements: the messages name them. */
static void take_the_big_lock(void)
{
    bql_lock();
}
enum { TAKEN = __LINE__ - 2 };

static void lend_the_big_lock(void)
{
    bql_lock();
    bql_unlock();
    take_the_big_lock();
}

START_TEST(with_the_big_lock)
{
    static void (*const ways[])(void) = {take_the_big_lock, lend_the_big_lock};
    char text[200];

    hold = ways[_i];
    snprintf(text, sizeof text, "a thread ended with the big lock held, taken at %s:%d", __FILE__,
             TAKEN);
    dies_saying(run_a_thread, text);
}
END_TEST

static void start_section(void)
{
    start_exclusive();
}

START_TEST(in_an_exclusive_section)
{
    hold = start_section;
    dies_saying(run_a_thread, "a thread ended in an exclusive section; call end_exclusive() first");
}
END_TEST

static void pause_all(void)
{
    pause_all_vcpus();
}

START_TEST(in_its_pause)
{
    hold = pause_all;
    dies_saying(run_a_thread, "a thread ended in its pause");
}
END_TEST

static pthread_key_t key;
static unsigned rounds;

/* In the last round that the library leaves to the program. */
static void let_go_at_last(void *unused)
{
    if (++rounds < 2) {
        pthread_setspecific(key, &key);
        return;
    }
    end_exclusive();
    resume_all_vcpus();
    bql_unlock();
    (void)unused;
}

static void hold_all_and_let_go(void)
{
    pthread_setspecific(key, &key);
    pause_all_vcpus();
    start_exclusive();
    bql_lock();
}

START_TEST(destructors_may_let_go_of_it)
{
    ck_assert_int_eq(pthread_key_create(&key, let_go_at_last), 0);
    hold = hold_all_and_let_go;
    for (int i = 0; i < 10; i++) {
        rounds = 0;
        run_a_thread();
        ck_assert_uint_eq(rounds, 2);
    }
}
END_TEST

static void *resume_for_another(void *unused)
{
    resume_all_vcpus();
    return unused;
}

static void pause_and_hand_over(void)
{
    pthread_t thread;

    pause_all_vcpus();
    ck_assert_int_eq(pthread_create(&thread, NULL, resume_for_another, NULL), 0);
    pthread_join(thread, NULL);
}

START_TEST(not_in_a_pause_that_another_has_ended)
{
    hold = pause_and_hand_over;
    for (int i = 0; i < 10; i++)
        run_a_thread();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads of vCPUs that end");
    TCase *c = add_case(suite, "a thread that ends");

    tcase_add_loop_test(c, with_the_big_lock, 0, 2);
    tcase_add_test(c, in_an_exclusive_section);
    tcase_add_test(c, in_its_pause);
    tcase_add_test(c, destructors_may_let_go_of_it);
    tcase_add_test(c, not_in_a_pause_that_another_has_ended);
    return run_suite(suite);
}
