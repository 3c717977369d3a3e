/* Sections that cost online threads nothing: RCU_READERS_ONLINE, rcu_online_read_lock(). */
#define RCU_READERS_ONLINE
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"

#include <check.h>

static bool readers_use_macro;

/* Sections nest and follow one another in an interval; what the first found stays until its end. */
static void *online_reader(void *unused)
{
    (void)unused;
    rcu_register_thread();
    rcu_thread_online();
    while (life_goes_on()) {
        if (readers_use_macro) {
            WITH_RCU_READ_LOCK_GUARD()
            {
                rcu_read_lock();
                life_look(2000);
                rcu_read_unlock();
            }
        } else {
            rcu_online_read_lock();
            rcu_online_read_lock();
            life_look(2000);
            rcu_online_read_unlock();
            rcu_online_read_unlock();
        }
        rcu_quiescent_state();
    }
    rcu_thread_offline();
    rcu_unregister_thread();
    return NULL;
}

START_TEST(no_section_sees_what_was_retired)
{
    int64_t end = search_end_ns(300);
    pthread_t threads[2];

    readers_use_macro = _i;
    life_begin();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, online_reader, NULL), 0);
    for (unsigned i = 1; now_ns() < end; i++)
        life_replace(i, synchronize_rcu);
    atomic_store(&life.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
}
END_TEST

START_TEST(code_in_a_section_can_tell)
{
    rcu_register_thread();
    ck_assert(!rcu_read_locked());
    rcu_thread_online();
    rcu_read_lock();
    ck_assert(rcu_read_locked());
    rcu_read_unlock();
    rcu_thread_offline();
    ck_assert(!rcu_read_locked());
    rcu_unregister_thread();
}
END_TEST

#ifdef STILLPOINT_DEBUG
START_TEST(a_section_of_a_thread_that_is_offline_aborts)
{
    rcu_register_thread();
    if (_i)
        rcu_read_lock();
    else
        rcu_online_read_lock();
}
END_TEST

START_TEST(a_quiescent_state_in_a_section_aborts)
{
    rcu_register_thread();
    rcu_thread_online();
    if (_i)
        rcu_read_lock();
    else
        rcu_online_read_lock();
    rcu_quiescent_state();
}
END_TEST
#else
/* The counter, which leaders look at, is left alone. */
START_TEST(a_pair_stores_nothing)
{
    unsigned long counter;

    rcu_register_thread();
    rcu_thread_online();
    counter = atomic_load(&rcu_reader.counter);
    if (_i)
        rcu_read_lock();
    else
        rcu_online_read_lock();
    ck_assert_uint_eq(atomic_load(&rcu_reader.counter), counter);
    if (_i)
        rcu_read_unlock();
    else
        rcu_online_read_unlock();
    ck_assert_uint_eq(atomic_load(&rcu_reader.counter), counter);
    rcu_thread_offline();
    rcu_unregister_thread();
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("free sections");
    TCase *sections = add_case(suite, "sections"), *diagnoses = add_case(suite, "diagnoses");

    tcase_add_loop_test(sections, no_section_sees_what_was_retired, 0, 2);
    tcase_add_test(sections, code_in_a_section_can_tell);
#ifdef STILLPOINT_DEBUG
    tcase_add_loop_test_raise_signal(diagnoses, a_section_of_a_thread_that_is_offline_aborts,
                                     SIGABRT, 0, 2);
    tcase_add_loop_test_raise_signal(diagnoses, a_quiescent_state_in_a_section_aborts, SIGABRT, 0,
                                     2);
#else
    tcase_add_loop_test(diagnoses, a_pair_stores_nothing, 0, 2);
#endif
    return run_suite(suite);
}
